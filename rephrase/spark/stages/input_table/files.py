"""The files that hold the rows of a run's table, found or made once: the shard stage reads them as it reads any Parquet files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.errors import UserError
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.input_table import pinned
from rephrase.spark.stages.input_table.opening import opened
from rephrase.spark.stages.input_table.pinned import Files

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.readers.settings import Input
    from rephrase.spark.runtime.session import LazySession

_GONE = "write to another `output`, which reads the table as it is now; or restore the files, or the table's version"


def copies_of(run: Run) -> str:
    """The folder of copied rows, which goes once the documents are there."""
    return storage.join(run.output, "_table")


def files_of_table(run: Run, config: Input, spark: LazySession) -> storage.FileList:
    """The files of the version that the run keeps; at first those of the table as it is now, which the run then keeps.

    Starts Spark where they are not known yet. Raises `UserError` as `table_of` does.
    """
    folder = Tables.DOCUMENTS.folder(run.output)
    version = pinned.pinned_version(folder, config)
    known = pinned.pinned_files(folder) if version is not None else None
    if known is not None:
        return storage.FileList(known.files)
    if any(file.path.endswith(".parquet") for file in storage.list_files(folder)):
        return storage.FileList()  # the documents of another config, as the claim of the folder will tell
    return storage.FileList(_found(run, config, spark, version).files)


def _found(run: Run, config: Input, spark: LazySession, version: str | None) -> Files:
    folder = Tables.DOCUMENTS.folder(run.output)
    source = opened(config, spark, version)
    own = source.own_files()
    if isinstance(own, str):
        console.print(f"shard: rows of {source.table.name} are copied to {copies_of(run)} first: {own}", soft_wrap=True)
        if pinned.pin_version(folder, config, source.version) != source.version:  # another driver was first
            source = opened(config, spark, pinned.pinned_version(folder, config))
        try:
            files = Files(source.copied(spark, copies_of(run), config.unit_bytes), own)
        except UserError:  # what a mended config reads may be another version
            pinned.forget(folder)
            raise
    else:
        files = Files(own)
    if not files.files:
        pinned.forget(folder)
        cure = "fill it, or correct `where`, `version` and `timestamp`"
        raise UserError("the table has no rows", where=source.table.name, cure=cure)
    pinned.pin_version(folder, config, source.version)
    return pinned.pin_files(folder, files)


def known_files(run: Run, config: Input) -> storage.FileList:
    """The files of the version that the run keeps. Raises `UserError` where it has not begun to read its table."""
    folder = Tables.DOCUMENTS.folder(run.output)
    known = pinned.pinned_files(folder) if pinned.pinned_version(folder, config) is not None else None
    if known is None:
        cure = "`rephrase shard run.yaml` reads it"
        raise UserError("the table has not been read yet", where="input.table", cure=cure)
    return storage.FileList(known.files)


def check_unchanged(files: Sequence[storage.FileInfo]) -> None:
    """Raise a `UserError` where files that a run began with have been written again, or removed, since."""
    paths = [file.path for file in files]
    common = os.path.commonprefix(paths)  # noqa: RUF071  # `commonpath` would take a slash out of URLs
    if gone := pinned.changed(files, list(storage.list_files(common[: common.rindex("/")]))):
        what = f"{len(gone):,} of the {len(files):,} files that the run began with are no more what they were, such as {gone[0]}"
        raise UserError(f"the table has changed: {what}", where="input.table", cure=_GONE)


def remove_copies(run: Run) -> None:
    """Remove the copied rows, if there are any: the documents are made."""
    storage.remove_folder(copies_of(run))
