"""Odd rows and damaged files: each is an error with its place, or a document whose values are made safe, and its neighbours stay."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rephrase import UserError
from rephrase.readers import Dropped, RawDocument, ReadError, read_documents
from rephrase.readers.base import Item
from rephrase.readers.registry import Reader
from rephrase.readers.settings import Input
from rephrase.storage import FileInfo

TEXT = "The keeper of the lighthouse counted ships every evening. " * 6


def read(path: Path, **settings: Any) -> list[RawDocument | Dropped | ReadError]:
    return list(read_documents(FileInfo(str(path), 0), Input(paths=["unused"], **settings)))


@pytest.mark.parametrize(
    ("row", "metadata"),
    [
        ('"metadata": {"tags": ["\\ud83d", "a"]}', {"tags": '["","a"]'}),
        ('"metadata": {"a": {"b": "half \\ud83d"}}', {"a": '{"b":"half "}'}),
        ('"metadata": {"n": 123456789012345678901234567890, "score": NaN}', {"n": "123456789012345678901234567890", "score": "null"}),
        ('"metadata": [1, 2]', {"metadata": "[1,2]"}),
        ('"metadata": [[1, 2], {}]', {"metadata": "[[1,2],{}]"}),
        ('"metadata": "plain"', {"metadata": "plain"}),
        (f'"metadata": {{"deep": {"[" * 300}{"]" * 300}}}', {"deep": "[" * 300 + "]" * 300}),
    ],
)
def test_odd_values_of_json_are_made_safe(tmp_path: Path, row: str, metadata: dict[str, str]) -> None:
    good = json.dumps({"text": TEXT})
    (tmp_path / "a.jsonl").write_text(f'{good}\n{{"text": "{TEXT}", {row}}}\n{good}\n')
    items = read(tmp_path / "a.jsonl")
    assert [type(item) for item in items] == [RawDocument] * 3
    assert {key: value.replace(" ", "") for key, value in items[1].metadata.items()} == {k: v.replace(" ", "") for k, v in metadata.items()}


@pytest.mark.parametrize(
    "value", ["99999999999", "Infinity", "-Infinity", "NaN", "1e400", '"many"', "[]", '{"a": 1}', "9" * 5000, "2147483647"]
)
def test_a_depth_that_is_none_is_told_by_file_and_line(tmp_path: Path, value: str) -> None:
    good = json.dumps({"text": TEXT})
    (tmp_path / "a.jsonl").write_text(f'{good}\n{{"text": "{TEXT}", "synthetic_depth": {value}}}\n{good}\n')
    first, wrong, last = read(tmp_path / "a.jsonl")
    assert isinstance(first, RawDocument)
    assert isinstance(last, RawDocument)
    assert isinstance(wrong, ReadError)
    assert (wrong.file, wrong.offset, wrong.unit) == (str(tmp_path / "a.jsonl"), 2, "line")


ODD: dict[str, tuple[pa.Array[Any], str]] = {
    "a day after 9999": (pa.array([3_000_000], pa.date32()), "10183-09-21"),
    "in a struct": (pa.array([{"b": 3_000_000}], pa.struct({"b": pa.date32()})), '{"b":"10183-09-21"}'),
    "in a list": (pa.array([[3_000_000]], pa.list_(pa.date32())), '["10183-09-21"]'),
    "in a map": (pa.array([[("k", 3_000_000)]], pa.map_(pa.string(), pa.date32())), '[["k","10183-09-21"]]'),
    "an instant after 9999": (pa.array([253_402_300_800], pa.timestamp("s")), "10000-01-01 00:00:00.000"),
    "an unknown zone": (pa.array([0], pa.timestamp("us", "Mars/Phobos")), "1970-01-01 00:00:00.000000"),
    "a long while": (pa.array([2**62], pa.duration("s")), "4611686018427387904"),
    "a date": (pa.array([dt.date(2024, 1, 2)]), "2024-01-02"),
    "a decimal": (pa.array([decimal.Decimal("1.50")]), "1.50"),
    "bytes": (pa.array([b"ab\xff"]), "ab\ufffd"),
    "bytes in a list": (pa.array([[{"a": b"x"}]]), '[{"a":"x"}]'),
    "a UUID": (pa.array([uuid.UUID(int=7).bytes], pa.uuid()), "00000000-0000-0000-0000-000000000007"),
    "a time of day": (pa.array([dt.time(1, 2)], pa.time32("ms")), "01:02:00"),
    "a view": (pa.array(["a"], pa.string_view()), "a"),
    "a dictionary": (pa.array(["a"]).dictionary_encode(), "a"),
    "not UTF-8": (pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"a\xff")]), "a\ufffd"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_values_of_parquet_are_made_safe(tmp_path: Path, name: str) -> None:
    column, expected = ODD[name]
    pq.write_table(pa.table({"text": [TEXT], "x": column}), tmp_path / "a.parquet")
    [item] = read(tmp_path / "a.parquet", fields={"also": "x", "id": "x"})
    assert isinstance(item, RawDocument), item
    assert item.metadata == {"x": expected, "id": expected}


def test_of_a_batch_with_one_odd_row_the_others_stay(tmp_path: Path) -> None:
    offsets = pa.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, 300, 600, 900)))
    text = pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"a" * 300 + b"\xff" * 300 + b"c" * 300)])
    pq.write_table(pa.table({"text": text}), tmp_path / "a.parquet")
    first, wrong, last = read(tmp_path / "a.parquet")
    assert [first.text, last.text] == ["a" * 300, "c" * 300]
    assert (wrong.offset, wrong.unit) == (1, "row")
    assert "UTF-8" in wrong.reason


def test_texts_may_be_bytes_and_two_columns_of_one_name_are_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array([TEXT.encode(), b"\xff" * 300])}), tmp_path / "a.parquet")
    first, wrong = read(tmp_path / "a.parquet")
    assert first.text == TEXT
    assert "UTF-8" in wrong.reason
    pq.write_table(pa.table([pa.array([TEXT]), pa.array(["b" * 300])], names=["text", "text"]), tmp_path / "a.parquet")
    [item] = read(tmp_path / "a.parquet")
    assert item.reason == "there are two columns `text`"


def test_damaged_parquet_is_told_by_its_file_whatever_bit_is_wrong(tmp_path: Path) -> None:
    rows = [{"text": f"{TEXT} {n}", "id": str(n), "metadata": {"url": "http://lamps.example/", "n": n}} for n in range(30)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=10)
    data = (tmp_path / "a.parquet").read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    dice, told = random.Random(1), 0
    for number in range(300):
        damaged = bytearray(data)
        damaged[dice.randrange(footer if number % 2 else 0, len(data))] ^= 1 << dice.randrange(8)
        (tmp_path / "b.parquet").write_bytes(damaged)
        told += any(isinstance(item, ReadError) for item in read(tmp_path / "b.parquet"))
    assert told > 30
    for cut in (0, 3, 8, len(data) // 2, len(data) - 1):
        (tmp_path / "b.parquet").write_bytes(data[:cut])
        [item] = read(tmp_path / "b.parquet")
        assert isinstance(item, ReadError)
        assert item.file == str(tmp_path / "b.parquet")


class Breaking(Reader):
    """A reader of a package, which raises."""

    def read(self, file: FileInfo, config: Any) -> Iterator[Item]:
        del config
        yield RawDocument(TEXT, offset=7, unit="line")
        yield RawDocument(TEXT, metadata={"n": 5}, offset=8, unit="line")  # type: ignore[dict-item]
        raise UserError("no", where=file.path) if "refused" in file.path else MemoryError("too much \ud83d")


def test_what_a_reader_raises_is_told_with_the_place_it_came_to() -> None:
    config, reader = Input(paths=["unused"]), Breaking("breaking", None)
    document, value, end = read_documents(FileInfo("odd.bin", 0), config, [reader])
    assert isinstance(document, RawDocument)
    assert (value.offset, value.unit) == (8, "line")
    assert (end.offset, end.unit) == (8, "line")
    assert end.reason.encode()
    assert "MemoryError" in end.reason
    with pytest.raises(UserError, match="no"):
        list(read_documents(FileInfo("refused.bin", 0), config, [reader]))
