"""Tables of the Spark session's own catalog, be it Hive's metastore, Glue or the session's: a partition for each run, at its folder."""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Mapping
from typing import Literal

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from rephrase import storage
from rephrase.errors import UserError
from rephrase.lakehouse.base import LakeTable, Source, check_columns
from rephrase.lakehouse.journal import Step
from rephrase.lakehouse.settings import TableFormat, table_formats

PARTITION = "run"
_PURGE = "external.table.purge"
_ID, _PROPERTY = "rephrase.id", "rephrase.commits."
_SCALARS = {
    pa.string(): "string",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.bool_(): "boolean",
}


@table_formats.register("hive")
class Hive(TableFormat):
    """A table of the Spark session's catalog (Hive, Glue), with a partition `run=…` that lies at the folder of the run's table."""

    format: Literal["hive"]
    name: str = Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")
    """`database.table`. It is made where there is none, partitioned by a column `run`; several runs may share it."""

    @property
    @override
    def title(self) -> str:
        return f"hive {self.name}"

    @override
    def check(self, folder: str) -> None:
        """Nothing is known before the session is there."""

    @override
    def open(self, source: Source, *, make: bool = True) -> LakeTable | None:
        database, _, table = self.name.rpartition(".")
        where = f" IN {_quoted(database)}" if database else ""
        if make and database:
            source.sql(f"CREATE DATABASE IF NOT EXISTS {_quoted(database)}")
        if make:
            columns = ", ".join(f"`{field.name}` {ddl(field.type)}" for field in [*source.schema, pa.field(PARTITION, pa.string())])
            source.sql(
                f"CREATE TABLE IF NOT EXISTS {_quoted(self.name)} ({columns}) USING parquet PARTITIONED BY (`{PARTITION}`)"
                f" LOCATION '{_escaped(storage.join(source.home, self.name))}' TBLPROPERTIES ('{_ID}' = '{uuid.uuid4()}')"
            )
        elif not source.sql(f"SHOW TABLES{where} LIKE '{table}'"):
            return None
        return _Table(self, source)


class _Table(LakeTable):
    def __init__(self, settings: Hive, source: Source) -> None:
        self.name, self._table, self._source = settings.title, _quoted(settings.name), source
        self._property, self._partition = _PROPERTY + source.key, f"PARTITION (`{PARTITION}` = '{source.key}')"
        self._check()

    def _check(self) -> None:
        cure = "name a table of the run's own, which is made where there is none"
        described = self._source.sql(f"DESCRIBE EXTENDED {self._table}")
        columns = {row[0]: row[1] for row in itertools.takewhile(lambda row: row[0] and not row[0].startswith("#"), described)}
        check_columns(self.name, columns, {field.name: ddl(field.type) for field in self._source.schema} | {PARTITION: "string"})
        if not any(row[0] == "# Partition Information" for row in described):
            raise UserError(f"the table is not partitioned by `{PARTITION}`", where=self.name, cure=cure)

        if ("Type", "EXTERNAL") not in [(row[0], row[1]) for row in described] or self._properties().get(_PURGE, "").lower() == "true":
            raise UserError("the table owns its files: whoever drops a partition of it would delete the run's", where=self.name, cure=cure)

    def _properties(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self._source.sql(f"SHOW TBLPROPERTIES {self._table}")}

    @property
    @override
    def identity(self) -> str:
        if _ID not in self._properties():
            self._source.sql(f"ALTER TABLE {self._table} SET TBLPROPERTIES ('{_ID}' = '{uuid.uuid4()}')")
        return self._properties()[_ID]

    @override
    def number(self) -> int:
        return int(self._properties().get(self._property, 0))

    @override
    def commit(self, number: int, step: Step, about: Mapping[str, str]) -> bool:
        """A partition is there or not; that a step which is repeated changes nothing makes up for the property that follows it."""
        del about
        if step.removed:
            self._source.sql(f"ALTER TABLE {self._table} DROP IF EXISTS {self._partition}")
        else:
            folders = {name.rpartition("/")[0] for name in step.added}
            assert len(folders) == 1, "objects of one table lie in one folder"
            location = "/".join([self._source.folder, *folders]).rstrip("/")
            self._source.sql(f"ALTER TABLE {self._table} ADD IF NOT EXISTS {self._partition} LOCATION '{_escaped(location)}'")
        self._source.sql(f"ALTER TABLE {self._table} SET TBLPROPERTIES ('{self._property}' = '{number}')")
        return True


def ddl(kind: pa.DataType) -> str:
    """A type as Spark's SQL spells it, in small letters and without spaces, as it describes tables."""
    if pa.types.is_map(kind):
        return f"map<{ddl(kind.key_type)},{ddl(kind.item_type)}>"
    if pa.types.is_list(kind):
        return f"array<{ddl(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{field.name}:{ddl(field.type)}' for field in kind)}>"
    return _SCALARS[kind]


def _quoted(name: str) -> str:
    return ".".join(f"`{part}`" for part in name.split("."))


def _escaped(text: str) -> str:
    return re.sub(r"(['\\])", r"\\\1", text)
