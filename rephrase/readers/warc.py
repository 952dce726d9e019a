"""WARC and WET: the pages of web archives, read past damage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any, BinaryIO, cast

from typing_extensions import override

from rephrase import storage
from rephrase.readers.base import Dropped, Item, RawDocument, ReadError, reason_of
from rephrase.readers.compressed import Members, Peeked, Readable, and_compressed, codec_of
from rephrase.readers.http import decode_body
from rephrase.readers.registry import Reader, readers
from rephrase.readers.settings import Input
from rephrase.readers.window import RECORD_END, Window
from rephrase.text.html import decode, extract

MAGIC = b"WARC/"
MAX_PAGE_BYTES = 1 << 26
"""Larger pages are dropped as too long before they are parsed: a DOM takes about ten times the memory of its page."""

_NEXT_RECORD = RECORD_END + MAGIC
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_TEXT_TYPES = (*_HTML_TYPES, "text/plain")
_HTML_START = re.compile(rb"\s*(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)


@readers.register("warc")
class Warc(Reader):
    """Web archives, plain or compressed by gzip or zstd. Their pages become text by `input.extractor`."""

    title = "WARC"
    endings = and_compressed(".warc")

    @override
    def begins(self, head: bytes) -> bool:
        return head.startswith(MAGIC)

    @override
    def read(self, file: storage.FileInfo, config: Input) -> Iterator[Item]:
        with closing(storage.open_stream(file.path)) as stream:
            yield from read_warc(stream, file.path, config)


def read_warc(stream: BinaryIO, file: str, config: Input) -> Iterator[Item]:
    """The pages of one archive: text of HTML and plain-text responses with a 2xx status, and of `conversion` records.

    Damage loses the record or the compressed member that it is in; the place is yielded as a `ReadError` in bytes of the stored file.
    """
    peeked = Peeked(stream)
    codec = codec_of(peeked.head)
    if codec is None:
        yield from _Archive(peeked, file, config, member=None).items()
        return
    members = Members(peeked, codec, lambda plain: plain.startswith(MAGIC))
    while members.next_member():
        yield from _Archive(members, file, config, member=members).items()


class _Archive:
    """The records of a plain stream: a whole uncompressed file, or one member of a compressed one."""

    def __init__(self, plain: Readable, file: str, config: Input, member: Members | None) -> None:
        self._window, self._file, self._config, self._member = Window(plain), file, config, member
        # A page is held back until what follows it has been seen: only then it is known to be whole.
        self._pending: Item | None = None
        self._record_at = 0
        self._damage_at = 0  # where damage begins if no record follows the last one
        self._record_end = -1  # of the last record's content; -1 before the first since reading began or was resumed

    def items(self) -> Iterator[Item]:
        start: int | None = 0
        while start is not None:
            try:
                for record in self._records(start):
                    if self._pending is not None:
                        yield self._pending
                    self._pending = self._item(record)
                start = self._after_end()
            except OSError as error:
                if self._window.failure:
                    raise self._window.failure from None
                items, start = self._after_damage(start or 0, reason_of(error))
                yield from items
        if self._member is not None and self._member.damage:
            self._pending = self._error(0, self._member.damage)
        if self._pending is not None:
            yield self._pending

    def _records(self, start: int) -> Iterator[Any]:
        from fastwarc.warc import ArchiveIterator

        self._window.move_to(start)
        self._record_end = -1
        for record in ArchiveIterator(cast("BinaryIO", self._window), parse_http=False):
            self._record_at = record.stream_pos
            self._window.forget_before(self._record_at)
            length_known = (record.headers.get("Content-Length") or "").strip().isdigit()
            self._record_end = self._window.end_of_head(self._record_at) + record.content_length
            self._damage_at = self._record_end + len(RECORD_END)
            if not length_known:  # fastwarc takes it for 0, and then finds no record where the content is
                self._damage_at = self._record_at
            yield record

    def _error(self, position: int, reason: str) -> ReadError:
        offset = position if self._member is None else self._member.offset
        return ReadError(self._file, offset, "byte", reason)

    def _after_end(self) -> int | None:
        """At the end of the stream: where to go on because the last record claimed more than there was and hides others; or None."""
        missing = self._record_end - self._window.end
        if missing <= 0 or (self._member is not None and self._member.damage):
            return None
        self._pending = self._error(self._record_at, f"the file ends inside a record, {missing} bytes early")
        return self._next_record(self._record_at + 1)

    def _next_record(self, start: int) -> int | None:
        """Where the first record begins whose beginning is looked for from `start`; None if there is none."""
        mark = self._window.find(_NEXT_RECORD, start)
        return mark + len(RECORD_END) if mark >= 0 else None

    def _after_damage(self, start: int, reason: str) -> tuple[list[Item], int | None]:
        """After fastwarc gave up: what can be said of the records so far, and where the next one starts (None: nowhere)."""
        if self._member is not None and self._member.damage:
            return [], None  # `items` reports the member as a whole
        pending = [self._pending] if self._pending is not None else []
        self._pending = None
        if self._record_end < 0:
            return [*pending, self._error(start, reason)], self._next_record(start)
        end = self._record_end + len(RECORD_END)
        following = self._next_record(self._record_at + 1)
        if following is None or following > end:
            return [*pending, self._error(self._damage_at, reason)], following
        if following == end:  # the next record is where it should be and cannot be read: resuming there says why
            return pending, following
        return [self._error(self._record_at, "the record is longer or shorter than it says")], following

    def _item(self, record: Any) -> Item | None:
        from fastwarc.warc import WarcRecordType

        if record.record_type == WarcRecordType.conversion:
            body = self._body(record)
            return self._document(record, body, "text/plain", "utf-8") if isinstance(body, bytes) else body
        if record.record_type != WarcRecordType.response or not record.is_http:
            return None
        try:
            record.parse_http(auto_decode="none")
            return self._response(record, record.http_headers)
        except (OSError, ValueError) as error:
            if self._window.failure:
                raise
            return self._error(self._record_at, reason_of(error))

    def _response(self, record: Any, headers: Any) -> Item | None:
        if headers is None or not 200 <= (headers.status_code or 0) < 300:
            return None
        kind = (record.http_content_type or record.headers.get("WARC-Identified-Payload-Type") or "").lower()
        if kind and kind not in _TEXT_TYPES:
            return None
        body = self._body(record)
        if not isinstance(body, bytes):
            return body
        body = decode_body(body, headers.get("Transfer-Encoding") or "", headers.get("Content-Encoding") or "", MAX_PAGE_BYTES + 1)
        if not kind:
            if not _HTML_START.match(body[:512]):
                return None
            kind = "text/html"
        return self._document(record, body, kind, record.http_charset)

    def _body(self, record: Any) -> bytes | Item:
        length: int = record.content_length
        if length > MAX_PAGE_BYTES:
            return Dropped("long", length)
        body: bytes = record.reader.read(length)
        if len(body) < length:
            return self._error(self._record_at, f"the record ends {length - len(body)} bytes early")
        return body

    def _document(self, record: Any, body: bytes, kind: str, charset: str | None) -> Item:
        if len(body) > MAX_PAGE_BYTES:
            return Dropped("long", len(body))
        is_html = kind in _HTML_TYPES
        headers = record.headers
        title = ""
        try:
            text = decode(body, charset, html=is_html)
            if is_html:
                page = extract(text, self._config.extractor, main_content=self._config.main_content)
                text, title = page.text, page.title
        except Exception as error:  # noqa: BLE001  # foreign parsers on foreign bytes: the page is lost, not the file
            return self._error(self._record_at, f"no text could be extracted: {reason_of(error)}")
        about = {
            "title": title,
            "content_type": kind,
            "warc_date": headers.get("WARC-Date"),
            "warc_record_id": headers.get("WARC-Record-ID"),
            "content_language": headers.get("WARC-Identified-Content-Language"),
        }
        url = headers.get("WARC-Target-URI")
        return RawDocument(
            text,
            url=url.strip("<> ") if url else None,  # Wget writes the URL in angle brackets
            metadata={key: value.strip("<>") if key == "warc_record_id" else value for key, value in about.items() if value},
            raw_bytes=len(body),
        )
