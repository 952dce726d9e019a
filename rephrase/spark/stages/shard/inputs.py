"""When the input files were stored, noted as the stage begins: one that is rewritten meanwhile would be read in two versions.

Their sizes and names are part of the table's meaning. Times are not, as a copy of the same file may go on with a run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers.slices import Slice
from rephrase.records import content_id_of
from rephrase.spark.stages.ledger import INPUTS, read_json

_CHUNK = 4096  # files at a time
Times = Sequence[float]
"""Of each input file, in their order; 0 where the store does not tell."""


def digest_of(files: storage.FileList) -> str:
    """What `meaning.digest` gives for the list of their paths and sizes, without that list in memory."""
    return content_id_of(lambda: _as_json(files))


def _as_json(files: storage.FileList) -> Iterator[bytes]:
    about = zip(files.paths(), files.sizes, strict=True)
    before = b"["
    while several := list(itertools.islice(about, _CHUNK)):
        yield before + orjson.dumps(several)[1:-1]
        before = b","
    yield b"]" if files else b"[]"


def noted_times(documents: str, files: storage.FileList, digest: str) -> Times:
    """When the files were stored as the stage began, noted now where it begins, or where an earlier version of rephrase began it.

    digest: of the files, by which a note of another input is told, that a first attempt without any result has left.
    """
    path = storage.join(documents, INPUTS)
    now = files.modified
    content = orjson.dumps({"files": digest, "modified": now.tolist()})
    if storage.create(path, content):
        return now
    note: dict[str, Any] = read_json(path, ("files", "modified"))
    if note["files"] == digest:
        times: list[float] = note["modified"]
        return times
    storage.put(path, content)
    return now


def check_times(documents: str, files: storage.FileList, times: Times, read: Iterable[Slice]) -> None:
    """Raise a `UserError` where files that are yet to be read have been stored anew since the stage began."""
    other = [number for number, (now, time) in enumerate(zip(files.modified, times, strict=True)) if not _same(now, time)]
    to_read = {part.file.path for part in read} if other else set()
    anew = [file for file in map(files.__getitem__, other) if file.path in to_read]
    if not anew:
        return
    others = f" and {len(anew) - 1:,} others" if len(anew) > 1 else ""
    note = storage.join(documents, INPUTS)
    raise UserError(
        "the input file has been stored anew since this run began, and its documents would be of two versions",
        where=f"{anew[0].path}{others}",
        cure=f"write to another `output`; or, if the files hold what they held before, remove {note} and run again",
    )


def check_unchanged(part: Slice) -> None:
    """Raise a `UserError` where the file of a slice that has been read is not the one that was cut, as far as the store tells."""
    file = part.file
    now = storage.about(file.path)
    if now is None:
        raise FileNotFoundError(file.path)
    if now.size != file.size or not _same(now.modified, file.modified):
        cure = "write to another `output`, once nobody writes to the input any more"
        raise UserError("the input file has been stored anew while its parts were read", where=file.path, cure=cure)


def _same(one: float, other: float) -> bool:
    """Whether times are the same to the second, which is all that some answers of a store tell, or one is not known."""
    return not one or not other or int(one) == int(other)
