"""Files compressed by gzip or zstd, read member by member, so that a damaged one does not take those after it along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rephrase.readers.codecs import Codec, Decoder, decodes

_READ = 1 << 18  # bytes asked of the stored file at a time
_KEPT = 1 << 24  # compressed bytes of the current member that are kept to search for the next one after damage
_LOOK = 1 << 20  # compressed bytes in which a better start is looked for than the first that decodes


class Readable(Protocol):
    """Anything that gives up to `size` next bytes, and `b""` at its end."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        ...


class Members:
    """The members of a compressed file, one after another.

    `next_member` moves to the next one, `read` gives its content and `b""` at its end. When `damage` is set then, the member is damaged or
    cut off, what was read of it is not to be trusted, and `next_member` goes on at the next place where a member starts: one whose
    content `accepts` likes, if there is one within 1 MiB, or else the first that decodes. Holds some 16 MiB of the file. `start`:
    where in the file the stream begins.
    """

    def __init__(self, stream: Readable, codec: Codec, accepts: Callable[[bytes], bool] = bool, start: int = 0) -> None:
        self._stream, self._codec, self._accepts = stream, codec, accepts
        self._raw = bytearray()
        self._base = start  # offset in the file of the first byte of `_raw`
        self._at = 0  # index in `_raw` of the first byte that the decoder has not seen
        self._plain = b""
        self._plain_at = 0
        self._decoder: Decoder | None = None
        self.offset = start
        """Where the current member starts, in bytes of the stored file."""
        self.damage: str | None = None
        """What is wrong with the current member; known at its end."""

    @property
    def position(self) -> int:
        """The byte of the stored file up to which its members have been decoded: at the end of one, where it ends."""
        return self._base + self._at

    def next_member(self) -> bool:
        """Move to the next member; False at the end of the file. Zeros between members are damage, those after the last one padding."""
        self._plain, self._plain_at = b"", 0
        if self.damage:
            self.damage = None
            if not self._resync():
                return False
        self._forget(self._at)
        self.offset = self._base
        if not self._skip_zeros():
            return False
        if self._base + self._at > self.offset:
            self.damage = f"{self._base + self._at - self.offset:,} zero bytes"
            return True
        self._fill(self._codec.head_bytes)
        head = bytes(self._raw[: self._codec.head_bytes])
        try:
            self._decoder = self._codec.decoder(head, self._ahead) if self._codec.begins(head) else None
        except Exception as error:  # noqa: BLE001  # zstandard has errors of its own
            self._decoder, self.damage = None, f"damaged {self._codec.name} data: {error}"
        if self._decoder is None:
            self.damage = self.damage or f"not the start of a {self._codec.name} member"
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` plain bytes of the current member (all of the next piece if negative); `b""` at its end."""
        while self._plain_at >= len(self._plain):
            if self._decoder is None:
                return b""
            self._plain, self._plain_at = self._decode(self._decoder), 0
        end = len(self._plain) if size < 0 else self._plain_at + size
        data = self._plain if self._plain_at == 0 and end >= len(self._plain) else self._plain[self._plain_at : end]
        self._plain_at += len(data)
        return data

    def _decode(self, decoder: Decoder) -> bytes:
        if not self._fill(1):
            self._decoder = None
            self.damage = f"the file ends inside a {self._codec.name} member"
            return b""
        if self._at > _KEPT:
            self._forget(self._at - _KEPT // 2)
        piece = bytes(self._raw[self._at : self._at + self._codec.piece])
        try:
            plain = decoder.decompress(piece)
        except Exception as error:  # noqa: BLE001  # zlib and zstandard have errors of their own
            self._decoder = None
            self.damage = f"damaged {self._codec.name} data: {error}"
            return b""
        self._at += len(piece)
        if decoder.eof:
            self._at -= len(decoder.unused_data)
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

    def _ahead(self, count: int) -> bytes:
        """The next `count` bytes of the stored file, without moving on; fewer at its end."""
        self._fill(count)
        return bytes(self._raw[self._at : self._at + count])

    def _forget(self, count: int) -> None:
        del self._raw[:count]
        self._base += count
        self._at -= count

    def _skip_zeros(self) -> bool:
        """Move to the next byte that is none; False if there is none."""
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
        first = -1  # offset of the first place that decodes
        while (start := self._next_start(first)) >= 0:
            self._at = start
            self._fill(self._codec.trial)
            plain = decodes(self._codec, bytes(self._raw[start : start + self._codec.trial]))
            if plain and self._accepts(plain):
                return True
            if plain and first < 0:
                first = self._base + start
            self._at = start + 1
        self._at = first - self._base
        return first >= 0

    def _next_start(self, first: int) -> int:
        """The index in `_raw` of what looks like a member's start, from `_at` on; -1 at the end, or 1 MiB after `first`."""
        while True:
            match = self._codec.member.search(self._raw, self._at)
            start = match.start() if match else -1
            del match  # a match keeps `_raw` from growing
            here = self._base + (start if start >= 0 else len(self._raw))
            if first >= 0 and here > first + _LOOK:
                return -1
            if start >= 0:
                return start
            self._at = max(len(self._raw) - self._codec.head_bytes, self._at)
            if first < 0:
                self._forget(self._at)
            size = len(self._raw)
            self._fill(size - self._at + 1)
            if len(self._raw) == size:
                return -1


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
