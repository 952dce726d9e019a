"""Give a finished table of a run to a table of a lakehouse, or take it out again: exactly once, whoever dies or comes at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rephrase.errors import UserError
from rephrase.lakehouse.base import LakeTable
from rephrase.lakehouse.journal import Journal, Step, held

_ATTEMPTS = 20  # that may find the table changed by others meanwhile


@dataclass(frozen=True, slots=True)
class Change:
    """What a call changed: objects that the table took over and let go; both 0 where all was there."""

    added: int = 0
    removed: int = 0


def bring_to(lake: LakeTable, journal: Journal, wanted: Mapping[str, int], digest: str, about: Mapping[str, str]) -> Change:
    """Make the lakehouse's table hold these objects of the run's table, by name with their bytes, and no others of it.

    digest: of the run's table; objects of another one are let go first. Steps that a call before this one left undone are done first.
    Raises `UserError`, and leaves the table as it was or with whole steps.
    """
    change = Change()
    for _ in range(_ATTEMPTS):
        number, steps = lake.number(), journal.steps()
        if len(steps) < number:
            what = f"the table holds {number} commits of this run, and its journal tells of {len(steps)}"
            raise UserError(what, where=journal.folder, cure="restore the folder from a copy, or write to another `output`")
        if len(steps) == number:
            step = _next(held(steps), wanted, digest, lake.name)
            if step is None:
                journal.tell_done(number)
                return change
            journal.create(number + 1, step)  # or another driver did: what stands there is what is committed
            continue
        step = steps[number]
        try:
            done = lake.commit(number + 1, step, {**about, "rephrase.digest": step.digest, "rephrase.commit": str(number + 1)})
        except FileNotFoundError as error:
            cure = f"restore it; or remove {journal.path(number + 1)}, and what comes after it, if the objects are gone for good"
            raise UserError(f"an object that the table shall take over is gone: {error}", where=lake.name, cure=cure) from error
        if done:
            change = Change(change.added + len(step.added), change.removed + len(step.removed))
    raise UserError("the table was changed by others each time", where=lake.name, cure="run it again when less is written to it")


def _next(there: Mapping[str, tuple[int, str]], wanted: Mapping[str, int], digest: str, table: str) -> Step | None:
    """The next step; None where the table holds what is wanted."""
    if any(name not in wanted or (wanted[name], digest) != about for name, about in there.items()):
        return Step(table, digest, removed={name: size for name, (size, _) in there.items()})
    added = {name: size for name, size in wanted.items() if name not in there}
    return Step(table, digest, added=added) if added else None
