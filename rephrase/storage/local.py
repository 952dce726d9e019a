"""Files on disk: a temporary file and a hard link make an object appear whole, and only once."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from typing_extensions import override

from rephrase.errors import UserError
from rephrase.storage.base import FileInfo, Store, name_of

_PARTS = 1024  # that Linux writes with one call
_BUFFER = 1 << 17


class Local(Store):
    """The file systems that are mounted on this machine. Locations are paths, without a scheme."""

    @override
    def create(self, path: str, data: Sequence[bytes | memoryview], *, durable: bool = True) -> bool:
        """Durable means that the disk has it."""
        if os.path.exists(path):
            return False
        temporary = _write_temporary(path, data, durable=durable)
        try:
            return _link(temporary, path)
        finally:
            os.unlink(temporary)

    @override
    def create_from(self, path: str, local: str) -> bool:
        """The file `local` under another name, which must be of the same file system."""
        with open(local, "rb") as file:
            os.fsync(file.fileno())
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        return _link(local, path)

    @override
    def put(self, path: str, data: bytes) -> None:
        """Raises `UserError` where a folder has the name."""
        if os.path.isdir(path):
            raise UserError("cannot write: there is a folder of this name", where=path, cure="give the path of a file")
        os.replace(_write_temporary(path, [data]), path)

    @override
    def read_range(self, path: str, start: int, end: int) -> bytes:
        with self.open_random(path) as file:
            return os.pread(file.fileno(), end - start, start)

    @override
    def read_into(self, path: str, start: int, buffer: memoryview) -> int:
        with open(path, "rb", buffering=0) as file:
            return os.preadv(file.fileno(), [buffer], start)

    @override
    def size_of(self, path: str) -> int | None:
        return os.path.getsize(path) if os.path.isfile(path) else None

    @override
    def exists(self, path: str) -> bool:
        """Whether a file or a folder is there."""
        return os.path.exists(path)

    @override
    def open_stream(self, path: str, start: int = 0) -> BinaryIO:
        with readable(path):
            stream = io.BufferedReader(_File(path), _BUFFER)
            if start:
                stream.seek(start)
            return stream

    @override
    def open_random(self, path: str) -> BinaryIO:
        return self.open_stream(path)

    @override
    def delete(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    @override
    def list_files(self, folder: str) -> Iterator[FileInfo]:
        """Raises `UserError` for a folder that may not be read."""
        try:
            with os.scandir(folder) as entries:
                # A folder stands where the files in it do. Of many files, memory holds no more than their names.
                names = [f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name for entry in entries]
        except OSError as error:
            _tell(error)
            return
        for name in sorted(name for name in names if not name.startswith(".")):
            path = os.path.join(folder, name)
            if name.endswith("/"):
                yield from self.list_files(path.removesuffix("/"))
                continue
            with contextlib.suppress(FileNotFoundError):
                about = os.stat(path)
                if stat.S_ISREG(about.st_mode):  # a pipe would be waited for
                    yield FileInfo(path, about.st_size, about.st_mtime)


class _File(io.FileIO):
    """A file for reading, which tells the failures of its disk from those of who makes something of its content."""

    @override
    def readinto(self, buffer: Any, /) -> int | None:
        with readable(str(self.name)):
            return super().readinto(buffer)

    @override
    def readall(self) -> bytes:
        with readable(str(self.name)):
            return super().readall() or b""


def _tell(error: OSError) -> None:
    """Raise what a walk passes over, but where a folder is not there, or no more."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        with readable(error.filename):
            raise error


@contextlib.contextmanager
def readable(path: str) -> Iterator[None]:
    """Say as a `UserError` that what is read in the block is there and no file that may be read."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) or error.errno is None:  # Arrow's own, about what is in a file
            raise
        what = os.strerror(error.errno or 0)  # Arrow's own words repeat the path
        raise UserError(f"cannot read: {what}", where=path, cure="check the path and its permissions") from error


def _write_temporary(path: str, data: Sequence[bytes | memoryview], *, durable: bool = True) -> str:
    folder = os.path.dirname(path) or "."
    temporary = os.path.join(folder, f".{name_of(path)}.{uuid.uuid4().hex}.tmp")
    try:
        os.makedirs(folder, exist_ok=True)
        with open(temporary, "wb", buffering=0) as file:
            _write_parts(file.fileno(), data)
            if durable:
                os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise UserError(f"cannot write: {error.strerror}", where=path, cure="check permissions and free space") from error
    return temporary


def _write_parts(file: int, data: Sequence[bytes | memoryview]) -> None:
    """Write all parts, many with one call: file systems then give them memory in larger pieces."""
    parts = [memoryview(part) for part in data]
    for at in range(0, len(parts), _PARTS):
        waiting = parts[at : at + _PARTS]
        while waiting:
            size = os.writev(file, waiting)
            while waiting and size >= len(waiting[0]):
                size -= len(waiting.pop(0))
            if waiting:
                waiting[0] = waiting[0][size:]


def _link(temporary: str, path: str) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP):
            raise
        raise UserError(
            "this file system has no hard links, so that nothing can be created atomically",
            where=path,
            cure="write to a local disk, NFS or s3://",
        ) from error
    return True
