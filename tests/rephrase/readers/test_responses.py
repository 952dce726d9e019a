"""Archived HTTP responses: heads as crawlers and servers really write them, types that do not agree, and encodings of all kinds."""

from __future__ import annotations

import gzip
import io
import random
import zlib

import pytest
import zstandard

from rephrase.readers import Dropped, RawDocument, ReadError
from rephrase.readers.http import parse_response
from rephrase.readers.settings import Input
from rephrase.readers.warc import read_warc
from tests.rephrase.readers.archives import body_text, html, record

CONFIG = Input(paths=["unused"])
PAGE = html(7).encode()
TEXT = body_text(7).encode()


def read(content: bytes, identified: str = "") -> RawDocument | Dropped | ReadError:
    """What a response becomes. `identified`: the type that the crawler found."""
    data = record("response", content)
    if identified:
        data = data.replace(b"Content-Length:", f"WARC-Identified-Payload-Type: {identified}\r\nContent-Length:".encode(), 1)
    (item,) = read_warc(io.BytesIO(data), "a.warc", CONFIG)
    return item


def outcome(content: bytes, identified: str = "") -> str:
    """The type of the document, or why there is none."""
    item = read(content, identified)
    if isinstance(item, RawDocument):
        assert "Page 7, sentence 3" in item.text
        assert "HTTP" not in item.text
        return item.metadata["content_type"]
    return item.reason


@pytest.mark.parametrize(
    "head",
    [
        *(b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\n\r\n"),
        *(b"http/1.1 200 ok\r\ncontent-type: text/html\r\n\r\n", b"HTTP/2 200\r\ncontent-type: text/html\r\n\r\n"),
        *(
            b"HTTP/1.1 200OK\r\nContent-Type: text/html\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nContent-Type: text/html\r\n\r\n",
        ),
        b"HTTP/1.0 200 Connection established\r\nVia: proxy\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
        *(b"HTTP/2.0 200 \r\nContent-Type: text/html\r\n\r\n", b"HTTP/3 200\r\nContent-Type: text/html\r\n\r\n"),
        *(b"HTTP 200 OK\r\nContent-Type: text/html\r\n\r\n", b"ICY 200 OK\r\nContent-Type: text/html\r\n\r\n"),
        *(b":status: 200\r\ncontent-type: text/html\r\n\r\n", b"Content-Type: text/html\r\nServer: x\r\n\r\n"),
        *(b"\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b""),
        b"HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nbroken line\r\nContent-Type:text/html\r\n\r\n",
    ],
)
def test_heads_come_in_many_spellings(head: bytes) -> None:
    assert outcome(head + PAGE) == "text/html"


@pytest.mark.parametrize("line", ["HTTP/1.1 404 Not Found", "http/1.1 404 not found", "HTTP/2 301", ":status: 500"])
def test_without_success_there_is_no_document(line: str) -> None:
    assert outcome(f"{line}\r\nContent-Type: text/html\r\n\r\n".encode() + PAGE) == "status"


def test_what_has_no_head_at_all_is_an_error() -> None:
    item = read(b"\x80\x81 nothing of HTTP\r\n" + random.Random(1).randbytes(300))
    assert isinstance(item, ReadError)
    assert "no head of an HTTP response" in item.reason


def test_a_head_may_end_with_the_record() -> None:
    response = parse_response(b"HTTP/1.1 204 No Content\r\nServer: x")
    assert (response.status, response.head.get("server"), response.body) == (204, "x", b"")


XHTML = b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">' + PAGE.removeprefix(b"<!DOCTYPE html>")
RSS = b"<?xml version='1.0'?><rss><channel><title>Page 7, sentence 3</title></channel></rss>" + b" " * 500


@pytest.mark.parametrize(
    ("stated", "identified", "body", "right"),
    [
        ("text/html", "", PAGE, "text/html"),
        ("TEXT/HTML;charset=utf-8", "text/html", PAGE, "text/html"),
        ("text/html charset=utf-8", "", PAGE, "text/html"),
        ("text/html, text/html", "", PAGE, "text/html"),
        ("application/xhtml+xml", "", XHTML, "application/xhtml+xml"),
        ("text/html", "application/xhtml+xml", XHTML, "application/xhtml+xml"),
        ("application/xml", "application/xhtml+xml", XHTML, "application/xhtml+xml"),
        ("text/plain", "", TEXT, "text/plain"),
        # The crawler's type may have parameters, and stands alone where the server has none.
        ("", "text/html; charset=utf-8", PAGE, "text/html"),
        ("", "text/html", b"<center>" + PAGE, "text/html"),
        ("", "text/plain; charset=utf-8", TEXT, "text/plain"),
        # They do not agree: the bytes tell.
        ("application/octet-stream", "text/html", PAGE, "text/html"),
        ("image/png", "text/html; charset=UTF-8", PAGE, "text/html"),
        ("application/pdf", "text/html", b"\xef\xbb\xbf  \r\n" + PAGE, "text/html"),
        ("text/plain", "text/html", PAGE, "text/html"),
        ("text/html", "application/pdf", PAGE, "text/html"),
        ("text/html", "application/xml", b"<center>" + PAGE, "text/html"),
        ("text/plain", "application/octet-stream", TEXT, "text/plain"),
        ("application/octet-stream", "text/plain", TEXT, "text/plain"),
        ("text/html", "application/rss+xml", RSS, "type"),
        ("text/html", "application/json", b'{"html": "' + TEXT + b'"}', "type"),
        ("application/json", "text/plain", b'{"html": "' + TEXT + b'"}', "type"),
        # Neither says anything.
        ("", "", PAGE, "text/html"),
        ("unknown/unknown", "", b"<!-- old --> " + PAGE, "text/html"),
        ("", "", b"<h1>Title</h1> " + PAGE, "text/html"),
        ("", "", TEXT, "text/plain"),
        ("", "", b'{"html": "' + TEXT + b'"}', "type"),
        ("", "", RSS, "type"),
        ("", "", bytes(range(256)) * 4, "type"),
        # Types without text stay out, whatever is in them, if the crawler does not say otherwise.
        ("image/png", "", PAGE, "type"),
        ("application/pdf", "application/pdf", PAGE, "type"),
    ],
)
def test_the_type_is_the_servers_the_crawlers_or_that_of_the_bytes(stated: str, identified: str, body: bytes, right: str) -> None:
    head = f"HTTP/1.1 200 OK\r\n{f'Content-Type: {stated}{chr(13)}{chr(10)}' if stated else ''}\r\n".encode()
    assert outcome(head + body, identified) == right


NOISE = random.Random(4).randbytes(1500)
MEDIA = {
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + TEXT,
    "pdf without binary": b"%PDF-1.4\n1 0 obj\n(" + TEXT + b")",
    "pdf after a byte order mark": b"\xef\xbb\xbf%PDF-1.4\n" + TEXT,
    "nothing that is known": NOISE,
    "pdf after a line": b"\r\n%PDF-1.4\n" + TEXT,
    "postscript": b"%!PS-Adobe-3.0\n" + TEXT,
    "png": b"\x89PNG\r\n\x1a\n" + NOISE,
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF" + NOISE,
    "gif": b"GIF89a" + NOISE,
    "bmp": b"BM" + NOISE,
    "webp": b"RIFF\1\2\3\4WEBPVP8 " + NOISE,
    "icon": b"\0\0\1\0" + NOISE,
    "zip": b"PK\3\4\x14\0" + NOISE,
    "rar": b"Rar!\x1a\7\0" + NOISE,
    "7z": b"7z\xbc\xaf\x27\x1c" + NOISE,
    "xz": b"\xfd7zXZ\0" + NOISE,
    "mp3": b"ID3\3" + NOISE,
    "ogg": b"OggS\0" + NOISE,
    "wave": b"RIFF\1\2\3\4WAVEfmt " + NOISE,
    "mp4": b"\0\0\0\x18ftypmp42" + NOISE,
    "webm": b"\x1a\x45\xdf\xa3" + NOISE,
    "woff": b"wOFF\0\1\0\0" + NOISE,
    "woff2": b"wOF2\0\1\0\0" + NOISE,
    "truetype": b"\0\1\0\0\0" + NOISE,
    "opentype": b"OTTO" + NOISE,
    "eot": NOISE[:34] + b"LP\0" + NOISE,
    "office": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + NOISE,
    "program": b"MZ\x90\0" + NOISE,
    "flash": b"CWS\x0a" + NOISE,
}


@pytest.mark.parametrize("name", MEDIA)
@pytest.mark.parametrize("identified", ["", "text/html", "application/octet-stream"])
def test_what_is_served_as_html_and_is_no_text_is_dropped(name: str, identified: str) -> None:
    for stated in ("text/html; charset=utf-8", "text/plain", "application/xhtml+xml"):
        assert outcome(f"HTTP/1.1 200 OK\r\nContent-Type: {stated}\r\n\r\n".encode() + MEDIA[name], identified) == "type"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_html_in_wide_characters_without_a_byte_order_mark_is_no_binary(encoding: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset={encoding}\r\n\r\n"
    assert outcome(head.encode() + html(7).encode(encoding)) == "text/html"


@pytest.mark.parametrize(
    "start", ["BMW and Page 7, sentence 3 of them. ", "ID3 tags, Page 7, sentence 3. ", "MZ Wallace. Page 7, sentence 3. "]
)
def test_texts_may_begin_with_the_letters_of_media(start: str) -> None:
    assert outcome(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + (start * 20).encode()) == "text/plain"


def test_the_crawlers_charset_counts_where_the_server_has_none() -> None:
    page = html(7, extra="Служитель маяка. ").encode("koi8-r")
    item = read(b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n" + page, "text/html; charset=koi8-r")
    assert isinstance(item, RawDocument)
    assert "Служитель маяка." in item.text


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def in_members(body: bytes) -> bytes:
    return b"".join(gzip.compress(body[at : at + 200]) for at in range(0, len(body), 200))


def encoded(encoding: str, body: bytes, further: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Encoding: {encoding}\r\n{further}\r\n".encode() + body


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        *((name, PAGE) for name in ("utf8", "UTF-8", "none", "identity", "iso-8859-1", "text/html", "8bit", "binary", "foo, bar", "", '"')),
        # The crawler decoded it, and kept the head.
        *((name, PAGE) for name in ("gzip", "x-gzip", "deflate", "br", "zstd", "gzip, br", "GZIP")),
        *(
            ("gzip", body)
            for body in (gzip.compress(PAGE), in_members(PAGE), gzip.compress(PAGE) + bytes(100), gzip.compress(PAGE) + b"end")
        ),
        *((name, gzip.compress(PAGE)) for name in ("x-gzip", "GZip", " gzip ", "utf8", "identity")),  # gzip though nobody says so
        *(("gzip", gzip.compress(b"") + gzip.compress(PAGE)), ("gzip, gzip", gzip.compress(gzip.compress(PAGE)))),
        *(("gzip, gzip", gzip.compress(PAGE)), ("gzip", gzip.compress(gzip.compress(PAGE)))),
        *(("deflate", zlib.compress(PAGE)), ("deflate", raw_deflate(PAGE)), ("deflate, gzip", gzip.compress(raw_deflate(PAGE)))),
        *(
            ("deflate", gzip.compress(PAGE)),
            ("gzip", zlib.compress(PAGE)),
            ("x-deflate", zlib.compress(PAGE)),
            ("deflate", in_members(PAGE)),
        ),
        *(("zst", zstandard.compress(PAGE)), ("x-zstd", zstandard.compress(PAGE))),
        *(("zstd", zstandard.compress(PAGE)), ("zstd", zstandard.compress(PAGE[:500]) + zstandard.compress(PAGE[500:]))),
        ("zstd", (0x184D2A50).to_bytes(4, "little") + b"\2\0\0\0ab" + zstandard.compress(PAGE)),
        *(("gzip, zstd", zstandard.compress(gzip.compress(PAGE))), ("utf-8, gzip", gzip.compress(PAGE))),
    ],
)
def test_bodies_are_freed_of_their_encodings(encoding: str, body: bytes) -> None:
    item = read(encoded(encoding, body))
    assert isinstance(item, RawDocument), item
    assert (item.metadata["title"], item.raw_bytes, item.flaws) == ("Page 7", len(PAGE), ())


def test_encodings_may_stand_on_lines_of_their_own() -> None:
    assert outcome(encoded("gzip", gzip.compress(gzip.compress(PAGE)), "Content-Encoding: gzip\r\n")) == "text/html"


LONG = html(7, extra="".join(f" {random.Random(number).random()}" for number in range(300))).encode()


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate), ("zstd", zstandard.compress)]
)
def test_of_a_body_that_ends_early_there_is_what_can_be_had(encoding: str, compress: object) -> None:
    page = html(7, extra="".join(f" {random.Random(number).random()}" for number in range(20_000))).encode()
    body = compress(page)  # type: ignore[operator]
    item = read(encoded(encoding, body[: len(body) * 2 // 3]))
    assert isinstance(item, RawDocument)
    assert item.flaws == ("cut",)
    assert item.metadata["flaws"] == "cut"
    assert 0 < item.raw_bytes < len(page)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(LONG)[:-8] + bytes(8)),
        ("gzip", gzip.compress(LONG)[:200] + bytes(300) + gzip.compress(LONG)[500:]),
        ("gzip", gzip.compress(LONG) + gzip.compress(LONG)[:-8] + bytes(8)),
        ("zstd", zstandard.compress(LONG)[:200] + b"\xff" * 300),
        ("deflate", zlib.compress(LONG)[:200] + bytes(range(256))),
        ("br", bytes(range(256)) * 3),
    ],
)
def test_a_damaged_body_is_an_error(encoding: str, body: bytes) -> None:
    item = read(encoded(encoding, body))
    assert isinstance(item, ReadError)
    assert f"damaged {encoding} body" in item.reason


def chunks(body: bytes, line_end: bytes = b"\r\n", extension: bytes = b"") -> bytes:
    parts = [body[at : at + 100] for at in range(0, len(body), 100)]
    return b"".join(b"%X%s%s%s%s" % (len(part), extension, line_end, part, line_end) for part in parts) + b"0" + line_end * 2


@pytest.mark.parametrize(
    ("body", "flaws"),
    [
        (chunks(PAGE), ()),
        (chunks(PAGE, b"\n"), ()),
        (chunks(PAGE, extension=b";name=value"), ()),
        (chunks(PAGE, extension=b"   "), ()),
        (chunks(PAGE).replace(b"\r\n0\r\n", b"\r\n000\r\nTrailer: x\r\n"), ()),
        (b"\r\n" + chunks(PAGE), ()),
        (PAGE, ()),
        (b"ab\r\n" + PAGE, ()),
        (b"ffffffffffffffff\r\n" + PAGE, ("cut",)),
        (chunks(PAGE)[: -len(b"0\r\n\r\n")], ("cut",)),
        (chunks(PAGE + b" " * 300)[:-400], ("cut",)),
        (chunks(PAGE).replace(b"\r\n0\r\n\r\n", b"\r\n-5\r\nrest"), ("cut",)),
    ],
)
def test_chunks_are_joined_as_far_as_they_can_be(body: bytes, flaws: tuple[str, ...]) -> None:
    item = read(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert isinstance(item, RawDocument)
    assert (item.metadata["title"], item.flaws) == ("Page 7", flaws)
    assert "sentence 5" in item.text
    assert not {"64", "rest", "-5"} & set(item.text.split())


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_in_a_body_is_too_long_and_costs_no_more(encoding: str) -> None:
    bomb = bytes(1 << 28)
    item = read(encoded(encoding, gzip.compress(bomb) if encoding == "gzip" else zstandard.compress(bomb)))
    assert isinstance(item, Dropped)
    assert item.reason == "long"
    assert item.raw_bytes < 1 << 28


def test_whatever_a_response_is_one_thing_comes_of_it() -> None:
    dice = random.Random(9)
    samples = [encoded("gzip", gzip.compress(PAGE)), encoded("br", PAGE), encoded("zstd", zstandard.compress(PAGE)), chunks(PAGE)]
    samples += [encoded("deflate", zlib.compress(PAGE)), b"HTTP/2 200\nTransfer-Encoding: chunked\n\n" + chunks(PAGE)]
    for _ in range(600):
        content = bytearray(dice.choice(samples))
        for _ in range(dice.choice([1, 3, 20])):
            content[dice.randrange(len(content))] = dice.randrange(256)
        read(bytes(content[: dice.randrange(len(content) * 2)]))
