"""What a stored file holds once its compression is undone, in runs that end where the file is damaged."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass

from rephrase.readers.codecs import codec_of
from rephrase.readers.compressed import Members, Peeked, Readable


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged member of a compressed file. `offset` counts bytes of the stored file."""

    offset: int
    reason: str


class CutInMemberError(ValueError):
    """A place where a file is cut lies inside a member, which has turned out to be a whole one: from `start` to before `end`."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__(f"the member of bytes {start:,} to {end:,} goes over the place where the file is cut")
        self.start, self.end = start, end


class Content:
    """The plain content of a stored file, compressed by its members or not at all.

    A run is what comes without damage in between: `next_run` moves to the next one, `read` gives its content and `b""` at its end. When
    `damage` is set then, what came after `whole` bytes of the run is of a damaged member. `accepts`: see `Members`.
    """

    def __init__(self, stream: Readable, path: str, accepts: Callable[[bytes], bool] = bool) -> None:
        peeked = Peeked(stream)
        codec = codec_of(path, peeked.head, accepts)
        self._begin(peeked, Members(peeked, codec, accepts) if codec else None, None)

    def _begin(self, stream: Readable, members: Members | None, limit: int | None) -> None:
        self._stream = stream
        self._members = members
        self._limit = limit
        self._is_waiting = False  # at the limit, with a member behind it begun
        self._runs = 0
        self._given = 0
        self._starts: list[tuple[int, int]] = []  # of members: in the run's plain bytes, and in the stored file
        self.whole = 0
        self.damage: Damage | None = None

    @property
    def is_compressed(self) -> bool:
        """Whether the file has members."""
        return self._members is not None

    @property
    def member_offset(self) -> int:
        """Where the member that was read last begins in the stored file; 0 for a plain one."""
        return self._starts[-1][1] if self._starts else 0

    def go_on(self) -> None:
        """Let `next_run` go on behind the limit, after the end of what lies before it."""
        self._limit = None

    def next_run(self) -> bool:
        """Move to the next run; False at the end of the file."""
        self.damage = None
        self._given = self.whole = 0
        self._starts = []
        self._runs += 1
        if self._members is None:
            return self._runs == 1
        return self._next_member(self._members)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` next bytes of the run (what is there at once if negative); `b""` at its end."""
        if self._members is None:
            return self._stream.read(size)
        while not self.damage and not self._is_waiting:
            if data := self._members.read(size):
                self._given += len(data)
                return data
            if self._members.damage:
                self.damage = Damage(self._members.offset, self._members.damage)
            elif not self._next_member(self._members):
                break
        return b""

    def stored_offset(self, position: int) -> int:
        """Where a byte of the run's content is stored: of a compressed file, where its member begins."""
        if self._members is None:
            return position
        return self._starts[max(bisect.bisect_right(self._starts, (position, 1 << 62)) - 1, 0)][1]

    def forget(self, position: int) -> None:
        """Nobody asks for `stored_offset` before a position any more."""
        del self._starts[: max(bisect.bisect_right(self._starts, (position, 1 << 62)) - 1, 0)]

    def _next_member(self, members: Members) -> bool:
        if not self._is_waiting:
            if self._limit is not None and members.damage is None and members.position > self._limit:
                raise CutInMemberError(members.offset, members.position)
            if not members.next_member():
                return False
        self._is_waiting = self._limit is not None and members.offset >= self._limit
        if self._is_waiting:
            return False
        self.whole = self._given
        self._starts.append((self._given, members.offset))
        return True


class PartOfContent(Content):
    """The content of the members that begin before the byte `limit` of the stored file, from where `members` stands.

    `next_run` and `read` raise `CutInMemberError` where one of these goes on behind the limit. `go_on` lets them read on.
    """

    def __init__(self, stream: Readable, members: Members, limit: int | None) -> None:
        self._begin(stream, members, limit)
