"""Small tables for the tests of `input.table`, and what the shard stage makes of them."""

from __future__ import annotations

import base64
import json
import struct
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq

from rephrase import storage
from rephrase.config.run import Run
from rephrase.engines.replay import ReplaySettings
from rephrase.readers.settings import Input
from rephrase.recipes.use import RecipeUse
from rephrase.storage import tables
from tests.places import ROOT

FIELDS = {"language": "lang", "id": "doc_id", "url": "about.url", "metadata": "about"}


def rows(first: int, last: int) -> pa.Table:
    """Rows of numbers from `first` to before `last`; the text of each ninth is null."""
    numbers = list(range(first, last))
    about = [{"url": f"http://{n}", "marks": [("depth", str(n))], "price": f"{n}.50"} for n in numbers]
    kind = pa.struct([("url", pa.string()), ("marks", pa.map_(pa.string(), pa.string())), ("price", pa.string())])
    return pa.table(
        {
            "text": pa.array([None if n % 9 == 8 else f"The text of number {n}." for n in numbers], pa.string()),
            "doc_id": pa.array(numbers, pa.int64()),
            "about": pa.array(about, kind),
            "lang": pa.array(["K%ö n" if n % 2 else "de" for n in numbers], pa.string()),
        }
    )


def config(output: Path, table: Any = None, *, paths: list[str] | None = None, **settings: Any) -> Run:
    """A run on a table or on files."""
    source = {"paths": paths} if paths else {"table": table}
    return Run(
        output=str(output),
        tokenizer=str(ROOT / "examples" / "tokenizer.json"),
        input=Input(min_characters=3, fields=settings.pop("fields", FIELDS), **source, **settings),
        engine=ReplaySettings(kind="replay", path="none"),
        recipes=[RecipeUse(use="wrap/easy")],
    )


def documents(run: Run) -> list[dict[str, Any]]:
    """The rows of the documents table, in the order of their ids."""
    paths = tables.objects(storage.join(run.output, "documents"))
    return sorted((row for path in paths for row in tables.read(path).to_pylist()), key=lambda row: row["id"])


def numbers(run: Run) -> list[int]:
    """The numbers of the rows that have become documents."""
    return sorted(int(dict(row["metadata"])["id"]) for row in documents(run))


def errors(run: Run) -> list[str]:
    """The reasons of what could not be read."""
    paths = tables.objects(storage.join(run.output, "errors"))
    return sorted(row["reason"] for path in paths for row in tables.read(path).to_pylist())


def texts_of(all_numbers: Iterable[int]) -> list[int]:
    """Those that have a text."""
    return [n for n in all_numbers if n % 9 != 8]


def delete_positions(table: Any, task: Any, positions: list[int], folder: Path) -> None:
    """Delete rows of a data file of an Iceberg table by a file of positions, as Spark and Flink do and pyiceberg does not."""
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestContent, ManifestWriterV2

    path = f"{folder}/{uuid.uuid4().hex}-deletes.parquet"
    pq.write_table(pa.table({"file_path": [task.file.file_path] * len(positions), "pos": pa.array(positions, pa.int64())}), path)
    empty: dict[str, Any] = {name: {} for name in ("column_sizes", "value_counts", "null_value_counts", "nan_value_counts")}
    file = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=task.file.partition,
        record_count=len(positions),
        file_size_in_bytes=Path(path).stat().st_size,
        lower_bounds={},
        upper_bounds={},
        **empty,
    )
    file.spec_id = task.file.spec_id
    as_deletes = mock.patch.object(ManifestWriterV2, "content", return_value=ManifestContent.DELETES)
    with as_deletes, table.transaction() as transaction, transaction.update_snapshot().fast_append() as update:
        update.append_data_file(file)


def delta_log(folder: Path, version: int, *actions: dict[str, Any]) -> None:
    """Write a commit of a Delta table by hand: deltalake does not write vectors of deletes, nor columns under other names."""
    lines = [{"commitInfo": {"timestamp": 1_700_000_000_000, "operation": "WRITE"}}, *actions]
    (folder / "_delta_log").mkdir(parents=True, exist_ok=True)
    (folder / "_delta_log" / f"{version:020d}.json").write_text("".join(json.dumps(line) + "\n" for line in lines))


def deletion_vector(positions: list[int]) -> dict[str, Any]:
    """A vector of deletes that stands in the log itself: a 64-bit Roaring bitmap in Z85."""
    from pyroaring import BitMap

    data = struct.pack("<iqi", 1681511377, 1, 0) + BitMap(positions).serialize()
    data += b"\0" * (-len(data) % 4)
    z85 = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    b85 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
    text = base64.b85encode(data).translate(bytes.maketrans(b85, z85)).decode()
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(data), "cardinality": len(positions)}


def add_file(table: Any, path: str, count: int, partition: str) -> None:
    """Add a file to an Iceberg table that lacks the column of its partition, as migrated tables of Hive have them."""
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.table.name_mapping import create_mapping_from_schema
    from pyiceberg.typedef import Record

    columns = {field.field_id: count for field in table.schema().fields if field.name != "lang"}
    file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=Record(partition),
        record_count=count,
        file_size_in_bytes=Path(path).stat().st_size,
        column_sizes=columns,
        value_counts=columns,
        null_value_counts={},
        nan_value_counts={},
        lower_bounds={},
        upper_bounds={},
    )
    file.spec_id = table.metadata.default_spec_id
    with table.transaction() as transaction:
        names = create_mapping_from_schema(table.schema()).model_dump_json()
        transaction.set_properties(**{"schema.name-mapping.default": names})
        with transaction.update_snapshot().fast_append() as update:
            update.append_data_file(file)
