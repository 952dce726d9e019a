"""`make package`: what a cluster needs of rephrase, in dist/.

The wheel; the environment as an archive for `spark-submit --archives` (Python, rephrase and all that it depends on, on the versions of
constraints.txt, with a manifest as its first member); and the scripts of jobs/ as jobs.zip, for `--py-files`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

from interpreter import UV, free_scripts, lay_interpreter, run, told

ROOT = Path(__file__).resolve().parent.parent
# The cluster brings Spark's jars. Programs that start other programs with these names find those of the cluster, too.
_OF_THE_CLUSTER = ("pyspark/jars", "pyspark/examples", "pyspark/licenses")
# Each executor unpacks every file: these bring thousands that only test them.
_WITH_TESTS = ("numpy", "pandas", "pyarrow", "sympy")
_MANIFEST = "from rephrase.doctor.archive import manifest_here; print(manifest_here())"
_NAME = "rephrase.json"


def main() -> None:
    """Build all three, and print where they are."""
    parser = argparse.ArgumentParser(prog="make package", description=__doc__)
    parser.add_argument("--vllm", choices=["none", "cpu", "gpu"], default="none", help="the build of vLLM in the archive (default: none)")
    parser.add_argument("--extras", default="", help="more of the extras of pyproject.toml, with commas between them")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where to build (default: dist/)")
    options = parser.parse_args()
    dist: Path = options.dist.resolve()
    dist.mkdir(parents=True, exist_ok=True)
    wheel = build_wheel(dist)
    extras = [*([] if options.vllm == "none" else [options.vllm]), *filter(None, options.extras.split(","))]
    archive = build_archive(dist, wheel, extras)
    jobs = zip_jobs(dist)
    for path in (wheel, archive, jobs):
        print(f"{path.stat().st_size / 1e6:8,.1f} MB  {os.path.relpath(path)}")


def build_wheel(dist: Path) -> Path:
    """The wheel of this checkout."""
    for old in dist.glob("rephrase-*.whl"):
        old.unlink()
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)  # setuptools would take up what has been removed since
    _must(UV, "build", "--quiet", "--wheel", "--out-dir", dist, ROOT)
    return next(dist.glob("rephrase-*.whl"))


def build_archive(dist: Path, wheel: Path, extras: list[str]) -> Path:
    """The environment, which is started from two places before it is packed. Raises `SystemExit` where it does not run from the second."""
    building = dist / ".building"
    shutil.rmtree(building, ignore_errors=True)
    made, moved = building / "made", building / "environment"
    what = lay_interpreter(Path(sys.executable), made)
    print(f"the archive's Python is {what}", file=sys.stderr)
    install(made, f"{wheel}[{','.join(extras)}]" if extras else str(wheel))
    free_scripts(made / "bin")
    made.rename(moved)
    packages = next((moved / "lib").glob("python3.*")) / "site-packages"
    for name in _OF_THE_CLUSTER:
        shutil.rmtree(packages / name, ignore_errors=True)
    for name in _WITH_TESTS:
        for tests in list((packages / name).rglob("tests")):
            shutil.rmtree(tests, ignore_errors=True)  # one may lie in another
    manifest = json.loads(told(moved / "bin" / "python", "-I", "-c", _MANIFEST)) | {"interpreter": what}
    if manifest["place"] != str(packages / "rephrase"):
        raise SystemExit(f"package: the archive's Python imports rephrase from {manifest['place']}")
    del manifest["place"]
    (moved / _NAME).write_text(json.dumps(manifest, indent=1) + "\n")
    kind = "".join(f"-{extra}" for extra in extras if extra in ("cpu", "gpu"))
    python = ".".join(manifest["python"].split(".")[:2])
    path = dist / f"rephrase-{manifest['rephrase']}-py{python}-{manifest['platform']}{kind}.tar.gz"
    pack(moved, path)
    shutil.rmtree(building)
    return path


def install(prefix: Path, requirement: str) -> None:
    """Install it with what it depends on. vLLM for CPUs wants a torch that may be in PyTorch's own index alone: see the Makefile."""
    command = [UV, "pip", "install", "--quiet", "--break-system-packages", "--compile-bytecode", "--python", prefix / "bin" / "python3"]
    command += ["--constraint", ROOT / "infra" / "constraints.txt", requirement]
    if run(*command).returncode:
        print("trying again with PyTorch's own index", file=sys.stderr)
        _must(*command, "--torch-backend", "cpu")


def pack(folder: Path, path: Path) -> None:
    """The folder's content as a tar.gz, the manifest first: who reads it need not read the rest."""
    new = path.with_suffix(".new")
    names = sorted(os.listdir(folder), key=lambda name: (name != _NAME, name))
    with open(new, "wb") as file, gzip.GzipFile("", "wb", 3, file, 0) as stream, tarfile.open(fileobj=stream, mode="w|") as tar:
        for name in names:
            tar.add(folder / name, name, filter=_without_owner)
    new.replace(path)


def zip_jobs(dist: Path) -> Path:
    """The scripts that spark-submit takes."""
    path = dist / "jobs.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for script in sorted((ROOT / "jobs").glob("*.py")):
            file.write(script, f"jobs/{script.name}")
    return path


def _without_owner(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info


def _must(*command: object) -> None:
    if code := run(*command).returncode:
        raise SystemExit(code)


if __name__ == "__main__":
    main()
