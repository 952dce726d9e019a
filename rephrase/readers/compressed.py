"""Files compressed by gzip or zstd, read member by member, so that a damaged one does not take those after it along."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

_READ = 1 << 18  # bytes asked of the stored file at a time
_FEED = 1 << 15  # compressed bytes given to the decoder at a time: bounds what one step can inflate to
_KEPT = 1 << 24  # compressed bytes of the current member that are kept to search for the next one after damage
_TRIAL = 1 << 10  # compressed bytes that must decode for a place to count as the start of a member


class Readable(Protocol):
    """Anything that gives up to `size` next bytes, and `b""` at its end."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Codec:
    """A compression format whose files are one or more members in a row, each beginning with the same bytes."""

    name: str
    magic: bytes
    decoder: Callable[[], Any]


def _zstd_decoder() -> Any:
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj()


GZIP = Codec("gzip", b"\x1f\x8b\x08", lambda: zlib.decompressobj(31))
ZSTD = Codec("zstd", b"\x28\xb5\x2f\xfd", _zstd_decoder)


def codec_of(head: bytes) -> Codec | None:
    """The codec of a file that begins with these bytes, or None for a plain file."""
    return next((codec for codec in (GZIP, ZSTD) if head.startswith(codec.magic)), None)


def and_compressed(*endings: str) -> tuple[str, ...]:
    """Endings of file names, each also with those of the codecs after it."""
    return tuple(f"{ending}{codec}" for ending in endings for codec in ("", ".gz", ".zst"))


class Members:
    """The members of a compressed file, one after another.

    `next_member` moves to the next one, `read` gives its content and `b""` at its end. When `damage` is set then, the member is damaged or
    cut off, what was read of it is not to be trusted, and `next_member` goes on at the next place where a member starts whose
    content `accepts` allows. Holds at most 16 MiB of the file.
    """

    def __init__(self, stream: Readable, codec: Codec, accepts: Callable[[bytes], bool] = bool) -> None:
        self._stream, self._codec, self._accepts = stream, codec, accepts
        self._raw = bytearray()
        self._base = 0  # offset in the file of the first byte of `_raw`
        self._at = 0  # index in `_raw` of the first byte that the decoder has not seen
        self._plain = b""
        self._plain_at = 0
        self._decoder: Any = None
        self.offset = 0
        """Where the current member starts, in bytes of the stored file."""
        self.damage: str | None = None
        """What is wrong with the current member; known at its end."""

    def next_member(self) -> bool:
        """Move to the next member; False at the end of the file."""
        self._plain, self._plain_at = b"", 0
        if self.damage:
            self.damage = None
            if not self._resync():
                return False
        elif not self._skip_padding():
            return False
        self._forget(self._at)
        self.offset = self._base
        self._fill(len(self._codec.magic))
        if self._raw.startswith(self._codec.magic):
            self._decoder = self._codec.decoder()
        else:
            self._decoder = None
            self.damage = f"not the start of a {self._codec.name} member"
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` plain bytes of the current member (all of the next piece if negative); `b""` at its end."""
        while self._plain_at >= len(self._plain):
            if self._decoder is None:
                return b""
            self._plain, self._plain_at = self._decode(), 0
        end = len(self._plain) if size < 0 else self._plain_at + size
        data = self._plain if self._plain_at == 0 and end >= len(self._plain) else self._plain[self._plain_at : end]
        self._plain_at += len(data)
        return data

    def _decode(self) -> bytes:
        if not self._fill(1):
            self._decoder = None
            self.damage = f"the file ends inside a {self._codec.name} member"
            return b""
        if self._at > _KEPT:
            self._forget(self._at - _KEPT // 2)
        piece = bytes(self._raw[self._at : self._at + _FEED])
        try:
            plain: bytes = self._decoder.decompress(piece)
        except Exception as error:  # noqa: BLE001  # zlib and zstandard have errors of their own
            self._decoder = None
            self.damage = f"damaged {self._codec.name} data: {error}"
            return b""
        self._at += len(piece)
        if self._decoder.eof:
            self._at -= len(self._decoder.unused_data)
            self._decoder = None
        return plain

    def _fill(self, count: int) -> bool:
        """Have at least `count` unseen bytes, if the file holds as many; False if it holds none."""
        while len(self._raw) - self._at < count:
            data = self._stream.read(_READ)
            if not data:
                break
            self._raw += data
        return len(self._raw) > self._at

    def _forget(self, count: int) -> None:
        del self._raw[:count]
        self._base += count
        self._at -= count

    def _skip_padding(self) -> bool:
        while self._fill(1):
            if self._raw[self._at]:
                return True
            unseen = self._raw[self._at : self._at + _READ]
            self._at += len(unseen) - len(unseen.lstrip(b"\0"))
            self._forget(self._at)
        return False

    def _resync(self) -> bool:
        # Damage can hide a member's end, and a decoder can run on into the next member: search all that was read of this one.
        self._at = max(self.offset + 1 - self._base, 0)
        magic = self._codec.magic
        while True:
            start = self._raw.find(magic, self._at)
            if start < 0:
                self._forget(max(len(self._raw) - len(magic) + 1, self._at))
                self._at = 0
                if not self._fill(len(magic)) or len(self._raw) < len(magic):
                    return False
                continue
            self._at = start
            self._fill(_TRIAL)
            if self._begins_here():
                return True
            self._at = start + 1

    def _begins_here(self) -> bool:
        try:
            return self._accepts(self._codec.decoder().decompress(bytes(self._raw[self._at : self._at + _TRIAL])))
        except Exception:  # noqa: BLE001  # zlib and zstandard have errors of their own
            return False


class Peeked:
    """A stream whose first bytes have been looked at."""

    def __init__(self, stream: Readable, size: int = 1 << 16) -> None:
        self._stream = stream
        self.head = b""
        while len(self.head) < size and (data := stream.read(size - len(self.head))):
            self.head += data
        self._left = self.head

    def read(self, size: int = -1) -> bytes:
        """The next bytes, the first ones included."""
        if not self._left:
            return self._stream.read(size)
        data, self._left = (self._left, b"") if size < 0 else (self._left[:size], self._left[size:])
        return data
