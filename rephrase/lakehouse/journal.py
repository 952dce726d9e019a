"""What a run has given to tables of a lakehouse: a journal of steps in its output, each written before it is committed.

`<output>/lakehouse/<table>/<identity of the lakehouse's table>-<key of the run>/000001.json` and so on. A step is created on the condition
that nobody else has created it, and the table counts the steps that it holds: so whoever comes back after a crash, and whoever comes at the
same time, commits the same steps in the same order, each once. That holds also where the table's history has expired, or its files were
rewritten by others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from rephrase import storage
from rephrase.errors import UserError

FOLDER = "lakehouse"
_DONE = "_committed.json"


@dataclass(frozen=True, slots=True)
class Step:
    """One commit: objects that the table takes over, or that it lets go; never both."""

    table: str
    """The lakehouse's table, as messages call it."""
    digest: str
    """Of the run's table (see `_stage.json`): its objects are others where it differs, whatever their names."""
    added: Mapping[str, int] = field(default_factory=dict)
    """Bytes of each object by its name below the folder of the run's table."""
    removed: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The step as stored."""
        return orjson.dumps({"table": self.table, "digest": self.digest, "added": dict(self.added), "removed": dict(self.removed)})


@dataclass(frozen=True, slots=True)
class Journal:
    """The steps of a run's table with one table of the lakehouse."""

    folder: str

    @classmethod
    def of(cls, output: str, path: str, identity: str) -> Journal:
        """That of the run's table `path` with the table of this identity."""
        return cls(storage.join(_folder(output, path), identity))

    def path(self, number: int) -> str:
        """Where a step is stored. They are counted from 1."""
        return storage.join(self.folder, f"{number:06d}.json")

    def steps(self) -> list[Step]:
        """All steps, in their order. Raises `UserError` for a damaged one."""
        paths = [file.path for file in storage.list_files(self.folder) if not storage.name_of(file.path).startswith("_")]
        return [_read(path) for path in paths]

    def create(self, number: int, step: Step) -> bool:
        """Store a step unless somebody has stored one of this number."""
        return storage.create(self.path(number), step.to_json())

    def tell_done(self, number: int) -> None:
        """Note for `status` how many steps are committed; the table alone knows for sure."""
        storage.put(storage.join(self.folder, _DONE), orjson.dumps({"steps": number}))

    def told_done(self) -> int:
        """What `tell_done` noted last."""
        path = storage.join(self.folder, _DONE)
        return int(orjson.loads(storage.read(path))["steps"]) if storage.exists(path) else 0


def held(steps: Iterable[Step]) -> dict[str, tuple[int, str]]:
    """The objects that a table holds after these steps: bytes and digest by name."""
    objects: dict[str, tuple[int, str]] = {}
    for step in steps:
        for name in step.removed:
            objects.pop(name, None)
        objects |= {name: (size, step.digest) for name, size in step.added.items()}
    return objects


def journals(output: str, path: str) -> list[Journal]:
    """The journals of a run's table, one for each table of a lakehouse that it was ever given to."""
    folder = _folder(output, path)
    start = len(folder) + 1
    return [Journal(storage.join(folder, name)) for name in sorted({f.path[start:].split("/")[0] for f in storage.list_files(folder)})]


def check_unshared(output: str, *paths: str) -> None:
    """Raise a `UserError` where objects of these tables of a run are part of a lakehouse's table: removing them would break that."""
    for path in paths:
        for journal in journals(output, path):
            steps = journal.steps()
            if held(steps):
                cure = "`rephrase tables run.yaml --withdraw` takes them out of it first, and the next run commits what it made again"
                raise UserError(
                    f"the objects of {path} are part of the table {steps[-1].table}", where=storage.join(output, path), cure=cure
                )


def _folder(output: str, path: str) -> str:
    return storage.join(output, FOLDER, path.replace("/", "-"))


def _read(path: str) -> Step:
    try:
        value = orjson.loads(storage.read(path))
        return Step(value["table"], value["digest"], dict(value["added"]), dict(value["removed"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"no step of a journal: {error}", where=path, cure="restore the file from a copy") from error
