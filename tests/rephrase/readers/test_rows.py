from __future__ import annotations

import gzip
import json
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from rephrase.readers import Dropped, RawDocument, ReadError, read_documents
from rephrase.readers.settings import Fields, Input
from rephrase.storage import FileInfo
from rephrase.text.foreign import storable
from tests.rephrase.readers.archives import body_text, compressed, pages

DOLMA = {
    "id": "a-1",
    "source": "crawl",
    "added": "2024-01-01",
    "metadata": {"url": "http://lamps.example/", "language": "en", "language_score": 0.5, "length": 7, "tags": ["a"], "none": None},
}


def row(number: int, **more: object) -> bytes:
    return json.dumps({"text": body_text(number), **DOLMA, **more}).encode()


def read(path: str | Path, **settings: object) -> list[RawDocument | Dropped | ReadError]:
    return list(read_documents(FileInfo(str(path), 0), Input(paths=["unused"], **settings)))


def texts(items: list[RawDocument | Dropped | ReadError]) -> list[str]:
    return [item.text for item in items if isinstance(item, RawDocument)]


def errors(items: list[RawDocument | Dropped | ReadError]) -> list[tuple[int, str]]:
    return [(item.offset, item.unit) for item in items if isinstance(item, ReadError)]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.jsonl", bytes),
        ("a.jsonl.gz", gzip.compress),
        ("a.json.gz", lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:])),
        ("a.jsonl.zst", zstandard.compress),
        ("a.jsonl.zst", lambda data: zstandard.compress(data[:1000]) + zstandard.compress(data[1000:])),
        ("no-extension", zstandard.compress),
        ("no-extension", bytes),
    ],
)
def test_lines_in_dolmas_layout(tmp_path: Path, name: str, pack: object) -> None:
    data = b"\n".join(row(n) for n in range(5))
    (tmp_path / name).write_bytes(pack(data))  # type: ignore[operator]
    items = read(tmp_path / name)
    assert texts(items) == [body_text(n) for n in range(5)]
    first = items[0]
    assert isinstance(first, RawDocument)
    assert (first.url, first.source, first.language, first.language_score) == ("http://lamps.example/", "crawl", "en", 0.5)
    assert first.metadata == {"id": "a-1", "length": "7", "tags": '["a"]'}


def test_a_bad_line_is_told_by_its_number(tmp_path: Path) -> None:
    lines = [row(0), b'{"text": "cut', row(2), b"", b"[1]", b'{"id": "no text"}', b'{"text": 5}', row(7, synthetic_depth="x"), row(8)]
    (tmp_path / "a.jsonl").write_bytes(b"\r\n".join(lines) + b"\n")
    items = read(tmp_path / "a.jsonl")
    assert texts(items) == [body_text(n) for n in (0, 2, 8)]
    assert errors(items) == [(n, "line") for n in (2, 5, 6, 7, 8)]
    assert "`text` is missing" in next(i.reason for i in items if isinstance(i, ReadError) and i.offset == 6)


def test_other_field_names_and_defaults_of_the_config(tmp_path: Path) -> None:
    line = {"content": {"raw": body_text(1)}, "link": "http://lamps.example/", "synthetic": 2}
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    fields = Fields(text="content.raw", url="link", metadata=None, synthetic_depth="synthetic")
    (item,) = read(tmp_path / "a.jsonl", fields=fields, source="mine", license="CC0")
    expected = RawDocument(body_text(1), "http://lamps.example/", "mine", license="CC0", synthetic_depth=2, raw_bytes=len(json.dumps(line)))
    assert item == expected


def test_lone_surrogates_and_nan_are_no_reason_to_lose_a_line(tmp_path: Path) -> None:
    line = b'{"text": "' + body_text(1).encode() + b'\\ud83d \\ud83d\\ude00 \\u0000", "score": NaN}'
    (tmp_path / "a.jsonl").write_bytes(line)
    (item,) = read(tmp_path / "a.jsonl")
    assert isinstance(item, RawDocument)
    assert item.text == body_text(1) + " 😀 "


@pytest.mark.parametrize("pack", [lambda data: gzip.compress(data, mtime=0), zstandard.compress])
def test_a_damaged_member_loses_its_lines_only(tmp_path: Path, pack: object) -> None:
    members = [pack(b"".join(row(n) + b"\n" for n in range(start, start + 40))) for start in (0, 40, 80)]  # type: ignore[operator]
    damaged = bytearray(members[1])
    damaged[10:14] = b"\xff\xff\xff\xff"
    (tmp_path / "a.jsonl.gz").write_bytes(members[0] + damaged + members[2])
    items = read(tmp_path / "a.jsonl.gz")
    assert set(texts(items)) >= {body_text(n) for n in (*range(40), *range(80, 120))}
    assert (len(members[0]), "byte") in errors(items)


def test_a_cut_off_file_gives_the_lines_before_the_cut(tmp_path: Path) -> None:
    data = gzip.compress(b"".join(row(n) + b"\n" for n in range(4000)), mtime=0)
    (tmp_path / "a.jsonl.gz").write_bytes(data[: len(data) // 2])
    items = read(tmp_path / "a.jsonl.gz")
    found = texts(items)
    assert found == [body_text(n) for n in range(len(found))]
    assert 1000 < len(found) < 3000
    assert errors(items) == [(0, "byte")]


def table(count: int) -> pa.Table:
    rows = [
        {
            "text": body_text(n),
            "id": f"row-{n}",
            "source": None,
            "metadata": {"url": f"http://lamps.example/{n}", "language": "en", "language_score": 0.9, "size": n},
            "unused": list(range(100)),
        }
        for n in range(count)
    ]
    return pa.Table.from_pylist(rows)


def test_parquet_with_a_struct_and_with_a_map(tmp_path: Path) -> None:
    pq.write_table(table(10), tmp_path / "a.parquet", row_group_size=3)
    items = read(tmp_path / "a.parquet")
    assert texts(items) == [body_text(n) for n in range(10)]
    assert isinstance(items[4], RawDocument)
    assert (items[4].url, items[4].language, items[4].source) == ("http://lamps.example/4", "en", "parquet")
    assert items[4].metadata == {"id": "row-4", "size": "4"}

    mapped = pa.table(
        {
            "text": [body_text(1)],
            "metadata": pa.array([[("url", "http://lamps.example/"), ("size", "1")]], pa.map_(pa.string(), pa.string())),
        }
    )
    pq.write_table(mapped, tmp_path / "renamed")
    (item,) = read(tmp_path / "renamed")
    assert isinstance(item, RawDocument)
    assert item.url == "http://lamps.example/"
    assert item.metadata == {"size": "1"}


def test_a_damaged_row_group_and_a_row_without_text_lose_only_themselves(tmp_path: Path) -> None:
    whole = table(9).to_pylist()
    whole[7]["text"] = None
    pq.write_table(pa.Table.from_pylist(whole), tmp_path / "a.parquet", row_group_size=3)
    metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
    column = metadata.row_group(1).column(0)
    assert column.path_in_schema == "text"
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    (tmp_path / "a.parquet").write_bytes(data)
    items = read(tmp_path / "a.parquet")
    assert texts(items) == [body_text(n) for n in (0, 1, 2, 6, 8)]
    assert errors(items) == [(3, "row"), (7, "row")]


def test_a_parquet_file_without_its_footer(tmp_path: Path) -> None:
    pq.write_table(table(9), tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-100])
    assert errors(read(tmp_path / "a.parquet")) == [(0, "row")]


def test_all_formats_from_s3(tmp_path: Path, bucket: str) -> None:
    pq.write_table(table(9), tmp_path / "a.parquet", row_group_size=3)
    archive, _ = compressed(pages(3))
    objects = {
        "in/a.parquet": (tmp_path / "a.parquet").read_bytes(),
        "in/a.warc.gz": archive,
        "in/a.jsonl.zst": zstandard.compress(b"\n".join(row(n) for n in range(5))),
    }
    for key, data in objects.items():
        boto3.client("s3").put_object(Bucket=bucket.removeprefix("s3://"), Key=key, Body=data)
    assert [len(texts(read(f"{bucket}/{key}"))) for key in objects] == [9, 3, 5]
    with pytest.raises(FileNotFoundError):
        read(f"{bucket}/in/none.warc.gz")


def test_an_unknown_file_is_an_error_row(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("hello")
    assert errors(read(tmp_path / "readme.txt")) == [(0, "byte")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\r\nb\rc", "a\nb\nc"), ("a\0b", "ab"), ("a\ud800b", "ab"), ("é\ud83d\ude00", "é😀"), ("\udc00", ""), ("日本\ud800語", "日本語")],
)
def test_cleaning(text: str, expected: str) -> None:
    assert storable(text) == expected
