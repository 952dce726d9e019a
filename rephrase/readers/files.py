"""One file of any format as documents."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import closing

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers.base import Dropped, Item, RawDocument, ReadError, reason_of
from rephrase.readers.content import Content
from rephrase.readers.registry import Reader, readers_of, titles_of
from rephrase.readers.settings import Input
from rephrase.readers.slices import Slice
from rephrase.text.foreign import storable

_HEAD_BYTES = 1 << 16
_MAX_OFFSET = 2**63 - 1


def cuts_of(file: storage.FileInfo, size: int, readers: Sequence[Reader], *, compressed: bool = True) -> Sequence[int]:
    """Where the reader that a file is for can cut it to slices of about `size` bytes: see `Reader.cuts`.

    Where these are not to be `compressed`, plain files alone.
    """
    try:
        reader = reader_of(file.path, readers)
        cuts = reader.cuts(file, size) if reader else ()
        return () if cuts and not compressed and _is_compressed(file.path) else cuts
    except FileNotFoundError:  # which the task tells that reads it
        return ()


def read_documents(file: storage.FileInfo | Slice, config: Input, readers: Sequence[Reader] | None = None) -> Iterator[Item]:
    """The documents of a file or a slice, in order, with `Dropped` and `ReadError` in the places of those that it does not give.

    `readers` are those that may read it, by default what `config.format` allows: a task is given them, as it may not know a user's.
    Streams: no more than a page, a line or a batch of rows is in memory at a time. Raises FileNotFoundError, and `UserError` for a store
    that refuses; a file that is no known format is a `ReadError`, and so is whatever else a file makes its reader raise.
    """
    candidates = readers or readers_of(config.format)
    part = file if isinstance(file, Slice) else Slice(file)
    file = part.file
    reader = reader_of(file.path, candidates)
    if reader is None:
        yield ReadError(file.path, 0, "byte", f"not a {titles_of(candidates)} file")
        return
    last: Item | None = None
    try:
        for item in reader.read(file, config) if part.is_whole else reader.read_slice(part, config):
            last = item if not isinstance(item, Dropped) else last
            if isinstance(item, RawDocument):
                yield _finished(item, file.path, reader.name, config)
            else:
                yield _in_bounds(item) if isinstance(item, ReadError) else item
    except (UserError, FileNotFoundError):
        raise
    except Exception as error:  # noqa: BLE001  # a damaged file may make a reader raise anything
        title = reader.title or reader.name
        if isinstance(last, RawDocument | ReadError):
            yield ReadError(file.path, last.offset, last.unit, f"what follows cannot be read as {title}: {reason_of(error)}")
        else:
            yield ReadError(file.path, 0, "byte", f"not a readable {title} file: {reason_of(error)}")


def reader_of(path: str, readers: Sequence[Reader]) -> Reader | None:
    """Which of the readers a file is for: the only one, else by its name, else by its first bytes; None if neither tells."""
    if len(readers) == 1:
        return readers[0]
    name = path.lower()
    fitting = [(len(ending), reader) for reader in readers for ending in reader.endings if name.endswith(ending)]
    if fitting:
        return max(fitting, key=lambda pair: pair[0])[1]
    head = _head(path)
    return next((reader for reader in readers if reader.begins(head)), None)


def _is_compressed(path: str) -> bool:
    with closing(storage.open_stream(path)) as stream:
        return Content(stream, path).is_compressed


def _head(path: str) -> bytes:
    """The first bytes of a file's content, which may be compressed."""
    with closing(storage.open_stream(path)) as stream:
        content = Content(stream, path)
        while content.next_run():
            if head := content.read(_HEAD_BYTES):
                return head
        return b""


def _in_bounds(error: ReadError) -> ReadError:
    """The error in what a table can hold, whatever a damaged file made of it."""
    return dataclasses.replace(error, offset=max(0, min(error.offset, _MAX_OFFSET)), reason=storable(error.reason))


def _finished(document: RawDocument, file: str, form: str, config: Input) -> RawDocument | Dropped | ReadError:
    try:
        text = storable(document.text)
        if len(text) < config.min_characters or not text.strip():
            return Dropped("short", document.raw_bytes)
        if len(text) > config.max_characters:
            return Dropped("long", document.raw_bytes)
        document.text = text
        document.url = storable(document.url) if document.url else None
        document.source = storable(document.source or config.source or form)
        document.language = storable(document.language) if document.language else None
        document.license = storable(document.license) if document.license else config.license
        document.metadata = {storable(key): storable(value) for key, value in document.metadata.items()}
    except Exception as error:  # noqa: BLE001  # readers of packages may give anything
        return ReadError(file, document.offset, document.unit, reason_of(error))
    return document
