"""Archived HTTP responses: their heads in all the spellings that crawlers store, and bodies freed from their encodings."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rephrase.readers.bodies import join_chunks, undo
from rephrase.readers.heads import BLANK_LINE, Head

_MAX_HEAD_BYTES = 1 << 20
_STATUS_LINE = re.compile(rb"[ \t]*(?:HTTP/?[\d.]*|ICY)[ \t]+(\d{3})(?!\d)", re.IGNORECASE)
_FIELD = re.compile(rb":?[!#-'*+.^_`|~\w-]+[ \t]*:")
_MAX_LAYERS = 4  # encodings, one within the other


@dataclass(frozen=True, slots=True)
class Response:
    """A response as it is stored. `status` is 0 where its head has none."""

    status: int
    head: Head
    body: bytes

    @property
    def content_type(self) -> str:
        """As the server stated it, with its parameters."""
        return self.head.get("content-type")


def parse_response(content: bytes) -> Response:
    """The response that a record holds: with a status line, with fields only, or the body alone, as HTTP/0.9 and some crawlers have it.

    Raises ValueError for what begins like none of these.
    """
    content = _last_answer(content.lstrip(b"\r\n"))
    blank = BLANK_LINE.search(content, 0, _MAX_HEAD_BYTES)
    end, start = (blank.start(), blank.end()) if blank else (min(len(content), _MAX_HEAD_BYTES), len(content))
    if status := _STATUS_LINE.match(content):
        return Response(int(status[1]), Head(content[:end]), content[start:])
    if content.lstrip()[:1] == b"<":
        return Response(0, Head(b""), content)
    if _FIELD.match(content):
        head = Head(content[:end], has_first_line=False)
        stated = head.get(":status")  # HTTP/2 has it as a field
        return Response(int(stated) if stated.isdecimal() else 0, head, content[start:])
    first_line = content[:end].partition(b"\n")[0].decode("latin-1").strip()
    raise ValueError(f"no head of an HTTP response: `{first_line[:40]}`")


def _last_answer(content: bytes) -> bytes:
    """The content without heads that only announce another one, such as `100 Continue` and a proxy's `200 Connection established`."""
    at = 0
    while _STATUS_LINE.match(content, at) and (blank := BLANK_LINE.search(content, at, at + _MAX_HEAD_BYTES)):
        if not _STATUS_LINE.match(content, blank.end()) or Head(content[at : blank.start()]).get("content-type"):
            break
        at = blank.end()
    return content[at:]


def decode_body(response: Response, limit: int) -> tuple[bytes, bool]:
    """The body without its encodings, cut off after about `limit` bytes; and whether it ends early: then it is what can be had.

    Crawlers often store a body decoded and keep its head, so a body that does not look encoded is left as it is, and so is one whose
    encoding is not known. One that is gzip though nobody says so is decoded. Raises ValueError for one that is damaged.
    """
    body, is_cut = response.body, False
    if "chunked" in ",".join(response.head.all("transfer-encoding")).lower():
        body, is_cut = join_chunks(body)
    names = [name.strip(" \t\"'").lower() for value in response.head.all("content-encoding") for name in value.split(",")]
    for name in [*reversed(names[:_MAX_LAYERS]), *["gzip"] * 2]:
        body, ends_early = undo(name, body, limit)
        is_cut = is_cut or ends_early
    return body, is_cut
