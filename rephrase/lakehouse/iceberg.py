"""Tables of Iceberg, in any catalog of the package pyiceberg. This file alone knows it."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import Field
from typing_extensions import override

from rephrase import storage
from rephrase.errors import UserError
from rephrase.lakehouse.base import LakeTable, Source, check_columns
from rephrase.lakehouse.journal import Step
from rephrase.lakehouse.settings import TableFormat, table_formats
from rephrase.lakehouse.stores import for_pyiceberg

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

_MISSING = "pip install 'rephrase[iceberg]'"
_STORES = ("s3://", "gs://")
_UNNAMEABLE = "#?"  # part a location for pyiceberg
_PROPERTY = "rephrase.commits."
_ATTEMPTS, _PAUSE = 3, 0.2  # to find a table or to make it, and seconds between them
_LONGEST = 300  # characters of what another package says
_RETRIES = "commit.retry.num-retries"
_Value = TypeVar("_Value")


@table_formats.register("iceberg")
class Iceberg(TableFormat):
    """A table of a catalog, to which the run's objects are added where they lie."""

    format: Literal["iceberg"]
    name: str = Field(pattern=r"^[^.\s]+(\.[^.\s]+){2,}$", examples=["prod.web.mixture"])
    """`catalog.namespace.table`. The catalog is one of pyiceberg's configuration, `~/.pyiceberg.yaml` or `PYICEBERG_CATALOG__NAME__…` in
    the environment, or what `catalog` says. Table and namespace are made where there are none; several runs may share a table."""
    catalog: dict[str, str | int | float | bool] = {}
    """Properties of the catalog: `type` (rest, sql, glue, hive, …), `uri`, `warehouse` and so on. Passwords belong into pyiceberg's
    configuration."""

    @property
    @override
    def title(self) -> str:
        return f"iceberg {self.name}"

    @override
    def check(self, folder: str) -> None:
        _check_place(folder)
        with _told(self.title):
            _tried(self._loaded)  # a run of hours shall not end with a catalog that nobody has described

    @override
    def open(self, source: Source, *, make: bool = True) -> LakeTable | None:
        _check_place(source.folder)
        with _told(self.title):
            table = _tried(functools.partial(self._found_or_made, source.schema, make=make))
        return None if table is None else _Table(table, source, self)

    def _loaded(self) -> Catalog:
        from pyiceberg.catalog import load_catalog

        given = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in self.catalog.items()}
        return load_catalog(self.name.partition(".")[0], **{**for_pyiceberg(), **given})

    def _found_or_made(self, schema: pa.Schema, *, make: bool) -> Table | None:
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        catalog, identifier = self._loaded(), self.name.partition(".")[2]
        try:
            return catalog.load_table(identifier)
        except (NoSuchTableError, NoSuchNamespaceError):
            if not make:
                return None
        catalog.create_namespace_if_not_exists(identifier.rpartition(".")[0])
        return catalog.create_table_if_not_exists(identifier, schema)


class _Table(LakeTable):
    def __init__(self, table: Table, source: Source, settings: Iceberg) -> None:
        self.name, self._table, self._source = settings.title, table, source
        self._property = _PROPERTY + source.key

    @property
    @override
    def identity(self) -> str:
        return str(self._table.metadata.table_uuid)

    @override
    def number(self) -> int:
        with _told(self.name):
            self._table.refresh()
        return int(self._table.properties.get(self._property, 0))

    @override
    def commit(self, number: int, step: Step, about: Mapping[str, str]) -> bool:
        from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException

        self._check()
        # pyiceberg would go on by itself from the state that the other commit left: another driver may have committed this very step.
        self._table.metadata.properties[_RETRIES] = "0"
        # It would tell of each column of each object that has no statistics: texts and ids have none on purpose.
        logging.getLogger("pyiceberg.io.pyarrow").setLevel(logging.ERROR)
        paths = {_location(storage.join(self._source.folder, name)) for name in (*step.added, *step.removed)}
        removed = self._files(paths) if step.removed else []
        with _told(self.name):
            try:
                with self._table.transaction() as transaction:
                    transaction.set_properties({self._property: str(number)})
                    if step.removed:
                        with transaction.update_snapshot(snapshot_properties=dict(about)).overwrite() as snapshot:
                            for file in removed:
                                snapshot.delete_data_file(file)
                    else:
                        transaction.add_files(sorted(paths), snapshot_properties=dict(about))
            except (CommitFailedException, CommitStateUnknownException):
                return False
        return True

    def _check(self) -> None:
        from pyiceberg.io.pyarrow import pyarrow_to_schema

        schema = self._table.schema()
        columns = {field.name: str(field.field_type) for field in schema.fields}
        check_columns(self.name, columns, {field.name: field.type for field in self._source.schema if field.name not in columns})
        if wanting := [f"`{field.name}`" for field in schema.fields if field.required and field.name not in self._source.schema.names]:
            what = f"each row of the table must have {', '.join(wanting)}, and rows of the run have not"
            raise UserError(what, where=self.name, cure="make these columns optional; or name another table")
        with _told(self.name):
            mine = pyarrow_to_schema(self._source.schema, name_mapping=schema.name_mapping)
        check_columns(self.name, columns, {field.name: str(field.field_type) for field in mine.fields})

    def _files(self, paths: set[str]) -> list[DataFile]:
        files = [task.file for task in self._table.scan().plan_files() if task.file.file_path in paths]
        if len(files) < len(paths):
            what = f"{len(paths) - len(files):,} of the run's {len(paths):,} objects are no part of the table any more: it was rewritten"
            raise UserError(what, where=self.name, cure="write to another `output`; the table keeps the rows that it has")
        return files


def _tried(action: Callable[[], _Value]) -> _Value:
    """What an action gives, tried again where it fails: in a catalog another driver may make the same at this moment."""
    for attempt in itertools.count(1):
        try:
            return action()
        except Exception:
            if attempt == _ATTEMPTS:
                raise
        time.sleep(_PAUSE)
    raise AssertionError("unreachable")


def _check_place(folder: str) -> None:
    try:
        import pyiceberg  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError("tables of Iceberg need the package pyiceberg", where="tables", cure=_MISSING) from error
    _location(folder)


def _location(path: str) -> str:
    if storage.is_local(path):
        path = f"file://{path}"
    elif not path.startswith(_STORES):
        raise UserError("Iceberg tables of objects there are not supported", where=path, cure="use a folder, s3:// or gs://")
    if any(sign in path for sign in _UNNAMEABLE):
        raise UserError("Iceberg cannot name objects with # or ? in their location", where=path, cure="use another `output`")
    return path


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn what pyiceberg, its catalog and their packages raise into errors for users."""
    from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException

    try:
        yield
    except (UserError, FileNotFoundError, CommitFailedException, CommitStateUnknownException):
        raise
    except ModuleNotFoundError as error:
        what = f"the catalog needs a package that is not there: {error}"
        raise UserError(what, where=name, cure=f"{_MISSING}, or the extra of pyiceberg for the catalog's type") from error
    except Exception as error:  # of whatever package the catalog's client is
        what = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
        cure = (
            "describe the catalog under `catalog`, in ~/.pyiceberg.yaml or by PYICEBERG_CATALOG__…; `rephrase tables run.yaml` tries again"
        )
        raise UserError(f"the catalog or the table refuses: {what}", where=name, cure=cure) from error
