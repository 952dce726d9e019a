"""A look at a table before its run has read it: for plans, previews and the doctor."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from rephrase import storage
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.input_table import pinned
from rephrase.spark.stages.input_table.opening import opened

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.readers.settings import Input


@contextlib.contextmanager
def looked_at(
    run: Run, config: Input, number: int, spark: LazySession | None = None
) -> Iterator[tuple[list[storage.FileInfo], int | None]]:
    """Files with rows of a run's table: its own, with None; or a file of its first `number` rows, and how many rows the table has in all.

    spark: the session to look with; default: one of the run's, which ends with the block. Raises what `opened` raises.
    """
    known = (
        pinned.pinned_files(folder) if pinned.pinned_version(folder := Tables.DOCUMENTS.folder(run.output), config) is not None else None
    )
    if known is not None and not known.copied:
        yield list(known.files), None
        return
    session = spark or LazySession(run.spark)
    try:
        source = opened(config, session)
        own = source.own_files()
        if own and not isinstance(own, str):
            yield list(own), None
            return
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.parquet")
            pq.write_table(source.first_rows(number), path)
            yield [storage.FileInfo(path, os.path.getsize(path))], source.count()
    finally:
        if spark is None:
            session.stop()
