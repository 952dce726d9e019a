"""The section `input.table`: rows of a table of a lakehouse as the raw documents of a run."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import ValidationInfo, field_validator, model_validator

from rephrase.errors import UserError
from rephrase.settings.faults import fault
from rephrase.settings.paths import check_path, resolve_path
from rephrase.settings.section import Section


class InputTable(Section):
    """A table that the Spark session reads; or, with a `format`, an Iceberg or Delta table that Python reads, without Spark's jars.

    `input.fields` says what is in which column. A name alone stands for the section: `table: lake.web.pages`.
    """

    name: str
    """As the session knows it: `catalog.database.table`. With `format: iceberg` its catalog is one of pyiceberg's configuration, or the
    name is the location of a `….metadata.json`; with `format: delta` it is the table's location, a folder or a URL."""
    format: Literal["iceberg", "delta"] | None = None
    """Read by pyiceberg or deltalake: `pip install 'rephrase[iceberg]'` or `'rephrase[delta]'`."""
    version: int | str | None = None
    """A snapshot of Iceberg, its branch or tag, or a version of Delta. By default the run keeps the version that it began with."""
    timestamp: str | None = None
    """The version of this moment, such as "2026-11-30 12:00:00", in the time zone of the session; with `format`, UTC."""
    where: str | None = None
    """Rows that fulfil this SQL condition alone. One on partition columns spares the files of all others."""
    copy_rows: bool = False
    """Copy the rows once, below the output, even where the table's files could be read as they are: where Spark may read them, and this
    program may not."""

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        check_path(name)
        return name

    @field_validator("where")
    @classmethod
    def _condition(cls, where: str | None) -> str | None:
        if where is not None and not where.strip():
            raise fault("the condition is empty", "write one such as language = 'de', or take the key out")
        return where

    @model_validator(mode="after")
    def _one_version(self, info: ValidationInfo) -> Self:
        if self.version is not None and self.timestamp is not None:
            raise fault("a table is read at a `version` or at a `timestamp`", "take one of them out", ("timestamp",))
        if self.format == "delta" and isinstance(self.version, str):
            raise fault("a version of Delta is a number", "write it without quotes", ("version",))
        base = (info.context or {}).get("base")
        is_location = self.format == "delta" or (self.format == "iceberg" and self.name.endswith(".metadata.json"))
        if base is not None and is_location:
            try:
                object.__setattr__(self, "name", resolve_path(self.name, base))
            except UserError as error:
                raise fault(f"`{error.where}`: {error.what}", error.cure, ("name",), self.name) from error
        return self


def as_table(value: Any) -> Any:
    """A name alone as the section; for `BeforeValidator`."""
    return {"name": value} if isinstance(value, str) else value
