"""Which tasks of a job have begun and ended, where it may end before all of them have had their turn."""

from __future__ import annotations

from dataclasses import dataclass

from rephrase import storage

_CLOSED, _BEGUN, _ENDED = "closed", "begun", "ended"


@dataclass(frozen=True, slots=True)
class Turns:
    """Small objects in a job's folder: one when a task begins, one when it ends, and one that lets no further task begin."""

    folder: str

    def begin(self, number: int) -> bool:
        """In a task: whether it may begin."""
        if storage.exists(storage.join(self.folder, "turns", _CLOSED)):
            return False
        storage.create(storage.join(self.folder, "turns", f"{_BEGUN}-{number}"), b"")
        return True

    def end(self, number: int) -> None:
        """In a task: that its work is done."""
        storage.create(storage.join(self.folder, "turns", f"{_ENDED}-{number}"), b"")

    def close(self) -> None:
        """On the driver: let no task begin that has not."""
        storage.put(storage.join(self.folder, "turns", _CLOSED), b"")

    def count(self) -> tuple[int, int]:
        """On the driver: how many tasks have ended, and how many are in flight."""
        names = [storage.name_of(file.path) for file in storage.list_files(storage.join(self.folder, "turns"))]
        begun, ended = (sum(name.startswith(f"{kind}-") for name in names) for kind in (_BEGUN, _ENDED))
        return ended, max(0, begun - ended)
