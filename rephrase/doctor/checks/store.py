"""The place of the output: whether it takes, gives back, lists and removes an object, and creates one only once."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rephrase import storage
from rephrase.doctor.check import Check
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.errors import UserError

_SKEW = 5.0  # seconds that clocks may differ: an object's time has no fractions, and storing it takes a moment
_TOO_MUCH = 300.0  # ours: a third of the 15 minutes from which on S3 refuses requests
_ATOMIC = "every object is created once by `If-None-Match: *`, which current versions of AWS S3, MinIO and Ceph know: use such a store"


def _output(site: Site) -> Sequence[str]:
    return [site.run.output]


@contextmanager
def mark(output: str) -> Iterator[str]:
    """An object that lies below the output for as long as the block lasts; empty where none can be stored there."""
    path = storage.join(output, f"_doctor-{uuid.uuid4().hex[:12]}", "mark")
    try:
        storage.create(path, b"mark")
    except UserError:  # told by the check of the output
        yield ""
        return
    try:
        yield path
    finally:
        _remove(path)


def _remove(path: str) -> None:
    storage.delete(path)
    storage.remove_empty_folder(os.path.dirname(path))


def missing_folders(output: str) -> tuple[str, ...]:
    """The output and the folders around it that are not there yet, the innermost first; none in a store."""
    folders: list[str] = []
    while storage.is_local(output) and not os.path.exists(output):
        folders.append(output)
        output = os.path.dirname(output)
    return tuple(folders)


def remove_again(folders: Sequence[str]) -> None:
    """Remove what `missing_folders` gave, and the looks have made: an examination leaves nothing behind."""
    for folder in folders:
        storage.remove_empty_folder(folder)


def _rights(output: str, site: Site) -> Outcome:
    path = storage.join(output, f"_doctor-{uuid.uuid4().hex[:12]}", "probe")
    storage.create(path, b"first")
    try:
        if storage.create(path, b"second"):
            raise UserError("an object that is there was created again: this store ignores `If-None-Match`", where=output, cure=_ATOMIC)
        if storage.read(path) != b"first":
            raise UserError("an object is read as another than was stored", where=output, cure="this store cannot hold a run: use another")
        if [file.path for file in storage.list_files(os.path.dirname(path))] != [path]:
            what = "an object that was stored is not listed"
            raise UserError(what, where=output, cure="give the run the right to list (s3:ListBucket), and use a store that lists at once")
    finally:
        _remove(path)
    if storage.exists(path):
        raise UserError("an object cannot be removed", where=output, cure="give the run the right to delete (s3:DeleteObject)")
    if site.mark and not storage.exists(site.mark):
        cure = "use a folder that all machines share, at the same path, or an object store"
        raise UserError("this machine does not see what the driver stored there", where=output, cure=cure)
    kind = "hard links" if storage.is_local(output) else "If-None-Match"
    return Outcome(f"{output}: written, read, listed and removed; created only once ({kind})")


def _clock(output: str, site: Site) -> Outcome:
    del site
    path = storage.join(output, f"_doctor-{uuid.uuid4().hex[:12]}", "clock")
    before = time.time()
    storage.create(path, b"clock")
    after = time.time()
    try:
        stored = next(iter(storage.list_files(os.path.dirname(path)))).modified
    except StopIteration:
        raise UserError("an object that was stored is not listed", where=output, cure="see the line on the output") from None
    finally:
        _remove(path)
    skew = max(before - stored, stored - after, 0.0)
    whose = "the disk's" if storage.is_local(output) else "the store's"
    text = f"{whose} clock and this machine's differ by {'less than 5 s' if skew < _SKEW else f'{skew:,.0f} s'}"
    if skew >= _TOO_MUCH:
        raise UserError(text, cure="set the clocks by NTP (chrony): S3 refuses requests that are 15 minutes off")
    return Outcome(text, skew >= _SKEW, "set the clocks by NTP (chrony)" if skew >= _SKEW else "")


OUTPUT = Check("output", _output, _rights, "look at AWS_ENDPOINT_URL, the network, and whether the file system hangs", takes=2)
CLOCK = Check("clock", _output, _clock, "see the line on the output", takes=2)
