from __future__ import annotations

import gzip
import io
import random
import zlib
from pathlib import Path

import pytest
import zstandard

from rephrase.readers import Dropped, RawDocument, ReadError, read_documents
from rephrase.readers.settings import Input
from rephrase.readers.warc import read_warc
from rephrase.storage import FileInfo
from tests.rephrase.readers import archives
from tests.rephrase.readers.archives import compressed, html, pages, record, response

CONFIG = Input(paths=["unused"])


def read(path: Path, data: bytes, **settings: object) -> list[RawDocument | Dropped | ReadError]:
    path.write_bytes(data)
    return list(read_documents(FileInfo(str(path), len(data)), Input(paths=["unused"], **settings)))


def titles(items: list[RawDocument | Dropped | ReadError]) -> list[str]:
    return [item.metadata["title"] for item in items if isinstance(item, RawDocument)]


def errors(items: list[RawDocument | Dropped | ReadError]) -> list[ReadError]:
    return [item for item in items if isinstance(item, ReadError)]


def test_pages_become_documents_without_their_navigation(tmp_path: Path) -> None:
    items = read(tmp_path / "a.warc", b"".join(pages(3)))
    assert titles(items) == ["Page 0", "Page 1", "Page 2"]
    first = next(item for item in items if isinstance(item, RawDocument))
    assert first.url == "http://lamps.example/0"
    assert first.source == "warc"
    assert first.metadata["warc_date"] == "2024-01-02T03:04:05Z"
    assert first.metadata["content_type"] == "text/html"
    assert "brass frame" in first.text
    assert "imprint" not in first.text
    assert "Home" not in first.text


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc.zst", "whole.warc.gz", "no-extension"])
def test_compression_is_told_by_content(tmp_path: Path, name: str) -> None:
    if name.endswith("zst"):
        data = b"".join(zstandard.compress(one) for one in pages(3))
    elif name.startswith("whole"):
        data = gzip.compress(b"".join(pages(3)))
    else:
        data, _ = compressed(pages(3))
    assert titles(read(tmp_path / name, data)) == ["Page 0", "Page 1", "Page 2"]


@pytest.mark.parametrize("zipped", [True, False])
def test_pages_know_their_places(tmp_path: Path, zipped: bool) -> None:
    members, starts = compressed(pages(3))
    data = members if zipped else b"".join(pages(3))
    starts = starts if zipped else [data.index(content) for content in pages(3)]
    documents = [item for item in read(tmp_path / "a.warc.gz", data) if isinstance(item, RawDocument)]
    assert [(document.offset, document.unit) for document in documents] == [(start, "byte") for start in starts[1::2]]


def test_the_whole_page_is_taken_when_asked(tmp_path: Path) -> None:
    (item,) = read(tmp_path / "a.warc", pages(1)[1], main_content=False)
    assert isinstance(item, RawDocument)
    assert "imprint" in item.text


@pytest.mark.parametrize("asked", [True, False])
def test_formulas_are_kept_when_asked(tmp_path: Path, asked: bool) -> None:
    page = html(1, extra="It holds that <math><msup><mi>x</mi><mn>2</mn></msup></math>, as one knows. ")
    (item,) = read(tmp_path / "a.warc", response(page), formulas=asked)
    assert isinstance(item, RawDocument)
    assert ("holds that $x^{2}$, as" in item.text) is asked


def test_trafilatura_extracts_too(tmp_path: Path) -> None:
    pytest.importorskip("trafilatura")
    (item,) = read(tmp_path / "a.warc", pages(1)[1], extractor="trafilatura")
    assert isinstance(item, RawDocument)
    assert "brass frame" in item.text
    assert "imprint" not in item.text


@pytest.mark.parametrize(
    ("headers", "meta", "encoding"),
    [
        ("Content-Type: text/html; charset=windows-1251", "", "cp1251"),
        ('Content-Type: text/html; charset="ISO-8859-5"', "", "iso-8859-5"),
        ("Content-Type: text/html; charset=koi8-r", "<meta charset='utf-8'>", "koi8-r"),  # the header wins over the meta tag
        ("Content-Type: text/html", "<meta charset='windows-1251'>", "cp1251"),
        ("Content-Type: text/html", "", "utf-8"),
        ("Content-Type: text/html; charset=no-such-charset", "", "utf-8"),
    ],
)
def test_the_responses_own_charset_is_used(tmp_path: Path, headers: str, meta: str, encoding: str) -> None:
    body = html(1, meta, extra="Маяк стоит на скале. ").encode(encoding)
    (item,) = read(tmp_path / "a.warc", response(body, headers=headers))
    assert isinstance(item, RawDocument)
    assert "Маяк стоит на скале." in item.text


def test_a_byte_order_mark_wins_over_the_header(tmp_path: Path) -> None:
    body = b"\xff\xfe" + html(1, extra="Маяк. ").encode("utf-16-le")
    (item,) = read(tmp_path / "a.warc", response(body, headers="Content-Type: text/html; charset=iso-8859-1"))
    assert isinstance(item, RawDocument)
    assert "Маяк." in item.text


def chunked(body: bytes) -> bytes:
    parts = [body[at : at + 100] for at in range(0, len(body), 100)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("headers", "encode"),
    [
        ("Content-Encoding: gzip", gzip.compress),
        ("Content-Encoding: deflate", zlib.compress),
        ("Content-Encoding: deflate", raw_deflate),
        ("Content-Encoding: zstd", zstandard.compress),
        ("Transfer-Encoding: chunked", chunked),
        ("Transfer-Encoding: chunked\r\nContent-Encoding: gzip", lambda body: chunked(gzip.compress(body))),
        ("Content-Encoding: gzip", bytes),  # the crawler decoded the body and kept the header
        ("Content-Encoding: br", bytes),
        ("Transfer-Encoding: chunked", bytes),
    ],
)
def test_bodies_are_decoded(tmp_path: Path, headers: str, encode: object) -> None:
    body = encode(html(7).encode())  # type: ignore[operator]
    items = read(tmp_path / "a.warc", response(body, headers=f"Content-Type: text/html; charset=utf-8\r\n{headers}"))
    assert titles(items) == ["Page 7"]


def test_brotli_bodies_are_decoded(tmp_path: Path) -> None:
    brotli = pytest.importorskip("brotli")
    body = brotli.compress(html(7).encode())
    assert titles(read(tmp_path / "a.warc", response(body, headers="Content-Type: text/html\r\nContent-Encoding: br"))) == ["Page 7"]


def test_a_damaged_body_is_an_error_of_its_record(tmp_path: Path) -> None:
    body = bytearray(gzip.compress(html(7).encode()))
    body[40:60] = bytes(20)
    data, starts = compressed([*pages(1), response(bytes(body), headers="Content-Type: text/html\r\nContent-Encoding: gzip"), *pages(1)])
    items = read(tmp_path / "a.warc.gz", data)
    assert titles(items) == ["Page 0", "Page 0"]
    assert [error.offset for error in errors(items)] == [starts[2]]


def test_only_pages_that_were_found_and_are_text_count(tmp_path: Path) -> None:
    text = archives.body_text(1)
    data = [
        response(html(1), status="404 Not Found"),
        response(html(2), status="301 Moved"),
        response(html(3), headers="Content-Type: image/png"),
        response(html(4), headers="Content-Type: application/xhtml+xml; charset=utf-8"),
        response(text, headers="Content-Type: text/plain; charset=utf-8"),
        response(html(5), headers=""),
        response(b"%PDF-1.4 " + text.encode(), headers=""),
        record("resource", html(6).encode(), content_type="text/html"),
    ]
    items = read(tmp_path / "a.warc", b"".join(data))
    assert [item.metadata.get("title") for item in items if isinstance(item, RawDocument)] == ["Page 4", None, "Page 5"]
    assert not errors(items)


def test_wet_files_hold_plain_text(tmp_path: Path) -> None:
    records = [record("conversion", archives.body_text(n).encode(), f"http://lamps.example/{n}", "text/plain") for n in range(3)]
    data, _ = compressed([record("warcinfo", b"software: none\r\n", content_type="application/warc-fields"), *records])
    for name in ("a.warc.wet.gz", "unknown"):
        items = read(tmp_path / name, data)
        assert [item.text for item in items if isinstance(item, RawDocument)] == [archives.body_text(n) for n in range(3)]
    plain = read(tmp_path / "a.wet", b"".join(records))
    assert {item.source for item in plain if isinstance(item, RawDocument)} == {"wet"}


def test_short_and_long_texts_are_dropped_and_told(tmp_path: Path) -> None:
    items = read(tmp_path / "a.warc", response("<p>short</p>") + pages(1)[1], max_characters=100, min_characters=50)
    assert [item.reason for item in items if isinstance(item, Dropped)] == ["short", "long"]


def test_text_is_cleaned_of_what_tables_refuse(tmp_path: Path) -> None:
    body = archives.body_text(1).encode() + b"\r\nnext\0line\r\n"
    (item,) = read(tmp_path / "a.wet", record("conversion", body, content_type="text/plain"))
    assert isinstance(item, RawDocument)
    assert item.text.endswith("\nnextline\n")


def test_flipped_bytes_in_a_member_lose_that_member_only(tmp_path: Path) -> None:
    data, starts = compressed(pages(6))
    damaged = bytearray(data)
    middle = (starts[5] + starts[6]) // 2  # inside the response of page 2
    for at in range(middle, middle + 10):
        damaged[at] ^= 0xFF
    items = read(tmp_path / "a.warc.gz", bytes(damaged))
    assert titles(items) == ["Page 0", "Page 1", "Page 3", "Page 4", "Page 5"]
    assert [(error.offset, error.unit) for error in errors(items)] == [(starts[5], "byte")]
    assert "gzip" in errors(items)[0].reason


def test_a_member_whose_header_is_gone_is_named_by_its_place(tmp_path: Path) -> None:
    data, starts = compressed(pages(6))
    damaged = bytearray(data)
    damaged[starts[5] : starts[5] + 4] = b"XXXX"
    items = read(tmp_path / "a.warc.gz", bytes(damaged))
    assert titles(items) == ["Page 0", "Page 1", "Page 3", "Page 4", "Page 5"]
    assert [error.offset for error in errors(items)] == [starts[5]]


def test_a_checksum_that_does_not_match_is_damage(tmp_path: Path) -> None:
    data, starts = compressed(pages(3))
    damaged = bytearray(data)
    damaged[starts[4] - 8] ^= 1
    items = read(tmp_path / "a.warc.gz", bytes(damaged))
    assert titles(items) == ["Page 0", "Page 2"]
    assert [error.offset for error in errors(items)] == [starts[3]]


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_was_cut_off_gives_all_before_the_cut(tmp_path: Path, zipped: bool) -> None:
    records = pages(4)
    data, starts = compressed(records) if zipped else (b"".join(records), [sum(map(len, records[:n])) for n in range(8)])
    items = read(tmp_path / "a.warc", data[: starts[7] + 300])
    assert titles(items) == ["Page 0", "Page 1", "Page 2"]
    assert [error.offset for error in errors(items)] == [starts[7]]
    assert "ends inside" in errors(items)[0].reason


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        (b"WARC/1.0", b"XXXX/1.0", ["Page 2"]),
        (b"Content-Length: ", b"Content-Length: x", ["Page 2"]),
        (b"Content-Length: 1", b"Content-Length: 9", ["Page 2"]),  # reaches far into the records that follow, all of which must be found
        (b"Content-Length: 1", b"Content-Length: 99999999", ["Page 2"]),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_headers_in_plain_files_lose_their_record_only(
    tmp_path: Path, old: bytes, new: bytes, lost: list[str], zipped: bool
) -> None:
    records = pages(6)
    assert b"Content-Length: 1" in records[5]
    start = sum(map(len, records[:5]))
    records[5] = records[5].replace(old, new, 1)
    data = b"".join(records)
    items = read(tmp_path / "a.warc", gzip.compress(data) if zipped else data)
    assert set(titles(items)) == {f"Page {n}" for n in range(6)} - set(lost)
    found = errors(items)
    assert len(found) == 1
    assert found[0].offset == (0 if zipped else start)


def test_any_damage_loses_at_most_what_it_touches(tmp_path: Path) -> None:
    data, starts = compressed(pages(12))
    ends = [*starts[1:], len(data)]
    dice = random.Random(7)
    for _ in range(150):
        damaged = bytearray(data)
        at, size = dice.randrange(len(data)), dice.choice([1, 2, 30, 400])
        for place in range(at, min(at + size, len(data))):
            damaged[place] = dice.randrange(256)
        items = list(read_warc(io.BytesIO(bytes(damaged)), "a", CONFIG))
        touched = {f"Page {n // 2}" for n in range(24) if starts[n] < at + size and ends[n] > at and n % 2}
        whole = {f"Page {n}" for n in range(12)} - touched
        got = titles(items)
        assert whole <= set(got)
        assert len(got) == len(set(got))
        intact = {item.text for item in read_warc(io.BytesIO(data), "a", CONFIG) if isinstance(item, RawDocument)}
        assert {item.text for item in items if isinstance(item, RawDocument)} <= intact
        if set(got) != {f"Page {n}" for n in range(12)}:
            assert errors(items)


def test_faults_of_the_disk_are_not_taken_for_damage() -> None:
    class Failing(io.RawIOBase):
        def __init__(self) -> None:
            self.left = [b"".join(pages(1)), b"".join(pages(20))]

        def read(self, _size: int = -1) -> bytes:
            if not self.left:
                raise ConnectionResetError("gone")
            return self.left.pop(0)

    with pytest.raises(ConnectionResetError):
        list(read_warc(Failing(), "a", CONFIG))  # type: ignore[arg-type]


def test_trailing_zeros_and_rubbish() -> None:
    data, _ = compressed(pages(2))
    assert list(read_warc(io.BytesIO(data + bytes(100)), "a", CONFIG)) == list(read_warc(io.BytesIO(data), "a", CONFIG))
    *_, last = read_warc(io.BytesIO(data + b"rubbish"), "a", CONFIG)
    assert isinstance(last, ReadError)
    assert last.offset == len(data)


def test_a_file_that_is_no_archive(tmp_path: Path) -> None:
    for data in (b"", b"hello", b"\x1f\x8b\x08rubbish", random.Random(1).randbytes(300_000)):
        items = read(tmp_path / "a.warc.gz", data)
        assert all(isinstance(item, ReadError) for item in items)
        assert len(items) == (1 if data else 0)
