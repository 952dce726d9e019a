"""What the section `tables:` of a run says of each table that a lakehouse takes over."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import SerializeAsAny

from rephrase.lakehouse.base import LakeTable, Source
from rephrase.settings.by_kind import ByKind
from rephrase.settings.kinds import Kinds
from rephrase.settings.section import Section


class TableFormat(Section):
    """Settings of one format of tables: an own class each, with `format: Literal["its name"]`, registered in `table_formats`."""

    format: str
    """Of the table: iceberg, delta or hive; each has keys of its own."""

    @property
    @abstractmethod
    def title(self) -> str:
        """How messages call the table."""

    @abstractmethod
    def check(self, folder: str) -> None:
        """Raise a `UserError` for what would stop the commit of a folder's objects, as far as it is known before there are any."""

    @abstractmethod
    def open(self, source: Source, *, make: bool = True) -> LakeTable | None:
        """The table. Where there is none it is made with the columns of the source, or None without `make`. Raises `UserError`."""


table_formats: Kinds[type[TableFormat]] = Kinds(
    "format of tables", ("rephrase.lakehouse.iceberg", "rephrase.lakehouse.delta", "rephrase.lakehouse.hive")
)

RunTable = Literal["documents", "screened", "duplicates/documents", "generations", "judged", "duplicates/judged", "mixture"]
"""The tables of a run, by their folders, in the order of its stages."""

ChosenTable = Annotated[SerializeAsAny[TableFormat], ByKind(table_formats, key="format")]
