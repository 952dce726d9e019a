"""The folder through which driver and tasks of a job talk: `_run-…` below the stage's. It goes with the job, or with a later one."""

from __future__ import annotations

import functools
import json
import os
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from rephrase import storage
from rephrase.engines.processes import Process

_PREFIX, _REPORTS = "_run-", "reports"
_DRIVER = "started-by.json"  # the last of the folder in a listing's order, so that a removal that is cut short leaves it
_CHUNK = 256  # items in one object that tasks read
_WRITERS = 16  # requests at a time


@dataclass(frozen=True, slots=True)
class JobFolder:
    """A job's items, and the place for its reports."""

    path: str

    @classmethod
    def create(cls, stage: str, items: Sequence[Any] = ()) -> JobFolder:
        """A new folder with the items of a job: values of JSON, and dataclasses of such. What drivers that died left here is removed."""
        cls.remove_left_over(stage)
        folder = cls(storage.join(stage, f"{_PREFIX}{uuid.uuid4().hex[:12]}"))
        storage.create(storage.join(folder.path, _DRIVER), orjson.dumps(_this_driver()))
        folder.add(items, range(len(items)))
        return folder

    def add(self, items: Sequence[Any], numbers: range) -> None:
        """Store the items of these numbers, of which all but the last end a chunk: `numbers` starts at one."""
        starts = range(numbers.start, numbers.stop, _CHUNK)
        contents = (_lines(items[number] for number in range(start, min(start + _CHUNK, numbers.stop))) for start in starts)
        if len(starts) == 1 or storage.is_local(self.path):
            for start, content in zip(starts, contents, strict=True):
                storage.create(self._chunk(start), content, durable=False)
            return
        with ThreadPoolExecutor(_WRITERS) as pool:
            for _ in pool.map(lambda start, content: storage.create(self._chunk(start), content), starts, contents):
                pass

    @staticmethod
    def remove_left_over(stage: str) -> None:
        """Remove from a stage's folder those of drivers that ran on this machine and are dead. Nobody here can tell of other machines'.

        One that no driver has signed, or not readably, is a task's report after its job's end.
        """
        here = _process_table()
        start = len(stage.rstrip("/")) + 1
        names = {file.path[start:].split("/", 1)[0] for file in storage.list_files(stage)}
        for folder in (storage.join(stage, name) for name in sorted(names) if name.startswith(_PREFIX)):
            try:
                driver = orjson.loads(storage.read(storage.join(folder, _DRIVER)))
                table, process = driver["table"], Process(driver["pid"], driver["start"])
            except (FileNotFoundError, ValueError, TypeError, KeyError):
                storage.remove_folder(folder)
                continue
            if here is not None and table == here and not process.alive:
                storage.remove_folder(folder)

    @property
    def reports(self) -> str:
        """Where tasks report to the driver."""
        return storage.join(self.path, _REPORTS)

    def item(self, number: int) -> Any:
        """In a task: one of the items, as JSON has it. Whoever can write into the store can write it: it is data, and no program."""
        return json.loads(_read_lines(self._chunk(number))[number % _CHUNK].rstrip(b","))

    def remove(self) -> None:
        """Remove all of it, and the stage's folder where nothing else is in it."""
        storage.remove_folder(self.path)
        storage.remove_empty_folder(os.path.dirname(self.path))

    def _chunk(self, number: int) -> str:
        # The items do not travel with the function: every task would read all of them.
        return storage.join(self.path, f"items-{number // _CHUNK:06d}.json")


def _lines(items: Iterable[Any]) -> bytes:
    """Items as a JSON list, one a line: a task takes its own apart, and none of the others."""
    # Not by orjson: names of files may hold halves of surrogate pairs.
    return ("[" + ",\n".join(json.dumps(item, default=asdict) for item in items) + "]").encode()


@functools.lru_cache(maxsize=2)
def _read_lines(path: str) -> list[bytes]:
    """The items of an object, read once by a worker, which gets many tasks of each: two jobs at once, at most."""
    return storage.read(path)[1:-1].split(b"\n")


def is_report(path: str, name: str) -> bool:
    """Whether a file in a stage's folder is the report of this name of one of its jobs."""
    parts = path.split("/")
    return parts[-2:] == [_REPORTS, name] and parts[-3].startswith(_PREFIX)


def _this_driver() -> dict[str, Any]:
    return {**asdict(Process.of(os.getpid())), "table": _process_table()}


def _process_table() -> str | None:
    """Names the table that this process's id stands in: that of a kernel since its boot, and of a container on it; None without /proc."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None
