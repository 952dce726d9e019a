"""WARC and WET: the pages of web archives, read past damage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import BinaryIO

from typing_extensions import override

from rephrase import storage
from rephrase.readers.base import Dropped, Flaw, Item, RawDocument, ReadError, reason_of
from rephrase.readers.codecs import and_compressed
from rephrase.readers.content import Content
from rephrase.readers.heads import Head
from rephrase.readers.http import decode_body, parse_response
from rephrase.readers.member_slices import member_cuts, members_between
from rephrase.readers.records import MAX_CONTENT_BYTES, BadRecord, Record, is_start, records
from rephrase.readers.registry import Reader, readers
from rephrase.readers.settings import Input
from rephrase.readers.slices import Slice
from rephrase.readers.sniffing import PLAIN, charset_of, essence, may_be_page, page_type
from rephrase.text.html import decode, extract

MAGIC = b"WARC/"
MAX_PAGE_BYTES = MAX_CONTENT_BYTES
"""Larger pages are dropped as too long before they are parsed: a DOM takes about ten times the memory of its page."""


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

    @override
    def cuts(self, file: storage.FileInfo, size: int) -> Sequence[int]:
        """Bytes, of compressed archives with a member for each record."""
        return member_cuts(file, size, is_start)

    @override
    def read_slice(self, part: Slice, config: Input) -> Iterator[Item]:
        """The records whose members begin in it."""
        with members_between(part, is_start) as content:
            if content:
                yield from _items(content, part.file.path, config)


def read_warc(stream: BinaryIO, file: str, config: Input) -> Iterator[Item]:
    """What each record of an archive is, in order: a document, dropped, or an error; damage that hides records is one error.

    Documents are HTML and plain-text responses with a 2xx status or none, and `conversion` records. Damage loses the record or the
    compressed member that it is in; the place is yielded as a `ReadError` in bytes of the stored file.
    """
    return _items(Content(stream, file, is_start), file, config)


def _items(content: Content, file: str, config: Input) -> Iterator[Item]:
    is_resumed = False
    while content.next_run():
        held: Item | None = None
        for record in records(content, is_resumed=is_resumed):
            if held:
                yield held
                held = None
            content.forget(record.position)
            item = _read(record, config)
            place = content.stored_offset(record.position)
            if isinstance(item, str):
                item = ReadError(file, place, "byte", item)
            elif isinstance(item, RawDocument):
                item.offset, item.unit = place, "byte"
            # The last one before damage is not to be trusted: what follows it, and its member's checksum, are not known.
            if content.damage and record.end > content.whole:
                held = item
            else:
                yield item
        if content.damage:
            yield ReadError(file, content.damage.offset, "byte", content.damage.reason)
        is_resumed = content.damage is not None


def _read(record: Record | BadRecord, config: Input) -> Item | str:
    """What a record is, or why it cannot be read."""
    if isinstance(record, BadRecord):
        return record.reason
    try:
        return _item(record, config)
    except ValueError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # foreign parsers on foreign bytes: the page is lost, not the file
        return reason_of(error)


def _item(record: Record, config: Input) -> Item:
    """What a record is. Raises ValueError for one that cannot be read, and whatever parsers raise."""
    kind = record.head.get("warc-type").lower()
    if not kind:
        raise ValueError("the record has no WARC-Type")
    if kind not in ("response", "conversion"):
        return Dropped("kind")
    if not record.is_kept:
        return Dropped("long", record.length)
    if kind == "conversion":
        return _document(record.head, record.content(), PLAIN, "utf-8", config)
    if essence(record.head.get("content-type")) not in ("application/http", ""):
        return Dropped("kind")  # an answer of DNS or FTP
    return _page(record, config)


def _page(record: Record, config: Input) -> Item:
    response = parse_response(record.content())
    if response.status and not 200 <= response.status < 300:
        return Dropped("status")
    identified_type = record.head.get("warc-identified-payload-type")
    stated, identified = essence(response.content_type), essence(identified_type)
    if not may_be_page(stated, identified):
        return Dropped("type")
    body, is_cut = decode_body(response, MAX_PAGE_BYTES + 1)
    if len(body) > MAX_PAGE_BYTES:
        return Dropped("long", len(body))
    kind = page_type(body, stated, identified)
    if kind is None:
        return Dropped("type")
    charset = charset_of(response.content_type) or charset_of(identified_type)
    return _document(record.head, body, kind, charset, config, is_cut=is_cut)


def _document(head: Head, body: bytes, kind: str, charset: str, config: Input, *, is_cut: bool = False) -> RawDocument:
    is_html = kind != PLAIN
    title = ""
    flaws: list[Flaw] = ["cut"] if is_cut else []
    text = decode(body, charset, html=is_html)
    if is_html:
        page = extract(text, config.extractor, main_content=config.main_content, formulas=config.formulas)
        text, title = page.text, page.title
        if page.is_stripped:
            flaws.append("stripped")
    about = {
        "title": title,
        "content_type": kind,
        "warc_date": head.get("warc-date"),
        "warc_record_id": head.get("warc-record-id").strip("<>"),
        "content_language": head.get("warc-identified-content-language"),
        "flaws": ",".join(flaws),
    }
    return RawDocument(
        text,
        url=head.get("warc-target-uri").strip("<> ") or None,  # Wget writes the URL in angle brackets
        metadata={key: value for key, value in about.items() if value},
        raw_bytes=len(body),
        flaws=tuple(flaws),
    )
