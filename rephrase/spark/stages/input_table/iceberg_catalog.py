"""Iceberg tables and their snapshots, as pyiceberg's configuration knows them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.lakehouse.stores import for_pyiceberg
from rephrase.readers.base import reason_of
from rephrase.settings.nearest import nearest
from rephrase.spark.stages.input_table.source import moment_of

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

    from rephrase.readers.table import InputTable

_METADATA = ".metadata.json"


def loaded(name: str) -> Table:
    """A table by the name that its catalog, and pyiceberg's configuration, give it; or by the location of its metadata.

    Raises `UserError` for a catalog or a table that is not there or may not be read, and without pyiceberg.
    """
    try:
        from pyiceberg.catalog import load_catalog
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
        from pyiceberg.table import StaticTable
    except ImportError as error:
        cure = "pip install 'rephrase[iceberg]', where the command runs and where its tasks do"
        raise UserError("the package pyiceberg is not installed", where="input.table.format: iceberg", cure=cure) from error
    if name.endswith(_METADATA):
        try:
            return StaticTable.from_metadata(name, for_pyiceberg())
        except Exception as error:  # of stores
            cure = "name the location of the table's newest ….metadata.json; who runs this must be allowed to read it"
            raise UserError(f"pyiceberg cannot read the metadata: {reason_of(error)}", where=name, cure=cure) from error
    catalog_name, _, identifier = name.partition(".")
    try:
        catalog = load_catalog(catalog_name, **for_pyiceberg())
    except Exception as error:  # of catalogs, their packages and stores
        variable = f"PYICEBERG_CATALOG__{catalog_name.upper()}__URI"
        cure = f"describe the catalog in ~/.pyiceberg.yaml, or by {variable} and the like; or name a ….metadata.json"
        raise UserError(f"pyiceberg has no catalog `{catalog_name}`: {reason_of(error)}", where=name, cure=cure) from error
    try:
        return catalog.load_table(identifier)
    except (NoSuchTableError, NoSuchNamespaceError) as error:
        raise UserError("there is no such table", where=name, cure=_near(catalog, identifier)) from error
    except Exception as error:  # of catalogs and stores
        cure = "who runs this must be allowed to read it, in the catalog and in its store"
        raise UserError(f"pyiceberg cannot read the table: {reason_of(error)}", where=name, cure=cure) from error


def version_of(of: Table, table: InputTable) -> str:
    """The snapshot that the config names, or the current one; empty where the table has none yet. Raises `UserError` for another."""
    if (moment := moment_of(table)) is not None:
        snapshot = of.snapshot_as_of_timestamp(int(moment.timestamp() * 1000))
    elif table.version is not None:
        is_number = str(table.version).isdigit()
        snapshot = of.snapshot_by_id(int(table.version)) if is_number else of.snapshot_by_name(str(table.version))
    else:
        snapshot = of.current_snapshot()
        if snapshot is None:
            return ""
    if snapshot is None:
        there = [str(snapshot.snapshot_id) for snapshot in of.snapshots()[-4:]]
        wanted = table.timestamp if table.version is None else table.version
        raise UserError(f"the table has no snapshot `{wanted}`", where=table.name, cure=f"its last ones are: {', '.join(there)}")
    return str(snapshot.snapshot_id)


def check_condition(where: str, schema: Schema) -> None:
    """Raise a `UserError` where pyiceberg does not read the condition, or it is on columns that are not in the schema."""
    from pyiceberg.expressions.parser import parse
    from pyiceberg.expressions.visitors import bind

    columns = ", ".join(field.name for field in schema.fields)
    try:
        condition = parse(where)
    except Exception as error:  # its parser's own, which tell all that might stand there
        cure = f"it takes =, !=, <, >, in, between, is null, and, or, not, like 'begins%' on the columns {columns}"
        raise UserError(f"pyiceberg does not read the condition: {where}", where="input.table.where", cure=cure) from error
    try:
        bind(schema, condition, case_sensitive=True)
    except Exception as error:
        what = f"the condition is none of this table's: {reason_of(error)}"
        raise UserError(what, where="input.table.where", cure=f"the columns are {columns}") from error


def _near(catalog: Catalog, identifier: str) -> str:
    """Tables of the same namespace whose names are like it, or the namespaces that there are."""
    namespace, _, last = identifier.rpartition(".")
    with contextlib.suppress(Exception):  # the namespace is not there, or may not be listed
        return nearest(last, [name[-1] for name in catalog.list_tables(namespace)], f"tables of {namespace}")
    with contextlib.suppress(Exception):
        return f"there is no such namespace: {nearest(namespace, ['.'.join(each) for each in catalog.list_namespaces()])}"
    return "name it as catalog.namespace.table"
