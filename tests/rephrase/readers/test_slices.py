from __future__ import annotations

import codecs
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rephrase import storage
from rephrase.readers import Dropped, RawDocument, ReadError, read_documents
from rephrase.readers.base import Item
from rephrase.readers.files import cuts_of
from rephrase.readers.registry import readers_of
from rephrase.readers.settings import Input
from rephrase.readers.slices import MANY_FILES, Slice, units_of
from rephrase.storage import FileInfo, FileList

READERS = readers_of("auto")


def settings(path: Path) -> Input:
    return Input(paths=[str(path)], min_characters=3)


def slices_of(file: FileInfo, size: int) -> list[Slice]:
    return [part for [part] in units_of(FileList([file]), size, lambda one, of: cuts_of(one, of, READERS))]


def read(parts: list[Slice], config: Input) -> Iterator[Item]:
    for part in parts:
        yield from read_documents(part, config, READERS)


def kinds(items: Iterator[Item]) -> list[tuple[str, ...]]:
    """What tells items apart, without the places of errors, which slices count in bytes."""
    return [
        ("document", item.text, str(item.metadata))
        if isinstance(item, RawDocument)
        else (("dropped", item.reason, str(item.raw_bytes)) if isinstance(item, Dropped) else ("error", item.reason))
        for item in items
    ]


def odd_lines(seed: int) -> bytes:
    draw = random.Random(seed)
    lines = []
    for number in range(draw.randrange(5, 40)):
        text = f"text {number} " + "é" * draw.choice([0, 1, 30, 400])
        kind = draw.random()
        if kind < 0.7:
            lines.append(json.dumps({"text": text, "n": number}, ensure_ascii=draw.random() < 0.5).encode())
        else:
            lines.append(draw.choice([b"", b"  ", b'{"text": ', b"[1, 2]", b"\xff\xfe", b'{"text": "ab"}', b'{"other": "a text"}']))
    lines[0] = b'{"text": "the first one"}'
    ends = [draw.choice([b"\n", b"\n", b"\r\n"]) for _ in lines]
    body = b"".join(line + end for line, end in zip(lines, ends, strict=True))
    mark = codecs.BOM_UTF8 if draw.random() < 0.2 else b""
    return mark + (body if draw.random() < 0.5 else body.rstrip())


@pytest.mark.parametrize("seed", range(40))
def test_slices_of_lines_give_what_the_whole_file_gives(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_bytes(odd_lines(seed))
    [file] = storage.expand(str(path))
    config = settings(path)
    whole = kinds(read_documents(file, config))
    for size in {1, 2, 7, file.size // 3 + 1, file.size - 1, *range(20, file.size, max(1, file.size // 9))}:
        assert kinds(read(slices_of(file, size), config)) == whole, size


def test_a_blank_line_behind_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "blank.jsonl"
    path.write_bytes(codecs.BOM_UTF8 + b'\r\n{"text": "the first one"}\r\n')
    [file] = storage.expand(str(path))
    assert kinds(read(slices_of(file, 8), settings(path))) == kinds(read_documents(file, settings(path)))


def test_slices_of_an_object_in_a_store(bucket: str, tmp_path: Path) -> None:
    data = odd_lines(7)
    storage.put(f"{bucket}/odd.jsonl", data)
    [file] = storage.expand(f"{bucket}/odd.jsonl")
    config = settings(tmp_path)
    parts = slices_of(file, 100)
    assert len(parts) > 3
    assert kinds(read(parts, config)) == kinds(read_documents(file, config))


def test_the_place_of_an_error_in_a_slice_is_the_byte_of_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"text": f"text {n}"}).encode() if n % 5 else b"{broken %d" % n for n in range(1, 60)]
    path.write_bytes(b"\n".join(lines))
    [file] = storage.expand(str(path))
    parts = slices_of(file, 200)
    assert len(parts) > 3
    errors = [item for item in read(parts[1:], settings(path)) if isinstance(item, ReadError)]
    assert errors
    for error in errors:
        assert error.unit == "byte"
        assert path.read_bytes()[error.offset :].startswith(b"{broken ")
    assert [item.unit for item in read_documents(file, settings(path)) if isinstance(item, ReadError)] == ["line"] * 11


def test_slices_of_parquet_are_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = [f"text {n} " + "x" * (n % 50) for n in range(500)]
    texts[321] = None  # type: ignore[call-overload]  # an error, with its row
    pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), path, row_group_size=20)
    [file] = storage.expand(str(path))
    whole = list(read_documents(file, settings(path)))
    for size in (1, file.size // 7, file.size // 2):
        parts = slices_of(file, size)
        assert 1 < len(parts) <= 25
        assert list(read(parts, settings(path))) == whole, size
    assert [(item.offset, item.unit) for item in whole if isinstance(item, ReadError)] == [(321, "row")]


def test_what_cannot_be_cut_is_read_by_one_task(tmp_path: Path) -> None:
    lines = b"".join(json.dumps({"text": f"text {n}"}).encode() + b"\n" for n in range(100))
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(lines))
    (tmp_path / "array.json").write_bytes(json.dumps([{"text": f"text {n}"} for n in range(100)]).encode())
    (tmp_path / "wide.jsonl").write_bytes(codecs.BOM_UTF16_LE + lines.decode().encode("utf-16-le"))
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1" + lines)
    files = storage.expand(str(tmp_path))
    assert [slices_of(file, 100) for file in files] == [[Slice(file)] for file in files]


def test_small_files_share_units_only_where_there_are_many() -> None:
    files = [FileInfo(f"{n:05d}.jsonl", 20_000) for n in range(50_000)]
    units = units_of(FileList(files), 128 << 20, lambda _file, _size: ())
    assert 0.9 * MANY_FILES <= len(units) <= 1.1 * MANY_FILES
    assert [part.file for unit in units for part in unit] == files, "none is lost, and the order stays"
    few = files[:MANY_FILES]
    assert tuple(units_of(FileList(few), 128 << 20, lambda _file, _size: ())) == tuple((Slice(file),) for file in few)
    empty = [FileInfo(f"{n}.jsonl", 0) for n in range(10_000)]
    packed = units_of(FileList(empty), 128 << 20, lambda _file, _size: ())
    assert max(len(unit) for unit in packed) < 5000, "files without a byte are work too"
    mixed = [FileInfo("large.jsonl", 10**9), *files[:1000]]
    large, *others = units_of(FileList(mixed), 128 << 20, lambda file, size: range(size, file.size, size))
    assert large == (Slice(mixed[0], 0, 128 << 20),)
    assert all(len({part.file == mixed[0] for part in unit}) == 1 for unit in others), "a slice is never packed with files"
    assert sum(unit[0].file == mixed[0] for unit in others) == 7
