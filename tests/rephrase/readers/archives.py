"""Small web archives, made record by record."""

from __future__ import annotations

import gzip

WORDS = "The lamp room of the old lighthouse holds a brass frame, four lenses and a clockwork that a keeper wound each night. "


def body_text(number: int, sentences: int = 6) -> str:
    return " ".join(f"Page {number}, sentence {n}: {WORDS}" for n in range(sentences))


def html(number: int, charset_meta: str = "", extra: str = "") -> str:
    paragraphs = "".join(f"<p>Page {number}, sentence {n}: {WORDS}{extra}</p>" for n in range(6))
    return (
        f"<!DOCTYPE html><html><head>{charset_meta}<title>Page {number}</title></head><body><nav><a href='/'>Home</a></nav>"
        f"<main><article><h1>Lamps {number}</h1>{paragraphs}</article></main><footer>imprint</footer></body></html>"
    )


def record(
    kind: str, content: bytes, url: str = "http://lamps.example/", content_type: str = "application/http; msgtype=response"
) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-01-02T03:04:05Z\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000000>\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n\r\n"


def response(
    body: bytes | str, url: str = "http://lamps.example/", status: str = "200 OK", headers: str = "Content-Type: text/html"
) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    lines = f"{headers}\r\n" if headers else ""
    return record("response", f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + data, url)


def pages(count: int) -> list[bytes]:
    """Responses, each after its request, as crawlers write them."""
    records = []
    for number in range(count):
        url = f"http://lamps.example/{number}"
        records.append(record("request", b"GET / HTTP/1.1\r\nHost: lamps.example\r\n\r\n", url, "application/http; msgtype=request"))
        records.append(response(html(number), url))
    return records


def compressed(records: list[bytes]) -> tuple[bytes, list[int]]:
    """A .warc.gz of a gzip member a record, and where each member starts."""
    members = [gzip.compress(content, mtime=0) for content in records]
    starts = [sum(map(len, members[:index])) for index in range(len(members))]
    return b"".join(members), starts
