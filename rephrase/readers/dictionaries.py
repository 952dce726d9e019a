"""The dictionary that the first frame of a zstd file may hold for all others: https://iipc.github.io/warc-specifications/specifications/warc-zstd."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

ZSTD_FRAME = b"\x28\xb5\x2f\xfd"
LARGEST = 1 << 27
"""Bytes of a dictionary."""

_FRAME = b"\x5d\x2a\x4d\x18"
_CONTENT = b"\x37\xa4\x30\xec"
_HEAD = 8  # bytes: the frame's mark and the size of its content
_SEARCHED = 1 << 24  # bytes in which the end of a dictionary is looked for whose size is damaged
_TRIAL = 1 << 10  # compressed bytes that tell whether a dictionary is right
_FRAME_HEAD = 18  # bytes of a frame's head at most
_ANY_FRAME = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")


def begins(head: bytes) -> bool:
    """Whether a frame holds a dictionary, though its first four bytes may be damaged: without it nothing else can be read."""
    return head.startswith(_FRAME) or head[8:12] in (_CONTENT, ZSTD_FRAME)


def stated_size(head: bytes) -> int:
    """The bytes of content that a skippable frame says it has."""
    return int.from_bytes(head[4:_HEAD], "little")


def content_of(more: Callable[[int], bytes], accepts: Callable[[bytes], bool]) -> bytes:
    """The content of the frame of which `more` gives the first bytes, as many as it is asked for, whatever size the frame states.

    A stated size counts if a frame, or nothing, follows it, or if no other is likelier. `accepts`: whether the content of the file's other
    frames may begin so. Empty where there is none.
    """
    stated = stated_size(more(_HEAD))
    if stated <= LARGEST:
        frame = more(_HEAD + stated + len(ZSTD_FRAME))
        after = frame[_HEAD + stated :]
        if len(frame) >= _HEAD + stated and (not after or _ANY_FRAME.match(after)):
            return frame[_HEAD : _HEAD + stated]
    data = more(_HEAD + _SEARCHED)[_HEAD:]
    if data.startswith(ZSTD_FRAME):
        return data[: _end_of_frame(data)]
    sizes = (size for size in (stated, *_frames_by(data)) if size <= len(data))
    return data[: next((size for size in sizes if _fits(data, size, accepts)), 0)]


def plain(content: bytes) -> Any:
    """The dictionary itself: it may be compressed. Raises what the library raises on damage."""
    import zstandard

    if content.startswith(ZSTD_FRAME):
        content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    return zstandard.ZstdCompressionDict(content)


def _end_of_frame(data: bytes) -> int:
    import zstandard

    decoder = zstandard.ZstdDecompressor().decompressobj()
    try:
        decoder.decompress(data)
    except zstandard.ZstdError:
        return 0
    return len(data) - len(decoder.unused_data) if decoder.eof else 0


def _frames_by(data: bytes) -> Iterator[int]:
    """Where frames begin that are written with the dictionary that the data begins with."""
    import zstandard

    number = int.from_bytes(data[4:8], "little")
    for match in re.finditer(re.escape(ZSTD_FRAME), data):
        try:
            parameters = zstandard.get_frame_parameters(data[match.start() : match.start() + _FRAME_HEAD])
        except zstandard.ZstdError:
            continue
        if parameters.dict_id == number:
            yield match.start()


def _fits(data: bytes, size: int, accepts: Callable[[bytes], bool]) -> bool:
    """Whether the next frame can be read with a dictionary of this size."""
    import zstandard

    start = next((start for start in _frames_by(data) if start >= size), None)
    if start is None or not size:
        return False
    try:
        dictionary = zstandard.ZstdCompressionDict(data[:size])
        return accepts(zstandard.ZstdDecompressor(dictionary).decompressobj().decompress(data[start : start + _TRIAL]))
    except zstandard.ZstdError:
        return False
