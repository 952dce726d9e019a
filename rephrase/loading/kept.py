"""Row groups of texts, kept unpacked in a folder on disk: a text is then found without unpacking its neighbours again."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pyarrow as pa

from rephrase.errors import UserError
from rephrase.records import content_id

_ENDING = ".arrow"
_LOOKS = 50  # times that the folder is looked through while it fills
_ABANDONED = 3600.0  # seconds after which nobody writes a draft any more


class KeptRowGroups:
    """Tables in files of a folder, which several processes may share. Those that were used longest ago go where they are too much.

    Their bytes stay below `most_bytes`, but for what processes write at the same moment.
    """

    def __init__(self, folder: str, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes
        self._new = 0  # bytes since the folder was looked through
        self._lock = threading.Lock()
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise UserError(f"nothing can be kept here: {error}", where=folder, cure="name another folder") from error

    def table(self, key: tuple[str, ...], make: Callable[[], pa.Table]) -> pa.Table:
        """The table of a key, mapped from its file; made and stored where it is not there."""
        path = os.path.join(self._folder, content_id(*key) + _ENDING)
        try:
            table = pa.ipc.open_file(pa.memory_map(path)).read_all()
            os.utime(path)
        except (FileNotFoundError, pa.ArrowInvalid):  # or cut off, where the machine stopped
            table = make()
            self._store(path, table)
        return table

    def _store(self, path: str, table: pa.Table) -> None:
        draft = f"{path}-{uuid.uuid4().hex}"
        try:
            with pa.OSFile(draft, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
            size = os.path.getsize(draft)
            os.replace(draft, path)
        except OSError as error:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft)
            raise UserError(f"nothing can be kept here: {error}", where=self._folder, cure="make room, or keep fewer bytes") from error
        with self._lock:
            self._new += size
            if self._new > self._most // _LOOKS:
                self._new = 0
                self._shrink()

    def _shrink(self) -> None:
        """Remove what was used longest ago, until there is room for what is stored before the next look."""
        files = sorted(self._files())
        over = sum(size for _, size, _ in files) - (self._most - self._most // _LOOKS)
        for used, size, path in files:
            if over <= 0:
                break
            if not path.endswith(_ENDING) and time.time() - used < _ABANDONED:
                continue  # a draft that is being written
            with contextlib.suppress(FileNotFoundError):  # another process was first
                os.unlink(path)
            over -= size

    def _files(self) -> Iterator[tuple[float, int, str]]:
        """When each file was used, its bytes and its path."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if _ENDING in entry.name:
                    with contextlib.suppress(FileNotFoundError):
                        about = entry.stat()
                        yield about.st_mtime, about.st_size, entry.path
