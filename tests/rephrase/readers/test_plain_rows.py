"""Rows of data files as they are, whatever their format."""

from __future__ import annotations

import gzip

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rephrase.errors import UserError
from rephrase.readers.plain_rows import rows_of

ROWS = [{"question": "Why?", "choices": ["a", "b"]}, {"question": "Who?", "choices": []}]


def test_lines_and_parquet_give_the_same_rows_with_their_places(tmp_path):
    lines = b"\n\n".join(orjson.dumps(row) for row in ROWS)
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines))
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "c.parquet")
    read = list(rows_of([str(tmp_path)]))
    assert [row for _, row in read] == ROWS * 3
    assert [place.rsplit("/", 1)[1] for place, _ in read] == [
        *("a.jsonl, row 1", "a.jsonl, row 3"),
        *("b.jsonl.gz, row 1", "b.jsonl.gz, row 3"),
        *("c.parquet, row 1", "c.parquet, row 2"),
    ]


def test_a_damaged_file_is_told_with_its_name(tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "c.parquet")
    data = (tmp_path / "c.parquet").read_bytes()
    (tmp_path / "c.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"c\.parquet, row 0: not a readable Parquet file: .*copy the file again"):
        list(rows_of([str(tmp_path / "c.parquet")]))
