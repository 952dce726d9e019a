"""Packs the pages beside this script into sample.warc.gz, the demo's stand-in for a web crawl.

A reader is only tested by what a crawler really stores: full HTTP headers, a charset that stands nowhere
but in the header, a redirect, an image, a mirror of another page. Dates and record ids are fixed, so a
rebuild after which no page has changed gives the same bytes, and git shows no difference.

    python examples/crawl/build_crawl.py
"""

import base64
import gzip
import io
import json
import uuid
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

from fastwarc.warc import WarcRecord, WarcRecordType

HERE = Path(__file__).resolve().parent
OUTPUT = HERE / "sample.warc.gz"
STARTED = "2024-03-04T08:15:00Z"
USER_AGENT = "sample-crawler/1.0"

# A redirect and an image, as every crawl holds them; a reader of documents has to pass over both.
REDIRECT_FROM, REDIRECT_TO = (
    "http://tides.example/sea/how-tides-work",
    "https://tides.example/sea/how-tides-work/",
)
MOVED = b"<html><head><title>301 Moved Permanently</title></head><body>Moved.</body></html>\n"
IMAGE_URL = "https://instruments.example/img/dot.png"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="


def record(kind: str, url: str, date: str, content_type: str, block: bytes, **more: str) -> bytes:
    """Return one WARC record as a gzip member of its own, which is what lets a reader seek to it.

    The gzip header's time stamp is zeroed because it would change the bytes at every build.
    """
    warc = WarcRecord()
    warc.init_headers(record_type=getattr(WarcRecordType, kind))
    warc.headers["WARC-Record-ID"] = record_id(kind, url)
    warc.headers["WARC-Date"] = date
    warc.headers["Content-Type"] = content_type
    if kind != "warcinfo":
        warc.headers["WARC-Target-URI"] = url
    for name, value in more.items():
        warc.headers[name.replace("_", "-")] = value
    warc.set_bytes_content(block)
    raw = io.BytesIO()
    warc.write(raw, checksum_data=True)
    return gzip.compress(raw.getvalue(), compresslevel=9, mtime=0)


def record_id(kind: str, url: str) -> str:
    """Derive the id from the URL; a random one, the usual choice, would differ at every build."""
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind} {url}')}>"


def exchange(url: str, date: str, status: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return the request record and the response record of one page visit."""
    scheme, rest = url.split("://", 1)
    host, _, path = rest.partition("/")
    asked = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nAccept: text/html\r\n\r\n"
    fields = {
        "Date": format_datetime(datetime.fromisoformat(date), usegmt=True),
        "Server": "nginx" if scheme == "https" else "Apache",
        **headers,
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    answered = f"HTTP/1.1 {status}\r\n{head}\r\n".encode("ascii") + body
    request = record(
        "request",
        url,
        date,
        "application/http; msgtype=request",
        asked.encode("ascii"),
        WARC_Concurrent_To=record_id("response", url),
    )
    return request + record("response", url, date, "application/http; msgtype=response", answered)


def build() -> bytes:
    """Return the whole archive; the pages lie in the repository as UTF-8 and get their charset here."""
    info = f"software: build_crawl.py\r\nformat: WARC File Format 1.1\r\nuser-agent: {USER_AGENT}\r\n"
    parts = [
        record(
            "warcinfo",
            "sample.warc.gz",
            STARTED,
            "application/warc-fields",
            info.encode("ascii"),
            WARC_Filename="sample.warc.gz",
        )
    ]
    parts.append(
        exchange(
            REDIRECT_FROM,
            STARTED,
            "301 Moved Permanently",
            {"Content-Type": "text/html", "Location": REDIRECT_TO},
            MOVED,
        )
    )
    for page in json.loads((HERE / "pages.json").read_text(encoding="utf-8")):
        body = (HERE / "pages" / page["file"]).read_text(encoding="utf-8").encode(page["charset"])
        declared = f"; charset={page['charset']}" if page.get("charset_in_header", True) else ""
        headers = {"Content-Type": f"text/html{declared}"}
        parts.append(exchange(page["url"], page["date"], "200 OK", headers, body))
    image = base64.b64decode(PIXEL)
    parts.append(exchange(IMAGE_URL, "2024-03-04T08:16:25Z", "200 OK", {"Content-Type": "image/png"}, image))
    return b"".join(parts)


if __name__ == "__main__":
    archive = build()
    OUTPUT.write_bytes(archive)
    print(f"{OUTPUT.name}: {len(archive):,} bytes")
