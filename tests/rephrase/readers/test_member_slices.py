"""Slices of compressed files give what the whole file gives, and nothing that only looks like a member is taken for one."""

from __future__ import annotations

import gzip
import json
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers import Dropped, RawDocument, ReadError, member_slices, read_documents
from rephrase.readers.base import Item
from rephrase.readers.files import cuts_of
from rephrase.readers.registry import readers_of
from rephrase.readers.settings import Input
from rephrase.readers.slices import Slice, units_of
from rephrase.storage import FileInfo, FileList
from tests.rephrase.readers.archives import html, pages, response

READERS = readers_of("auto")
CONFIG = Input(paths=["unused"], min_characters=3)


@pytest.fixture(params=["chain from before", "chain from the cut"])
def before(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are read from their beginnings; larger ones than a test has, from somewhere inside."""
    if request.param == "chain from the cut":
        monkeypatch.setattr(member_slices, "_BEFORE", 0)


def stored(path: Path, data: bytes) -> FileInfo:
    path.write_bytes(data)
    return FileInfo(str(path), len(data))


def slices_of(file: FileInfo, size: int) -> list[Slice]:
    return [part for [part] in units_of(FileList([file]), size, lambda one, of: cuts_of(one, of, READERS))]


def at(file: FileInfo, cuts: list[int]) -> list[Slice]:
    return [Slice(file, start, end) for start, end in zip([0, *cuts], [*cuts, None], strict=True)]


def items(parts: list[Slice]) -> Iterator[Item]:
    for part in parts:
        yield from read_documents(part, CONFIG, READERS)


def kinds(of: Iterator[Item]) -> list[tuple[str, ...]]:
    return [
        ("document", item.text, str(item.metadata), str(item.url))
        if isinstance(item, RawDocument)
        else (("dropped", item.reason, str(item.raw_bytes)) if isinstance(item, Dropped) else ("error", item.reason))
        for item in of
    ]


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def archive_of(count: int) -> list[bytes]:
    """Records of all sizes, of which every tenth holds what does not compress."""
    records = pages(count)
    for n in range(0, len(records), 10):
        records[n] = response(noise(3000 * (n % 7 + 1), n), headers="Content-Type: image/png")
    return records


def bgzip(data: bytes, size: int = 6000) -> bytes:
    """As samtools' bgzip writes it, with its empty last block."""
    blocks = []
    for start in range(0, len(data) + size, size):
        piece = data[start : start + size]
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = packer.compress(piece) + packer.flush()
        head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(body) + 25)
        blocks.append(head + body + struct.pack("<II", zlib.crc32(piece), len(piece)))
        if not piece:
            break
    return b"".join(blocks)


def frames(data: bytes, size: int = 6000) -> list[bytes]:
    packer = zstandard.ZstdCompressor(write_checksum=True)
    return [packer.compress(data[start : start + size]) for start in range(0, len(data), size)]


def seekable(data: bytes, size: int) -> bytes:
    """As zstd's seekable format has it: frames, then their sizes in a skippable frame."""
    several = frames(data, size)
    entries = b"".join(struct.pack("<II", len(frame), size) for frame in several)
    footer = struct.pack("<IBI", len(several), 0, 0x8F92EAB1)
    return b"".join(several) + struct.pack("<II", 0x184D2A5E, len(entries) + 9) + entries + footer


def lines(count: int, seed: int = 1) -> bytes:
    draw = random.Random(seed)
    texts = [f"text {n} " + draw.randbytes(draw.choice([0, 5, 40, 900, 9000])).hex() for n in range(count)]
    odd = [b"", b"{broken", b"[1, 2]", b'{"text": "ab"}']
    return b"\n".join(draw.choice(odd) if draw.random() < 0.1 else json.dumps({"text": text}).encode() for text in texts)


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("codec", ["gzip", "zstd", "dictionary"])
def test_slices_of_an_archive(tmp_path: Path, codec: str) -> None:
    records = archive_of(60)
    if codec == "gzip":
        file = stored(tmp_path / "a.warc.gz", b"".join(gzip.compress(one, mtime=0) for one in records))
    else:
        samples: list[Any] = records * 3
        dictionary = zstandard.train_dictionary(20_000, samples) if codec == "dictionary" else None
        packer = zstandard.ZstdCompressor(dict_data=dictionary)
        plain = dictionary.as_bytes() if dictionary else b""
        head = struct.pack("<II", 0x184D2A5D, len(plain)) + plain if plain else b""
        file = stored(tmp_path / "a.warc.zst", head + b"".join(packer.compress(one) for one in records))
    whole = kinds(read_documents(file, CONFIG, READERS))
    assert len(whole) == len(records)
    for size in (1500, file.size // 7, file.size // 2, file.size - 1):
        parts = slices_of(file, size)
        assert len(parts) > 1
        assert kinds(items(parts)) == whole, size
    offsets = [item.offset for item in items(slices_of(file, 9000)) if isinstance(item, RawDocument)]
    assert offsets == [item.offset for item in read_documents(file, CONFIG, READERS) if isinstance(item, RawDocument)]


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("form", ["bgzip", "members", "frames", "seekable"])
def test_slices_of_compressed_lines(tmp_path: Path, form: str) -> None:
    data = lines(120)
    if form == "bgzip":
        file = stored(tmp_path / "a.jsonl.gz", bgzip(data))
    elif form == "members":  # each of whole lines
        file = stored(tmp_path / "a.jsonl.gz", b"".join(gzip.compress(line + b"\n") for line in data.split(b"\n")))
    elif form == "frames":
        file = stored(tmp_path / "a.jsonl.zst", b"".join(frames(data)))
    else:
        file = stored(tmp_path / "a.jsonl.zst", seekable(data, 20_000))
    whole = kinds(read_documents(file, CONFIG, READERS))
    assert len(whole) > 90
    for size in (2000, 9001, file.size // 3, file.size - 100):
        parts = slices_of(file, size)
        assert len(parts) > 1 or form == "seekable"
        assert kinds(items(parts)) == whole, size
    cuts = sorted(random.Random(5).sample(range(1, file.size), 25))
    assert kinds(items(at(file, cuts))) == whole


def test_slices_of_an_object_in_a_store(bucket: str) -> None:
    data = b"".join(gzip.compress(one, mtime=0) for one in archive_of(20))
    storage.put(f"{bucket}/a.warc.gz", data)
    [file] = storage.expand(f"{bucket}/a.warc.gz")
    parts = slices_of(file, len(data) // 5)
    assert len(parts) > 3
    assert kinds(items(parts)) == kinds(read_documents(file, CONFIG, READERS))


def test_the_seek_table_tells_where_large_frames_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_slices, "_FIRST", 1000)
    data = lines(200)
    file = stored(tmp_path / "a.jsonl.zst", seekable(data, 50_000))
    parts = slices_of(file, 30_000)
    assert len(parts) > 3
    for part in parts[1:]:
        assert Path(file.path).read_bytes()[part.start :].startswith(b"\x28\xb5\x2f\xfd")
    assert kinds(items(parts)) == kinds(read_documents(file, CONFIG, READERS))
    damaged = stored(tmp_path / "b.jsonl.zst", b"".join(frames(data, 50_000)) + seekable(data, 50_000)[-100:])
    assert len(slices_of(damaged, 30_000)) == 1, "a table that does not fit the file is none"


def test_what_is_one_member_is_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_slices, "_FIRST", 3000)
    data = lines(60)
    records = b"".join(archive_of(20))
    several = [
        stored(tmp_path / "one.jsonl.gz", gzip.compress(data)),
        stored(tmp_path / "one.jsonl.zst", zstandard.compress(data)),
        stored(tmp_path / "one.warc.gz", gzip.compress(records)),
        stored(tmp_path / "blocks.warc.gz", bgzip(records, 2000)),
        stored(tmp_path / "large.jsonl.gz", gzip.compress(data) * 2),
        stored(tmp_path / "array.json.gz", bgzip(json.dumps([json.loads(f'{{"text": "text {n}"}}') for n in range(2000)]).encode(), 500)),
        stored(tmp_path / "plain.warc", records),
        stored(tmp_path / "damaged.warc.gz", b"\x1f\x8b\x08" + noise(5000)),
    ]
    assert [slices_of(file, 100) for file in several] == [[Slice(file)] for file in several]


# What looks like members in what is none.


def inner_archive(size: int) -> bytes:
    """An archive, as a page: each record compressed on its own."""
    inner = b""
    number = 0
    while len(inner) < size:
        inner += gzip.compress(response(html(number, extra=noise(40, number).hex()), f"http://inner.example/{number}"), mtime=0)
        number += 1
    return inner


_BLOCK = 65_535  # content of a block that is stored as it is


def stored_member(content: bytes) -> bytes:
    """A gzip member that does not compress: all its content stands in it as it is, in blocks."""
    starts = range(0, len(content), _BLOCK)
    blocks = (
        struct.pack("<BHH", start + _BLOCK >= len(content), len(part := content[start : start + _BLOCK]), len(part) ^ 0xFFFF) + part
        for start in starts
    )
    return b"\x1f\x8b\x08" + b"\0" * 7 + b"".join(blocks) + struct.pack("<II", zlib.crc32(content), len(content))


@pytest.mark.usefixtures("before")
def test_an_archive_in_an_archive_is_not_taken_for_it(tmp_path: Path) -> None:
    inner = response(inner_archive(400_000), headers="Content-Type: application/warc")
    others = [gzip.compress(one, mtime=0) for one in pages(300)]
    middle = stored_member(inner)
    assert middle.count(b"\x1f\x8b\x08") > 300
    file = stored(tmp_path / "a.warc.gz", b"".join(others) + middle + b"".join(others))
    whole = kinds(read_documents(file, CONFIG, READERS))
    assert "inner.example" not in str(whole)
    first = sum(map(len, others))
    draw = random.Random(2)
    for _ in range(6):
        cuts = sorted(draw.sample(range(first, first + len(middle)), 2))
        assert kinds(items(at(file, cuts))) == whole, cuts


@pytest.mark.usefixtures("before")
def test_false_magics_everywhere(tmp_path: Path) -> None:
    """Behind each come the head of a record, a whole member, or nothing that fits."""
    draw = random.Random(4)
    lure = gzip.compress(response(html(7), "http://lure.example/"), mtime=0)
    records = []
    for number, one in enumerate(pages(60)):
        body = b"".join(draw.choice([b"\x1f\x8b\x08\0\0\0\0\0\0\xff", lure, lure[:-3], draw.randbytes(50)]) for _ in range(12))
        records += [stored_member(response(body, headers="Content-Type: image/png")), gzip.compress(one, mtime=number)]
    file = stored(tmp_path / "a.warc.gz", b"".join(records))
    whole = kinds(read_documents(file, CONFIG, READERS))
    assert "lure.example" not in str(whole)
    for _ in range(12):
        cuts = sorted(draw.sample(range(1, file.size), 9))
        assert kinds(items(at(file, cuts))) == whole, cuts


def test_a_chain_that_is_made_to_deceive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members whose heads have room for the heads of blocks: only the member around them shows what they are."""
    monkeypatch.setattr(member_slices, "_BEFORE", 0)
    lure = gzip.compress(response(html(7), "http://lure.example/"), mtime=0)
    content = b""
    for _ in range(9):
        content += lure * (max(0, _BLOCK - len(content) % _BLOCK - 2000) // len(lure))
        room = _BLOCK - len(content) % _BLOCK + 500  # in the head of a member, up to behind the head of the next block
        content += b"\x1f\x8b\x08\x04" + b"\0" * 6 + struct.pack("<H", room + 5) + noise(room) + lure[10:]
    packed = [gzip.compress(one, mtime=0) for one in pages(3)]
    outer = b"".join(packed) + stored_member(content) + b"".join(packed)
    start = sum(map(len, packed))
    file = stored(tmp_path / "a.warc.gz", outer)
    cut = start + 3000
    forged = [item.url for item in read_documents(Slice(file, cut, None), CONFIG, READERS) if isinstance(item, RawDocument)]
    assert "http://lure.example/" in forged, "it does deceive who sees no more"
    with pytest.raises(UserError, match=r"lies inside another one.*unit_bytes"):
        list(items(at(file, [cut])))


# Damage.


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("seed", range(12))
def test_damage_costs_no_more_than_in_the_whole_file(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    data = bytearray(b"".join(gzip.compress(one, mtime=0) for one in archive_of(80)))
    for _ in range(3):
        place = draw.randrange(len(data) - 300)
        data[place : place + draw.choice([1, 200])] = draw.randbytes(draw.choice([0, 1, 200, 300]))
    file = stored(tmp_path / "a.warc.gz", bytes(data))
    whole = [item.text for item in read_documents(file, CONFIG, READERS) if isinstance(item, RawDocument)]
    for cuts in ([file.size // 2], sorted(draw.sample(range(1, file.size), 8))):
        parts = list(items(at(file, cuts)))
        assert [item.text for item in parts if isinstance(item, RawDocument)] == whole, cuts
        assert any(isinstance(item, ReadError) for item in parts)


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("form", ["gz", "zst"])
def test_damaged_lines_are_told_once(tmp_path: Path, form: str) -> None:
    data = b"\n".join(json.dumps({"text": f"text {n} " + noise(300, n).hex()}).encode() for n in range(400))
    packed = bytearray(bgzip(data) if form == "gz" else b"".join(frames(data)))
    packed[len(packed) // 2] ^= 255
    file = stored(tmp_path / f"a.jsonl.{form}", bytes(packed))
    whole = list(read_documents(file, CONFIG, READERS))
    texts = [item.text for item in whole if isinstance(item, RawDocument)]
    for cuts in (list(range(3000, file.size, 3000)), [file.size // 2], [file.size // 2 - 4000, file.size // 2 + 4000]):
        parts = list(items(at(file, cuts)))
        assert [item.text for item in parts if isinstance(item, RawDocument)] == texts
        damage = [item for item in parts if isinstance(item, ReadError) and "damaged" in item.reason]
        assert [item.offset for item in damage] == [
            item.offset for item in whole if isinstance(item, ReadError) and "damaged" in item.reason
        ]
        assert damage
