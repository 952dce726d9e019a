"""What a table of a lakehouse is to a run: it takes objects over, or lets them go, in commits that each count once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rephrase.errors import UserError
from rephrase.lakehouse.journal import Step

if TYPE_CHECKING:
    import pyarrow as pa

Sql = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a statement in the Spark session, which it starts, and gives the rows of the answer."""


@dataclass(frozen=True, slots=True)
class Source:
    """A finished table of a run."""

    folder: str
    """Where its objects are: an absolute path or a URL."""
    schema: pa.Schema
    home: str
    """A folder for what the lakehouse's table needs itself, where its catalog has no place for that."""
    key: str
    """Tells the run from others whose objects are in the same table of the lakehouse."""
    sql: Sql


class LakeTable(ABC):
    """An open table. All calls read its state anew, so that several drivers may work on it."""

    name: str
    """How messages call it: "iceberg db.mixture"."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """Tells it from one that was dropped and had the same name; part of a file name."""

    @abstractmethod
    def number(self) -> int:
        """How many commits of this run it holds; 0 for none. It stays where snapshots expire and files are rewritten."""

    @abstractmethod
    def commit(self, number: int, step: Step, about: Mapping[str, str]) -> bool:
        """Take over the objects of a step, or let them go, as commit `number`: all of it or nothing.

        about: what the table's history shall tell. Returns False where another commit came between: look at `number` and try again.
        Raises `UserError` where the objects do not fit the table, and FileNotFoundError for one that is not there.
        """


def check_columns(table: str, columns: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise a `UserError` where a table that is there lacks columns of the run's, or has them as another type."""
    if missing := [name for name in wanted if name not in columns]:
        several = ", ".join(f"`{name}` ({wanted[name]})" for name in missing)
        raise UserError(f"the table lacks columns of the run's: {several}", where=table, cure="add them to it; or name another table")
    for name, kind in wanted.items():
        if columns[name] != kind:
            what = f"its column `{name}` is {columns[name]}, and the run's is {kind}"
            raise UserError(what, where=table, cure="name a table of the run's own, which is made where there is none")
