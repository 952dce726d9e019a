"""What recipes are given of a user's table, whatever else it holds."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from rephrase import UserError
from rephrase.generation.texts import arrow_table, known_columns, metadata_column, rows_of_texts
from rephrase.text.tokenizer import Tokenizer

ODD: dict[str, tuple[pa.Array[Any], str]] = {
    "a list": (pa.array([["a", "b"]]), '["a","b"]'),
    "an object": (pa.array([{"a": 1}]), '{"a":1}'),
    "a map": (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), '[["a",1]]'),
    "an unknown zone": (pa.array([0], pa.timestamp("us", "Mars/Phobos")), "1970-01-01 00:00:00.000000"),
    "bytes": (pa.array([b"a\xff"]), "a\ufffd"),
    "a UUID": (pa.array([uuid.UUID(int=7).bytes], pa.uuid()), "00000000-0000-0000-0000-000000000007"),
    "a date in a list": (pa.array([[dt.date(2024, 1, 2)]]), '["2024-01-02"]'),
}


@pytest.mark.parametrize("name", ODD)
def test_metadata_and_ids_may_be_of_any_kind(name: str) -> None:
    column, expected = ODD[name]
    table = known_columns(pa.table({"text": ["t"], "x": column, "other": pa.nulls(1)}), "text", "x", ["x"])
    assert table.column("id").to_pylist() == table.column(metadata_column(0)).to_pylist() == [expected]


@pytest.mark.parametrize(
    ("table", "what"),
    [
        (pa.table({"text": [["a"]]}), "`text` holds list<.*, no texts"),
        (pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), "two columns `text`"),
        (pa.table({"text": ["a"], "synthetic_depth": [99_999_999_999]}), "`synthetic_depth` holds 99999999999"),
        (pa.table({"text": ["a"], "n_tokens": pa.array([2**64 - 1], pa.uint64())}), "`n_tokens` is no int64"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_column(table: pa.Table, what: str) -> None:
    with pytest.raises(UserError, match=what):
        known_columns(table, "text", None, [])


def test_strings_of_spark_may_be_no_utf8(tokenizer_file: str) -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"a\xff")])
    pairs = pa.MapArray.from_arrays(pa.array([0, 1], pa.int32()), bad, bad)
    table = pa.table({"text": bad, "id": ["k"], "source": bad, "metadata": pairs})
    [row] = rows_of_texts(table, [], Tokenizer.load(tokenizer_file), [])
    assert (row.document.text, row.document.source, row.document.metadata) == ("a\ufffd", "a\ufffd", {"a\ufffd": "a\ufffd"})


def test_frames_and_lists_may_hold_what_arrow_refuses() -> None:
    frame = pd.DataFrame({"text": ["a", "half \ud83d"], "mixed": [1, "b"], "odd": [{1, 2}, object()]})
    table = known_columns(arrow_table(frame, "text"), "text", None, ["mixed"])
    assert table.column("text").to_pylist() == ["a", "half "]
    assert table.column(metadata_column(0)).to_pylist() == ["1", "b"]
    assert arrow_table(["half \ud83d"], "text").column("text").to_pylist() == ["half \ufffd"]
