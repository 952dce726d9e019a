"""Input from HDFS, by pyarrow, which needs Hadoop's client (libhdfs, JAVA_HOME, CLASSPATH) on each machine."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from rephrase.errors import UserError
from rephrase.storage.base import FileInfo, stores
from rephrase.storage.read_only import ReadOnly

_CURE = "set HADOOP_HOME, JAVA_HOME, and CLASSPATH to what `hadoop classpath --glob` prints; or copy the files to a store that runs know"


@stores.register("hdfs")
@stores.register("viewfs")
class Hdfs(ReadOnly):
    """Files of HDFS: `hdfs://host:port/path`, or `hdfs:///path` of the name node that Hadoop's configuration names."""

    @override
    def read_range(self, path: str, start: int, end: int) -> bytes:
        with _told(path):
            system, inner = _located(path)
            with system.open_input_file(inner) as file:
                return bytes(file.read_at(max(end - start, 0), start))

    @override
    def size_of(self, path: str) -> int | None:
        about = self.about(path)
        return about.size if about else None

    @override
    def about(self, path: str) -> FileInfo | None:
        with _told(path):
            system, inner = _located(path)
            info = system.get_file_info(inner)
            return FileInfo(path, info.size, (info.mtime_ns or 0) / 1e9) if info.is_file else None

    @override
    def list_files(self, folder: str) -> Iterator[FileInfo]:
        from pyarrow.fs import FileSelector

        with _told(folder):
            system, inner = _located(folder)
            base = inner.rstrip("/")
            listed = system.get_file_info(FileSelector(base or "/", recursive=True, allow_not_found=True))
        start, outer = len(base.strip("/")), folder.rstrip("/")  # some file systems give paths without their first slash
        files = [(info.path.strip("/")[start:].strip("/"), info) for info in listed if info.is_file]
        named = [(below, info) for below, info in files if not any(part.startswith(".") for part in below.split("/"))]
        yield from sorted(FileInfo(f"{outer}/{below}", info.size, (info.mtime_ns or 0) / 1e9) for below, info in named)


def _located(path: str) -> tuple[Any, str]:
    """The file system, and the path in it."""
    scheme, _, rest = path.partition("://")
    host, _, inner = rest.partition("/")
    return _system(f"{scheme}://{host or 'default'}", os.getpid()), f"/{inner}"


@functools.cache
def _system(address: str, _pid: int) -> Any:
    from pyarrow.fs import FileSystem

    return FileSystem.from_uri(f"{address}/")[0]


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """Tell what pyarrow raises as FileNotFoundError, or as a `UserError`."""
    try:
        yield
    except (UserError, FileNotFoundError):
        raise
    except Exception as error:  # ArrowException, OSError, or that this pyarrow is built without HDFS
        missing = isinstance(error, OSError) and error.errno == errno.ENOENT
        if missing:
            raise FileNotFoundError(errno.ENOENT, "no such file", path) from error
        raise UserError(f"HDFS cannot be read: {' '.join(str(error).split())[:300]}", where=path, cure=_CURE) from error
