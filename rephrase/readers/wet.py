"""WET: the texts that Common Crawl has taken out of its pages, in archives of the same build as WARC."""

from __future__ import annotations

from typing_extensions import override

from rephrase.readers.codecs import and_compressed
from rephrase.readers.registry import readers
from rephrase.readers.warc import MAGIC, Warc

CONVERSION = b"WARC-Type: conversion"
"""Stands in the head of a record that holds a page's text."""


@readers.register("wet")
class Wet(Warc):
    """Archives of texts that were taken out of web pages, as Common Crawl has them; plain or compressed by gzip or zstd."""

    title = "WET"
    endings = and_compressed(".wet")

    @override
    def begins(self, head: bytes) -> bool:
        return head.startswith(MAGIC) and CONVERSION in head
