"""Compressed input files: every frame and member that the formats have, and reading past damaged ones."""

from __future__ import annotations

import gzip
import io
import json
import random
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from rephrase.readers import RawDocument, ReadError, read_documents
from rephrase.readers.content import Content
from rephrase.readers.settings import Input
from rephrase.storage import FileInfo
from tests.rephrase.readers.archives import WORDS, body_text, html, response

PAGES = [response(html(number), f"http://lamps.example/{number}") for number in range(12)]
ROWS = [json.dumps({"text": body_text(number), "id": str(number)}).encode() + b"\n" for number in range(40)]


def skippable(content: bytes, kind: int = 0) -> bytes:
    """RFC 8878, section 3.1.2."""
    return (0x184D2A50 + kind).to_bytes(4, "little") + len(content).to_bytes(4, "little") + content


def as_pzstd(data: bytes, size: int) -> bytes:
    """As pzstd writes it: pieces of any length, each after a skippable frame that says how long its own is."""
    frames = [zstandard.compress(data[at : at + size]) for at in range(0, len(data), size)]
    return b"".join(skippable(len(frame).to_bytes(4, "little")) + frame for frame in frames)


def read(path: Path, data: bytes) -> tuple[list[RawDocument], list[ReadError]]:
    path.write_bytes(data)
    items = list(read_documents(FileInfo(str(path), len(data)), Input(paths=["unused"])))
    return [item for item in items if isinstance(item, RawDocument)], [item for item in items if isinstance(item, ReadError)]


def numbers(documents: list[RawDocument]) -> list[int]:
    return [int(document.text.split("Page ")[1].split(",")[0]) for document in documents]


EMPTY = zstandard.ZstdCompressor().compress(b"")


@pytest.mark.parametrize(
    "compress",
    [
        lambda data: as_pzstd(data, 900),
        lambda data: b"".join(skippable(b"x" * kind, kind) for kind in range(16) if kind != 13) + zstandard.compress(data) + skippable(b""),
        lambda data: EMPTY + zstandard.compress(data[:2000]) + EMPTY + EMPTY + zstandard.compress(data[2000:]) + EMPTY,
        lambda data: zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compress(data),
        lambda data: b"".join(gzip.compress(data[at : at + 700]) for at in range(0, len(data), 700)),  # as bgzip and pigz do
        lambda data: gzip.compress(b"") + gzip.compress(data) + gzip.compress(b"") + bytes(512),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_every_kind_of_frame_is_read(tmp_path: Path, compress: object, named: bool) -> None:
    for name, parts in (("a.jsonl", ROWS), ("a.warc", PAGES)):
        data = compress(b"".join(parts))  # type: ignore[operator]
        ending = ".gz" if data.startswith(b"\x1f\x8b") else ".zst"
        documents, errors = read(tmp_path / (name + ending if named else f"no-{name[2]}"), data)
        assert (numbers(documents), errors) == (list(range(len(parts))), [])


@pytest.mark.parametrize("log", [27, 28, 31])
def test_windows_may_be_as_large_as_the_format_has_them(tmp_path: Path, log: int) -> None:
    """Frames whose head asks for a window of up to 2 GiB, as `zstd --long=31` writes them; no more is held than the content needs."""
    data = b"".join(ROWS)
    blocks = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]
    frame = b"\x28\xb5\x2f\xfd\x00" + bytes([(log - 10) << 3])
    for number, block in enumerate(blocks):
        frame += (len(block) << 3 | (number == len(blocks) - 1)).to_bytes(3, "little") + block
    documents, errors = read(tmp_path / "a.jsonl.zst", frame)
    assert (numbers(documents), errors) == (list(range(40)), [])


def with_dictionary(*, is_compressed: bool) -> tuple[bytes, bytes]:
    """An archive whose first frame holds the dictionary of the others, as its convention has it; and that frame."""
    samples = [response(f"<p>{number} {WORDS}{random.Random(number).random()}</p>") for number in range(200)]
    dictionary = zstandard.train_dictionary(2048, samples)
    content = dictionary.as_bytes()
    first = skippable(zstandard.compress(content) if is_compressed else content, 13)
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    return first + b"".join(compressor.compress(page) for page in PAGES), first


@pytest.mark.parametrize("is_compressed", [False, True])
def test_an_archive_may_bring_its_dictionary(tmp_path: Path, is_compressed: bool) -> None:
    data, first = with_dictionary(is_compressed=is_compressed)
    for name in ("a.warc.zst", "unnamed"):
        documents, errors = read(tmp_path / name, data)
        assert (numbers(documents), errors) == (list(range(12)), [])
    for bit in range(64):  # of the frame's mark, and of its size: without the dictionary there would be nothing
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        documents, errors = read(tmp_path / "a.warc.zst", bytes(damaged))
        assert numbers(documents) == list(range(12)), bit
        assert all("the frame of the dictionary says" in error.reason for error in errors[: bit // 32])
        assert len(errors) >= bit // 32
    documents, errors = read(tmp_path / "a.warc.zst", data[len(first) :])
    assert (documents, [error.offset for error in errors]) == ([], [0])


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_damaged_first_record_is_not_taken_for_a_part_of_the_dictionary(tmp_path: Path, is_compressed: bool) -> None:
    data, first = with_dictionary(is_compressed=is_compressed)
    damaged = bytearray(data)
    damaged[len(first)] ^= 1
    documents, errors = read(tmp_path / "a.warc.zst", bytes(damaged))
    assert (numbers(documents), [error.offset for error in errors]) == (list(range(1, 12)), [len(first)])


def members(compress: object) -> tuple[bytes, list[int]]:
    several = [compress(page) for page in PAGES]  # type: ignore[operator]
    return b"".join(several), [sum(map(len, several[:number])) for number in range(len(several))]


def as_gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(("ending", "compress", "magic"), [(".gz", as_gzip, 3), (".zst", zstandard.compress, 4)])
@pytest.mark.parametrize("name", ["a.warc{}", "unnamed"])
def test_a_flipped_bit_in_the_first_bytes_loses_the_first_member_only(
    tmp_path: Path, ending: str, compress: object, magic: int, name: str
) -> None:
    data, _ = members(compress)
    for bit in range(8 * magic):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        documents, errors = read(tmp_path / name.format(ending), bytes(damaged))
        assert numbers(documents) == list(range(1, 12)), bit
        assert [error.offset for error in errors] == [0]


@pytest.mark.parametrize(("ending", "compress"), [(".gz", as_gzip), (".zst", zstandard.compress)])
def test_zeros_are_damage_before_a_member_and_padding_after_the_last(tmp_path: Path, ending: str, compress: object) -> None:
    data, starts = members(compress)
    path = tmp_path / f"a.warc{ending}"
    for size in (1, 512, 70_000):
        documents, errors = read(path, bytes(size) + data)
        assert (numbers(documents), [error.offset for error in errors]) == (list(range(12)), [0])
        documents, errors = read(path, data[: starts[4]] + bytes(size) + data[starts[4] :])
        assert (numbers(documents), [error.offset for error in errors]) == (list(range(12)), [starts[4]])
        documents, errors = read(path, data + bytes(size))
        assert (numbers(documents), errors) == (list(range(12)), [])
    documents, errors = read(path, bytes(starts[2]) + data[starts[2] :])  # a hole in a sparse file
    assert (numbers(documents), [error.offset for error in errors]) == (list(range(2, 12)), [0])
    documents, errors = read(path, bytes(starts[2] + 20) + data[starts[2] + 20 :])
    assert (numbers(documents), [error.offset for error in errors]) == (list(range(3, 12)), [0])


@pytest.mark.parametrize(("ending", "compress"), [(".gz", as_gzip), (".zst", zstandard.compress)])
def test_other_bytes_in_front_are_skipped(tmp_path: Path, ending: str, compress: object) -> None:
    data, _ = members(compress)
    for junk in (b"\xff\xfe\x00", random.Random(2).randbytes(5000), compress(PAGES[0])[7:]):  # type: ignore[operator]
        documents, errors = read(tmp_path / f"a.warc{ending}", junk + data)
        assert (numbers(documents), [error.offset for error in errors]) == (list(range(12)), [0])


def test_the_name_does_not_make_a_plain_file_compressed(tmp_path: Path) -> None:
    for name, parts in (("a.jsonl.gz", ROWS), ("a.warc.zst", PAGES), ("a.warc.gz", PAGES)):
        documents, errors = read(tmp_path / name, b"".join(parts))
        assert (numbers(documents), errors) == (list(range(len(parts))), [])


def test_a_damaged_frame_in_the_middle_of_records_loses_what_it_holds(tmp_path: Path) -> None:
    """Frames that begin anywhere in a record: reading goes on at the next frame, and there at the next record."""
    data = as_pzstd(b"".join(PAGES), 3000)
    start = data.index(b"\x28\xb5\x2f\xfd", data.index(b"\x28\xb5\x2f\xfd") + 4)
    damaged = bytearray(data)
    damaged[start + 30 : start + 60] = bytes(30)
    documents, errors = read(tmp_path / "a.warc.zst", bytes(damaged))
    lost = set(range(12)) - set(numbers(documents))
    assert lost
    assert max(lost) - min(lost) < 4
    assert errors
    assert all(document.url == f"http://lamps.example/{number}" for document, number in zip(documents, numbers(documents), strict=True))


@pytest.mark.parametrize("left", [1, 3, 10, 200])
def test_a_truncated_last_frame_is_an_error_after_all_others(tmp_path: Path, left: int) -> None:
    data, starts = members(lambda page: zstandard.ZstdCompressor(write_checksum=True).compress(page))
    documents, errors = read(tmp_path / "a.warc.zst", data[: starts[11] + left])
    assert (numbers(documents), [error.offset for error in errors]) == (list(range(11)), [starts[11]])


def test_a_wrong_checksum_of_a_frame_is_damage(tmp_path: Path) -> None:
    data, starts = members(lambda page: zstandard.ZstdCompressor(write_checksum=True).compress(page))
    damaged = bytearray(data)
    damaged[starts[6] - 1] ^= 1
    documents, errors = read(tmp_path / "a.warc.zst", bytes(damaged))
    assert (numbers(documents), [error.offset for error in errors]) == ([n for n in range(12) if n != 5], [starts[5]])


def test_a_skippable_frame_that_never_ends_hides_nothing(tmp_path: Path) -> None:
    """Its size is damaged: the frames that it seems to skip are looked for."""
    data, starts = members(zstandard.compress)
    frame = bytearray(skippable(b"note"))
    frame[6] = 0x7F
    documents, errors = read(tmp_path / "a.warc.zst", data[: starts[3]] + bytes(frame) + data[starts[3] :])
    assert (numbers(documents), [error.offset for error in errors]) == (list(range(12)), [starts[3]])


def test_members_are_told_by_what_they_hold(tmp_path: Path) -> None:
    """After damage an archive that is stored inside a member is not taken for the next one."""
    inner = b"".join(as_gzip(response(html(number), "http://inner.example/")) for number in range(20, 23))
    outer = gzip.compress(response(inner, headers="Content-Type: application/gzip"), 0)  # stored: the inner members stand there as they are
    damaged = bytearray(outer)
    damaged[11] ^= 0xFF
    data = as_gzip(PAGES[0]) + bytes(damaged) + as_gzip(PAGES[1])
    documents, errors = read(tmp_path / "a.warc.gz", data)
    assert {document.url for document in documents} >= {"http://lamps.example/0", "http://lamps.example/1"}
    assert errors


def test_bombs_take_no_memory() -> None:
    frame = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 28))
    content = Content(io.BytesIO(frame), "a.zst")
    tracemalloc.start()
    assert content.next_run()
    size = 0
    while data := content.read(1 << 16):
        size += len(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 1 << 28
    assert peak < 1 << 28
