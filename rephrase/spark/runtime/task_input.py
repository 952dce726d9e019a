"""A task's input from Spark, all of it or an error.

Where a task's input breaks off (its job was cancelled, a block of the shuffle was lost), Spark closes the stream, and Arrow takes a stream
that ends between two batches for a complete one. A function that then stores what it has would store half an object for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa


class _Whole:
    """A stream of Arrow messages that may end after its end marker alone, beyond which nothing is read."""

    closed = False

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        if len(data) < size:
            raise EOFError("a task's input broke off")
        return data


def whole(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches that a function of `mapInArrow` is given. Raises EOFError where the input breaks off."""
    opened = pa.ipc.open_stream
    # Spark opens its stream as the first batch is asked for, and hands it to nobody.
    pa.ipc.open_stream = lambda stream, **options: opened(_Whole(stream), **options)
    try:
        first = next(batches, None)
    finally:
        pa.ipc.open_stream = opened
    if first is not None:
        yield first
        yield from batches
