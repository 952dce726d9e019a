"""Notes beside the documents: which version of a table a run reads, and the files of its rows. A resumed run reads the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from rephrase import storage
from rephrase.names import TABLE_FILES, TABLE_VERSION
from rephrase.spark.stages.ledger import read_json

if TYPE_CHECKING:
    from rephrase.readers.settings import Input


@dataclass(frozen=True, slots=True)
class Files:
    """The Parquet files of a table's rows, and how they were come by, in words: empty where they are the table's own."""

    files: tuple[storage.FileInfo, ...]
    copied: str = ""


def asked(config: Input) -> dict[str, Any]:
    """What a run asks of its table, as JSON values: another table, version or column is another copy."""
    from rephrase.readers.fields import FieldReader

    assert config.table is not None
    return {**config.table.model_dump(mode="json", exclude={"copy_rows"}), "columns": FieldReader(config.fields).columns}


def pinned_version(folder: str, config: Input) -> str | None:
    """The version that a run keeps, empty for a table without versions; None where none was noted, or another table's."""
    try:
        note = read_json(storage.join(folder, TABLE_VERSION), ("asked", "version"))
    except FileNotFoundError:
        return None
    return str(note["version"]) if note["asked"] == asked(config) else None


def pin_version(folder: str, config: Input, version: str) -> str:
    """Keep a version. Returns the one that is kept: another driver may have been first, and a note of another table makes way."""
    note = orjson.dumps({"asked": asked(config), "version": version}, option=orjson.OPT_INDENT_2)
    path = storage.join(folder, TABLE_VERSION)
    if storage.create(path, note):
        return version
    kept = pinned_version(folder, config)
    if kept is not None:
        return kept
    storage.delete(storage.join(folder, TABLE_FILES))
    storage.put(path, note)
    return version


def pinned_files(folder: str) -> Files | None:
    """The files that a run keeps; None where none were noted."""
    try:
        note = read_json(storage.join(folder, TABLE_FILES), ("files",))
    except FileNotFoundError:
        return None
    return Files(tuple(storage.FileInfo(*file) for file in note["files"]), note.get("copied", ""))


def pin_files(folder: str, files: Files) -> Files:
    """Keep files. Returns those that are kept: another driver may have been first."""
    note = {"copied": files.copied, "files": [(file.path, file.size, file.modified) for file in files.files]}
    if storage.create(storage.join(folder, TABLE_FILES), orjson.dumps(note)):
        return files
    return pinned_files(folder) or files


def forget(folder: str) -> None:
    """Remove the notes: of a copy that is of no use, nothing was made yet."""
    for name in (TABLE_FILES, TABLE_VERSION):
        storage.delete(storage.join(folder, name))


def changed(files: Sequence[storage.FileInfo], there: Sequence[storage.FileInfo]) -> list[str]:
    """The files that are no more, or no more what they were: by size, and by the time of storing where both tell it."""
    now = {file.path: file for file in there}
    return [
        file.path
        for file in files
        if (same := now.get(file.path)) is None
        or same.size != file.size
        or (file.modified and same.modified and int(file.modified) != int(same.modified))
    ]
