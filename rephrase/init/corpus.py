"""What the input files tell: how many there are, of which format, and which fields their first rows have."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers.files import reader_of
from rephrase.readers.registry import AUTO, Reader, readers_of, titles_of

_ROWS = 100
_FILES = 20  # looked at for a row: the first ones may be empty
_MOST_PATHS = 5  # that are listed one by one


@dataclass(frozen=True, slots=True)
class Corpus:
    """The files of a corpus."""

    paths: list[str]
    """As the config shall name them: files, folders or globs, absolute or URLs."""
    files: int
    size: int
    """Bytes, as stored."""
    title: str
    """Of their format."""
    fields: dict[str, list[Any]]
    """The values that each field has in the first rows, by its dotted name; empty for formats without fields."""
    rows: int
    """How many rows were looked at."""

    @property
    def has_pages(self) -> bool:
        """Whether the files are of a format without fields: of a crawl."""
        return not self.rows


def corpus_of(paths: Sequence[str]) -> Corpus:
    """Look at files, folders and globs. Raises `UserError` where there are none, or none that can be read."""
    files = [file for path in paths for file in storage.expand(path)]
    readers = readers_of(AUTO)
    known = list(islice(((file, reader) for file in files if (reader := reader_of(file.path, readers))), _FILES))
    if not known:
        cure = "convert it to JSONL or Parquet, a document a row"
        raise UserError(f"no file here is of a known format ({titles_of(readers)})", where=paths[0], cure=cure)
    for file, reader in known:
        rows = list(islice(reader.rows(file), _ROWS))
        title = reader.title or reader.name
        if rows or not reader.has_rows:
            return Corpus(_short(paths), len(files), sum(one.size for one in files), title, _fields(rows), len(rows))
    where = known[0][0].path
    raise UserError(f"no row of {title} can be read", where=where, cure='check that each row is an object, such as {"text": …}')


def files_beside(folder: str) -> list[str]:
    """The files of a folder whose names are those of documents; without its own configs and notes."""
    readers: Sequence[Reader] = readers_of(AUTO)
    endings = tuple(ending for reader in readers for ending in reader.endings)
    return sorted(name for name in os.listdir(folder) if name.lower().endswith(endings) and not name.startswith((".", "_")))


def _short(paths: Sequence[str]) -> list[str]:
    """The same paths, as a glob where a shell has made many of one."""
    absolute = [path if "://" in path else os.path.abspath(os.path.expanduser(path)) for path in paths]
    folders, endings = {os.path.dirname(path) for path in absolute}, {_ending(path) for path in absolute}
    if len(absolute) <= _MOST_PATHS or len(folders) > 1 or len(endings) > 1:
        return absolute
    glob = f"{folders.pop()}/*{endings.pop()}"
    return [glob] if sorted(file.path for file in storage.expand(glob)) == sorted(absolute) else absolute


def _ending(path: str) -> str:
    name = os.path.basename(path)
    return name[name.index(".") :] if "." in name else ""


def _fields(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    fields: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in _flat(row):
            fields.setdefault(name, []).append(value)
    return fields


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a row that are not null, those of objects in it by dotted names."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value
