"""A table that the Spark session reads, at one version, and what its catalog says of it."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

from rephrase.errors import UserError
from rephrase.settings.nearest import nearest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from rephrase.readers.table import InputTable

_NOT_THERE = ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "REQUIRES_SINGLE_PART_NAMESPACE", "CATALOG_NOT_FOUND", "NO_SUCH")
_REFUSED = re.compile(r"(?i)permission|not authorized|access ?denied|forbidden|privilege|accesscontrol")
_PART = re.compile(r"`((?:[^`]|``)*)`|([^.`]+)")
_VERSION_OF = {
    "iceberg": "SELECT snapshot_id FROM {name}.refs WHERE name = 'main'",
    "delta": "SELECT version FROM (DESCRIBE HISTORY {name} LIMIT 1)",
}
_CATALOG = """under `spark: {{conf: …}}` set spark.sql.catalog.{0} to the class of the catalog, such as \
org.apache.iceberg.spark.SparkCatalog, spark.sql.catalog.{0}.type and spark.sql.catalog.{0}.uri to what it is, and spark.jars.packages to \
its jar"""


def table_of(spark: SparkSession, table: InputTable, version: str = "") -> DataFrame:
    """The rows of a table at a version (of the table's own where it is empty), all its columns; those that fulfil `where`.

    Raises `UserError` for a table that is not there, with names like it; for one that may not be read; for a version that it has not; and
    for a condition that is none.
    """
    frame = at_version(spark, table, version)
    if table.where is None:
        return frame
    try:
        frame = frame.where(table.where)
        frame.schema  # noqa: B018  # Spark Connect looks at a frame when its schema is asked for
    except Exception as error:  # Spark's parser and analysis have a kind of error each
        cure = f"write a condition of SQL on its columns: {', '.join(frame.columns)}"
        raise UserError(f"the condition is none of this table's: {_line(error)}", where="input.table.where", cure=cure) from error
    return frame


def at_version(spark: SparkSession, table: InputTable, version: str = "") -> DataFrame:
    """The same with all rows."""
    try:
        with contextlib.suppress(Exception):  # views and tables of other catalogs keep nothing
            spark.catalog.refreshTable(table.name)
        frame = spark.table(table.name)
        frame.schema  # noqa: B018
    except Exception as error:  # Spark's and the catalog's own
        raise _unreadable(spark, table.name, error) from error
    clause = f"VERSION AS OF {_literal(version)}" if version else ""
    if not version and table.version is not None:
        clause = f"VERSION AS OF {_literal(str(table.version))}"
    if not version and table.timestamp is not None:
        clause = f"TIMESTAMP AS OF {_text(table.timestamp)}"
    if not clause:
        return frame
    try:
        frame = spark.sql(f"SELECT * FROM {table.name} {clause}")  # noqa: S608  # the session has just read a table of this name
        frame.schema  # noqa: B018
    except Exception as error:
        cure = "name one that the table has; tables of Hive and plain files have no versions: take the key out"
        raise UserError(f"the table cannot be read at this version: {_line(error)}", where=f"{table.name} {clause}", cure=cure) from error
    return frame


def version_of(spark: SparkSession, table: InputTable, about: dict[str, Any]) -> str:
    """The version that a table of Iceberg or Delta has now; empty for other tables, and where the catalog does not tell."""
    if table.version is not None:
        return str(table.version)
    query = _VERSION_OF.get(str(about.get("provider", "")).lower())
    if query is None or table.timestamp is not None:
        return ""
    with contextlib.suppress(Exception):
        rows = spark.sql(query.format(name=table.name)).collect()
        return str(rows[0][0]) if rows else ""
    return ""


def description(spark: SparkSession, name: str) -> dict[str, Any]:
    """What the catalog says of a table: `provider`, `location`, `partition_columns` and so on; nothing where it tells nothing."""
    with contextlib.suppress(Exception):  # temporary views, and catalogs that cannot
        about: dict[str, Any] = json.loads(spark.sql(f"DESCRIBE TABLE EXTENDED {name} AS JSON").collect()[0][0])
        return about
    with contextlib.suppress(Exception):
        rows = spark.sql(f"DESCRIBE TABLE EXTENDED {name}").collect()
        return {str(row[0]).lower(): row[1] for row in rows if row[0]}
    return {}


def _literal(version: str) -> str:
    return version if version.isdigit() else _text(version)


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _unreadable(spark: SparkSession, name: str, error: Exception) -> UserError:
    """Why a table cannot be read, and what to do."""
    what = _line(error)
    if _REFUSED.search(str(error)):
        return UserError(f"the session may not read the table: {what}", where=name, cure="have SELECT granted on it to who runs this")
    condition = getattr(error, "getCondition", lambda: None)() or what
    parts = [(quoted or plain).replace("``", "`") for quoted, plain in _PART.findall(name)]
    if len(parts) > 2 and parts[0] != "spark_catalog" and spark.conf.get(f"spark.sql.catalog.{parts[0]}", None) is None:
        return UserError(f"the session has no catalog `{parts[0]}`", where=name, cure=_CATALOG.format(parts[0]))
    if not any(kind in str(condition) for kind in _NOT_THERE):
        return UserError(f"the session cannot read the table: {what}", where=name, cure="see whether `spark.table` reads it in a notebook")
    cure = _near(spark, parts)
    if len(parts) <= 2 and spark.conf.get("spark.sql.catalogImplementation", "in-memory") == "in-memory":
        cure += "; this session knows no metastore: for Hive's, under `spark: {conf: …}` set spark.sql.catalogImplementation: hive and "
        cure += "spark.hadoop.hive.metastore.uris"
    return UserError("there is no such table", where=name, cure=cure)


def _near(spark: SparkSession, parts: list[str]) -> str:
    """Tables of the same database whose names are like it, or the databases that there are."""
    above = ".".join("`" + part.replace("`", "``") + "`" for part in parts[:-1])
    with contextlib.suppress(Exception):
        tables = [str(row["tableName"]) for row in spark.sql(f"SHOW TABLES IN {above}" if above else "SHOW TABLES").collect()]
        return nearest(parts[-1], tables, f"tables of {'.'.join(parts[:-1]) or 'the default database'}") if tables else "it has no tables"
    with contextlib.suppress(Exception):
        catalog = f" IN `{parts[0]}`" if len(parts) > 2 else ""
        return f"there is no such database: {nearest(parts[-2], [str(row[0]) for row in spark.sql(f'SHOW DATABASES{catalog}').collect()])}"
    return "name it as catalog.database.table"


def _line(error: Exception) -> str:
    """The first line of what Spark says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
