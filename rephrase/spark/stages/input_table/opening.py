"""Whoever reads the table of a config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephrase.readers.fields import FieldReader

if TYPE_CHECKING:
    from rephrase.readers.settings import Input
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.input_table.source import Source


def opened(config: Input, spark: LazySession, version: str | None = None) -> Source:
    """The table of an `input`, at the version that a run keeps, or by default at the one that the config or the moment gives.

    Raises `UserError` for a table that is not there, or may not be read, and for a package that reads it and is missing.
    """
    assert config.table is not None
    reader = FieldReader(config.fields)
    wanted = (config.table, tuple(reader.columns), tuple(reader.text_columns))
    if config.table.format == "iceberg":
        from rephrase.spark.stages.input_table.iceberg import iceberg_source

        return iceberg_source(*wanted, version)
    if config.table.format == "delta":
        from rephrase.spark.stages.input_table.delta import delta_source

        return delta_source(*wanted, version)
    from rephrase.spark.stages.input_table.of_session import session_source

    return session_source(*wanted, spark.get(), version)
