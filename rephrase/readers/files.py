"""One file of any format as documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Literal

from rephrase import storage
from rephrase.readers.base import Dropped, Item, RawDocument, ReadError, clean
from rephrase.readers.compressed import Members, Peeked, codec_of
from rephrase.readers.jsonl import read_jsonl
from rephrase.readers.parquet import read_parquet
from rephrase.readers.settings import Input
from rephrase.readers.warc import MAGIC, read_warc

Format = Literal["warc", "wet", "jsonl", "parquet"]

_EXTENSIONS: tuple[tuple[str, Format], ...] = (
    (r"\.wet(\.gz|\.zst)?$", "wet"),
    (r"\.warc(\.gz|\.zst)?$", "warc"),
    (r"\.(jsonl|json|ndjson)(\.gz|\.zst)?$", "jsonl"),
    (r"\.(parquet|pq)$", "parquet"),
)


def read_documents(file: storage.FileInfo, config: Input) -> Iterator[Item]:
    """The documents of a file, in order, with `Dropped` and `ReadError` in the places of those that it does not give.

    Streams: no more than a page, a line or a batch of rows is in memory at a time. Raises FileNotFoundError, and `UserError` for an
    S3 that refuses; a file that is no known format is a `ReadError`.
    """
    form = config.format if config.format != "auto" else format_of(file.path)
    if form is None:
        yield ReadError(file.path, 0, "byte", "not a WARC, WET, JSONL or Parquet file")
        return
    for item in _read(file, form, config):
        yield _finished(item, form, config) if isinstance(item, RawDocument) else item


def format_of(path: str) -> Format | None:
    """The format of a file, by its name, else by its first bytes; None if neither tells."""
    for pattern, form in _EXTENSIONS:
        if re.search(pattern, path, flags=re.IGNORECASE):
            return form
    with storage.open_stream(path) as stream:
        peeked = Peeked(stream)
        codec = codec_of(peeked.head)
        head = peeked.head
        if codec is not None:
            members = Members(peeked, codec)
            head = members.read() if members.next_member() else b""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(MAGIC):
        return "wet" if b"WARC-Type: conversion" in head else "warc"
    return "jsonl" if head.lstrip().startswith(b"{") else None


def _read(file: storage.FileInfo, form: Format, config: Input) -> Iterator[Item]:
    if form == "parquet":
        yield from read_parquet(file.path, config)
        return
    with closing(storage.open_stream(file.path)) as stream:
        reader = read_jsonl if form == "jsonl" else read_warc
        yield from reader(stream, file.path, config)


def _finished(document: RawDocument, form: Format, config: Input) -> RawDocument | Dropped:
    text = clean(document.text)
    if len(text) < config.min_characters or not text.strip():
        return Dropped("short", document.raw_bytes)
    if len(text) > config.max_characters:
        return Dropped("long", document.raw_bytes)
    document.text = text
    document.url = clean(document.url) if document.url else None
    document.source = clean(document.source or config.source or form)
    document.language = clean(document.language) if document.language else None
    document.license = clean(document.license) if document.license else config.license
    document.metadata = {clean(key): clean(value) for key, value in document.metadata.items()}
    return document
