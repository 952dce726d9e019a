"""The folder of a run's table as a Delta table: a log beside its objects, by the package deltalake. This file alone knows it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import orjson
from typing_extensions import override

from rephrase import storage
from rephrase.errors import UserError
from rephrase.lakehouse.base import LakeTable, Source, check_columns
from rephrase.lakehouse.journal import Step
from rephrase.lakehouse.settings import TableFormat, table_formats
from rephrase.lakehouse.stores import for_deltalake
from rephrase.storage import tables

if TYPE_CHECKING:
    from deltalake import DeltaTable

_ATTEMPTS, _PAUSE = 3, 0.2  # to find a table or to make it, and seconds between them
_MISSING = "pip install 'rephrase[delta]'"


@table_formats.register("delta")
class Delta(TableFormat):
    """The folder of the run's table becomes a Delta table: `DeltaTable("<output>/mixture")`.

    A table of another place cannot take the objects over: a `VACUUM` there removes whatever lies below it and is none of its own, and not
    all readers follow a log to other folders.
    """

    format: Literal["delta"]

    @property
    @override
    def title(self) -> str:
        return "delta"

    @override
    def check(self, folder: str) -> None:
        try:
            import deltalake  # noqa: F401
        except ModuleNotFoundError as error:
            raise UserError("tables of Delta need the package deltalake", where="tables", cure=_MISSING) from error
        for_deltalake(folder)

    @override
    def open(self, source: Source, *, make: bool = True) -> LakeTable | None:
        self.check(source.folder)
        table = _found_or_made(source, make=make)
        return None if table is None else _Table(table, source)


class _Table(LakeTable):
    def __init__(self, table: DeltaTable, source: Source) -> None:
        self.name, self._table, self._source = f"delta {source.folder}", table, source
        self._app = f"rephrase/{source.key}"

    @property
    @override
    def identity(self) -> str:
        return str(self._table.metadata().id)

    @override
    def number(self) -> int:
        self._table.update_incremental()
        return self._table.transaction_version(self._app) or 0

    @override
    def commit(self, number: int, step: Step, about: Mapping[str, str]) -> bool:
        from deltalake import CommitProperties, Schema
        from deltalake.exceptions import CommitFailedError, DeltaError
        from deltalake.transaction import AddAction, RemoveAction, Transaction

        mine = Schema.from_arrow(self._source.schema)
        check_columns(self.name, {f.name: f.type for f in self._table.schema().fields}, {f.name: f.type for f in mine.fields})
        now = int(time.time() * 1000)
        rows = tables.rows_of(storage.join(self._source.folder, name) for name in step.added)
        actions: list[AddAction | RemoveAction] = [
            AddAction(name, size, {}, now, data_change=True, stats=orjson.dumps({"numRecords": count}).decode())
            for (name, size), count in zip(step.added.items(), rows, strict=True)
        ]
        actions += [RemoveAction(name, data_change=True, deletion_timestamp=now, size=size) for name, size in step.removed.items()]
        # A transaction of this name and number is refused where another commit of it came between.
        properties = CommitProperties(custom_metadata=dict(about), app_transactions=[Transaction(self._app, number)])
        try:
            self._table.create_write_transaction(actions, "append", mine, commit_properties=properties)
        except CommitFailedError:
            return False
        except DeltaError as error:
            cure = "mend the table, and run again"
            raise UserError(f"the table does not take the objects: {error}", where=self.name, cure=cure) from error
        return True


def _found_or_made(source: Source, *, make: bool) -> DeltaTable | None:
    from deltalake import CommitProperties, DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    options = for_deltalake(source.folder)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return DeltaTable(source.folder, storage_options=options)
        except TableNotFoundError:
            if not make:
                return None
        except (DeltaError, OSError) as error:
            raise _refused(source, error) from error
        try:
            # Without retries: one that comes second would else become version 1, and give the table another id.
            alone = CommitProperties(max_commit_retries=0)
            DeltaTable.create(source.folder, schema=source.schema, storage_options=options, commit_properties=alone)
        except (DeltaError, OSError) as error:  # where another driver makes it at this moment
            if attempt == _ATTEMPTS:
                raise _refused(source, error) from error
            time.sleep(_PAUSE)
    raise UserError("the table was made, and is not there", where=source.folder, cure="run it again")


def _refused(source: Source, error: Exception) -> UserError:
    cure = "check that its store can be reached and may be written to"
    return UserError(f"deltalake cannot read or make the table: {error}", where=source.folder, cure=cure)
