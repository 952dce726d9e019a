"""The compressions of input files: gzip (RFC 1952) and zstd (RFC 8878), with the dictionaries of web archives."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from zlib_ng import zlib_ng

from rephrase.readers import dictionaries

_LARGEST_WINDOW = 1 << 31  # what `zstd --long=31` writes; the decoder touches no more of it than the frame has content
_LARGEST_SKIPPABLE = 1 << 24  # of a larger one the size is taken for damaged, so that it hides no other
_CONTROL = re.compile(rb"[\0-\x08\x0b\x0e-\x1f]")
_TEXT = 64  # bytes without a control character that no compression begins with


class Decoder(Protocol):
    """Takes one member apart, piece by piece."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What was given beyond its end."""
        ...

    def decompress(self, data: bytes, /) -> bytes:
        """The content of the next piece. Raises whatever the library raises on damage."""
        ...


class Codec:
    """A compression whose files are one or more members in a row. Made once a file, as a file may bring its own dictionary."""

    name: ClassVar[str]
    ending: ClassVar[str]
    """Of file names, in small letters."""
    head_bytes: ClassVar[int]
    """What `begins` and `decoder` look at."""
    piece: ClassVar[int]
    """Compressed bytes given to a decoder at a time: bounds what one step can inflate to, some 100 MB."""
    trial: ClassVar[int]
    """Compressed bytes of which something must decode for a place to count as the start of a member."""
    member: ClassVar[re.Pattern[bytes]]
    """Begins a member that has content."""

    def begins(self, head: bytes) -> bool:
        """Whether a member begins with these bytes."""
        return self.member.match(head) is not None

    def decoder(self, head: bytes, more: Callable[[int], bytes]) -> Decoder:
        """For the member that begins with these bytes, of which `more` gives as many as it is asked for, where they are there.

        Raises ValueError where no such member can be meant.
        """
        raise NotImplementedError


class Gzip(Codec):
    """Members as RFC 1952 has them."""

    name = "gzip"
    ending = ".gz"
    head_bytes = 3
    piece = 1 << 15
    trial = 1 << 10
    member = re.compile(rb"\x1f\x8b\x08")

    def decoder(self, head: bytes, more: Callable[[int], bytes]) -> Decoder:
        """See `Codec`."""
        del head, more
        decoder: Decoder = zlib_ng.decompressobj(31)  # as zlib, in some 60% of the time
        return decoder


class Zstd(Codec):
    """Frames as RFC 8878 has them, skippable ones among them; the one with a dictionary comes before those that need it."""

    name = "zstd"
    ending = ".zst"
    head_bytes = 12
    piece = 1 << 12
    trial = (1 << 17) + (1 << 10)  # a block decodes as a whole
    member = re.compile(re.escape(dictionaries.ZSTD_FRAME))
    _any_frame = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")

    def __init__(self, accepts: Callable[[bytes], bool] = bool) -> None:
        """`accepts`: whether content that begins so may be the file's."""
        self._accepts = accepts
        self._dictionary: Any = None
        self._may_have_dictionary = True

    def begins(self, head: bytes) -> bool:
        """See `Codec`."""
        return self._any_frame.match(head) is not None or (self._may_have_dictionary and dictionaries.begins(head))

    def decoder(self, head: bytes, more: Callable[[int], bytes]) -> Decoder:
        """See `Codec`."""
        import zstandard

        if self.member.match(head):
            self._may_have_dictionary = False
            decoder: Decoder = zstandard.ZstdDecompressor(self._dictionary, max_window_size=_LARGEST_WINDOW).decompressobj()
            return decoder
        size = dictionaries.stated_size(head)
        if self._may_have_dictionary and dictionaries.begins(head):
            content = dictionaries.content_of(more, self._accepts)
            if content:
                self._dictionary = dictionaries.plain(content)
            if len(content) != size:
                raise ValueError(f"the frame of the dictionary says that it has {size:,} bytes, and has {len(content):,}")
        elif size > _LARGEST_SKIPPABLE:
            raise ValueError(f"a skippable frame of {size:,} bytes")
        return _SkippableFrame(size)


class _SkippableFrame:
    """Gives nothing; eight bytes of head, then `size` bytes."""

    def __init__(self, size: int) -> None:
        self._left = size + 8
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return self._left == 0

    def decompress(self, data: bytes, /) -> bytes:
        taken = data[: self._left]
        self._left -= len(taken)
        self.unused_data = data[len(taken) :]
        return b""


def codec_of(path: str, head: bytes, accepts: Callable[[bytes], bool]) -> Codec | None:
    """The codec of a file, or None for a plain one. Its first bytes decide; where they are damaged, its name; then what else is in `head`.

    `head`: some 64 KiB of it. `accepts`: whether content that begins so may be the file's.
    """
    codecs: tuple[Codec, ...] = (Gzip(), Zstd(accepts))
    start = head.lstrip(b"\0")
    for codec in codecs:
        if codec.begins(start):
            return codec
    if start and _is_text(start[:_TEXT]):
        return None
    named = (codec for codec in codecs if path.lower().endswith(codec.ending))
    return next(named, None) or next((codec for codec in codecs if _holds_member(codec, head, accepts)), None)


def _is_text(head: bytes) -> bool:
    end = len(head)
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < end - 3:
            return False
        end = error.start
    return _CONTROL.search(head, 0, end) is None


def _holds_member(codec: Codec, head: bytes, accepts: Callable[[bytes], bool]) -> bool:
    return any(accepts(decodes(codec, head[match.start() : match.start() + codec.trial])) for match in codec.member.finditer(head))


def decodes(codec: Codec, piece: bytes) -> bytes:
    """The content of what looks like the beginning of a member; empty if it is none."""
    try:
        return codec.decoder(piece, lambda size: piece[:size]).decompress(piece)
    except Exception:  # noqa: BLE001  # zlib and zstandard have errors of their own
        return b""


def and_compressed(*endings: str) -> tuple[str, ...]:
    """Endings of file names, each also with those of the codecs after it."""
    return tuple(f"{ending}{codec}" for ending in endings for codec in ("", Gzip.ending, Zstd.ending))
