"""Compressed files of many members, such as web archives and bgzip's: where they can be cut, and the content between two cuts.

A cut is any byte; the members that begin from there on are found by each task that reads up to it or from it, alike. A member's magic
number also stands in compressed data by chance, or because a page is itself an archive. So a start counts only at the end of an unbroken
chain of whole members, with their checksums, that begins well before the cut, and if the chain goes on for a while behind it. Compressed
data cannot hold such a chain by chance: deflate and zstd keep what does not compress in blocks of at most 64 and 128 KiB, and the head of
the next block breaks the chain. Where one is made to deceive, the task that reads up to the cut sees a member go over it, and refuses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers.codecs import Codec, codec_of
from rephrase.readers.compressed import Members, Peeked, Readable
from rephrase.readers.content import Content, CutInMemberError, PartOfContent
from rephrase.readers.seek_table import frame_starts
from rephrase.readers.slices import Slice

_BEFORE = 8 << 20  # stored bytes before a cut in which a chain of members may begin: more than crawlers keep of a page
_AFTER = 1 << 18  # stored bytes for which it must go on: above two blocks of what does not compress
_FIRST = 4 << 20  # stored bytes in which a file's first member must end for the file to be cut
_HEAD = 1 << 12  # plain bytes of a member that tell whether it begins as it should

Accepts = Callable[[bytes], bool]


def member_cuts(file: storage.FileInfo, size: int, accepts: Accepts = bool) -> Sequence[int]:
    """Bytes at which a compressed file can be cut to slices of about `size`; none for a plain file, or one of a single large member.

    accepts: whether the content of a member that begins so begins a record; by default any may.
    """
    with closing(storage.open_stream(file.path)) as stream:
        peeked = Peeked(_First(stream))
        codec = codec_of(file.path, peeked.head, accepts)
        if codec is None:
            return ()
        starts = frame_starts(file) if codec.name == "zstd" else ()
        if not starts and not _has_small_members(Members(peeked, codec, accepts), accepts):
            return ()
    if not starts:
        return range(size, file.size, size)
    cuts: list[int] = []
    for start in starts:
        if start >= (cuts[-1] if cuts else 0) + size:
            cuts.append(start)
    return cuts


@contextlib.contextmanager
def members_between(part: Slice, accepts: Accepts = bool) -> Iterator[Content | None]:
    """The content of the members that a slice of a compressed file owns: those that begin in it. None where none does.

    Within the block, a `UserError` is raised where a cut turns out to lie inside a member.
    """
    path = part.file.path
    with closing(storage.open_stream(path)) as stream:
        codec = _codec_of_file(path, stream, accepts)
    start = _start_from(part.file, part.start, codec, accepts)
    end = None if part.end is None else _start_from(part.file, part.end, codec, accepts)
    if start >= (part.file.size if end is None else end):
        yield None
        return
    with closing(storage.open_stream(path, start)) as stream:
        try:
            yield PartOfContent(stream, Members(stream, codec, accepts, start), end)
        except CutInMemberError as error:
            cure = f"set `input.unit_bytes` above {part.file.size}, in another `output`, so that the file is not cut"
            what = "what looks like the start of a member lies inside another one, and is made to deceive"
            raise UserError(what, where=f"{path}, byte {end} (in the member from {error.start} to {error.end})", cure=cure) from error


def _codec_of_file(path: str, stream: Readable, accepts: Accepts) -> Codec:
    """The codec of a file that `member_cuts` has cut, with the dictionary that the file begins with, if it does."""
    peeked = Peeked(stream)
    codec = codec_of(path, peeked.head, accepts)
    if codec is None:
        raise UserError("the file is not compressed any more", where=path, cure="put the former one back, or use another `output`")
    members = Members(peeked, codec, accepts)
    while members.next_member() and not members.damage and not members.read(1):
        pass
    return codec


def _start_from(file: storage.FileInfo, cut: int, codec: Codec, accepts: Accepts) -> int:
    """The first byte from `cut` on at which a member of the file begins with a record; the file's size where none does."""
    if cut == 0:
        return 0
    before = max(0, cut - _BEFORE)
    first: int | None = None
    with closing(storage.open_stream(file.path, before)) as stream:
        members = Members(stream, codec, accepts, before)
        while members.next_member():
            start, head = members.offset, b""
            while data := members.read():
                head += data[:_HEAD] if len(head) < _HEAD else b""
            if members.damage:
                first = None
                continue
            if first is None and start >= cut and accepts(head):
                first = start
            if first is not None and members.position >= first + _AFTER:
                break
    return file.size if first is None else first


def _has_small_members(members: Members, accepts: Accepts) -> bool:
    """Whether the first two members with content are whole and begin as they should; `members` reads no more than `_FIRST` bytes."""
    count = 0
    while count < 2 and members.next_member():
        head = members.read(_HEAD)
        if count:
            return bool(head) and accepts(head)  # the second one may be longer
        while members.read():
            pass
        if members.damage or (head and not accepts(head)):
            return False
        count += bool(head)
    return False


class _First:
    """The first bytes of a stream."""

    def __init__(self, stream: Readable) -> None:
        self._stream, self._left = stream, _FIRST

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data
