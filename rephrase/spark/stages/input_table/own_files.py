"""The Parquet files of a table of Hive or Spark, where they are its rows: each column stands in them, or in the names of their folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from rephrase import storage
from rephrase.errors import UserError
from rephrase.settings.schemes import location
from rephrase.spark.stages.input_table.session import at_version

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from rephrase.readers.table import InputTable

_FOLDER = re.compile(r"([^/=]+)=([^/]*)")
_FILE = re.compile(r"file:(?://)?(/.*)", re.DOTALL)
_NULL = "__HIVE_DEFAULT_PARTITION__"
_UNSTEADY = re.compile(r"(?i)\b(rand\w*|uuid|uniform|shuffle|monotonically_\w+|input_file_\w+)\s*\(")
"""Functions that tell rows of a partition apart."""
_BY_POSITION = "parquet.column.index.access"


def own_files(spark: SparkSession, table: InputTable, about: dict[str, Any]) -> tuple[storage.FileInfo, ...] | str:
    """The files, sorted; or why the rows must be copied, in words. `about`: what the catalog says of the table."""
    if reason := "`copy_rows`" if table.copy_rows else _foreign(about):
        return reason
    frame = at_version(spark, table)
    partitions = [str(name) for name in about.get("partition_columns", [])]
    try:
        root, there = _listed(str(about["location"]))
        named = sorted(_path(url) for url in frame.inputFiles())
    except (UserError, OSError) as error:
        return f"its files cannot be listed here: {error.what if isinstance(error, UserError) else error}"
    if not all(path in there for path in named):
        return "some of its files lie elsewhere, or are no files"
    values = {path: _values(path.removeprefix(root), partitions) for path in named}
    if any(len(each) < len(partitions) for each in values.values()):
        return "the folders of its partitions do not name them"
    chosen = _fulfilling(spark, frame, table.where, values, partitions) if table.where else set(values.values())
    return "its condition is on more than partitions" if chosen is None else tuple(there[path] for path in named if values[path] in chosen)


def _foreign(about: dict[str, Any]) -> str:
    """Why the catalog does not call it a table of plain Parquet files; empty where it does."""
    provider, serde = str(about.get("provider", "")).lower(), str(about.get("serde_library", ""))
    if about.get("type") == "VIEW" or not about.get("location"):
        return "it is a view, or not made of files"
    if provider != "parquet" and not (provider == "hive" and serde.endswith("ParquetHiveSerDe")):
        return f"it is of {provider or 'an unknown format'}" + (f", {serde.rsplit('.', 1)[-1]}" if provider == "hive" else "")
    properties = {**about.get("storage_properties", {}), **about.get("table_properties", {})}
    return "its columns are told by their places" if str(properties.get(_BY_POSITION, "false")).lower() == "true" else ""


def _path(url: str) -> str:
    """A file as stores know it, of a URL as Spark gives it: percent-encoded. Raises `UserError` where no store is for it."""
    match = _FILE.fullmatch(url)
    return unquote(match[1]) if match else location(unquote(url))


def _listed(url: str) -> tuple[str, dict[str, storage.FileInfo]]:
    """A table's folder, and the files in it by their paths. Its URL may be percent-encoded or not."""
    match = _FILE.fullmatch(url)
    for root in (match[1] if match else location(url), _path(url)):
        if there := {file.path: file for file in storage.list_files(root.rstrip("/"))}:
            break
    return root.rstrip("/"), there


def _values(path: str, partitions: Sequence[str]) -> tuple[str | None, ...]:
    """What a file's folders say of the partition columns, in their order; fewer where one is not named."""
    folders = (_FOLDER.fullmatch(part) for part in path.split("/")[:-1])
    named = {unquote(folder[1]).lower(): None if folder[2] == _NULL else unquote(folder[2]) for folder in folders if folder}
    return tuple(named[name.lower()] for name in partitions if name.lower() in named)


def _fulfilling(
    spark: SparkSession, frame: DataFrame, where: str, values: dict[str, tuple[str | None, ...]], partitions: Sequence[str]
) -> set[tuple[str | None, ...]] | None:
    """The partitions that fulfil the condition, as Spark decides it on their values; None where it is on other columns too."""
    if not partitions or _UNSTEADY.search(where):
        return None
    tuples = sorted(set(values.values()), key=str)
    if not tuples:
        return set()
    types = {field.name.lower(): field.dataType.simpleString() for field in frame.schema}
    number = "_number"
    rows = [(index, *each) for index, each in enumerate(tuples)]
    local = spark.createDataFrame(rows, ", ".join([f"{number} int", *(f"`{name}` string" for name in partitions)]))
    try:
        typed = local.selectExpr(number, *(f"cast(`{name}` as {types[name.lower()]}) as `{name}`" for name in partitions))
        fulfilling = typed.where(where)
        fulfilling.schema  # noqa: B018  # Spark Connect looks at a frame when its schema is asked for
    except Exception:  # noqa: BLE001  # a column that is no partition's; what is no condition was refused before
        return None
    return {tuples[row[0]] for row in fulfilling.select(number).collect()}
