"""A stage as an object, and the tables that stages make.

Commands, their options, `status`, `summary`, a mixture's provenance and the cures of errors ask these objects. They are light: what a
stage works with is imported when it is asked to work. So the imports go: tables and stages here, the work of each stage, the stages
themselves (`declarations/`), their order (`pipeline.py`), commands.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rephrase import storage
from rephrase.names import PARQUET

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.meaning import Meaning


@dataclass(frozen=True, slots=True)
class Table:
    """What a stage makes: a folder with a `_stage.json` (see `ledger`)."""

    path: str
    """Below the output of the run."""
    stage: str
    command: str = ""
    """The command that makes it; default: it is named like the stage."""
    section: str = ""
    """The section of run.yaml without which it is not made."""
    of_input: bool = False
    """Not made in runs without `input`, whose recipes have rows of their own."""
    version: int = 1
    """What the rows mean. Raised only where the same settings give other rows: folders of an earlier version are then refused."""
    replaceable: bool = False
    """Made from the completions, which stay: `--replace` may remove it."""
    cure: str = ""
    """What to do where the folder holds the rows of another config; default: by `replaceable`."""

    def folder(self, output: str) -> str:
        """Where it lies in a run's output."""
        return storage.join(output, self.path)

    def is_on(self, run: Run) -> bool:
        """Whether a whole run makes it."""
        return (run.input is not None or not self.of_input) and self.is_configured(run)

    def is_configured(self, run: Run) -> bool:
        """Whether the config has its section, if it has one."""
        return not self.section or getattr(run, self.section) is not None

    @property
    def maker(self) -> str:
        """The command that makes it."""
        return self.command or self.stage

    @property
    def make_first(self) -> str:
        """The cure where it is missing."""
        return f"run the {self.maker} stage first: `rephrase {self.maker} run.yaml`"


class Tables:
    """The tables of a run, by the names that stages use. Each is made by one stage; `pipeline` has their order."""

    DOCUMENTS = Table("documents", "shard", of_input=True)
    SCREENED = Table("screened", "screen", section="screen", of_input=True)
    DUPLICATE_DOCUMENTS = Table("duplicates/documents", "dedup (documents)", command="screen", section="dedup", of_input=True)
    GENERATIONS = Table("generations", "rewrite")
    JUDGED = Table("judged", "filter", replaceable=True)
    DUPLICATE_GENERATIONS = Table("duplicates/judged", "dedup", section="dedup", replaceable=True)
    MIXTURE = Table("mixture", "mix", replaceable=True)

    @classmethod
    def all(cls) -> list[Table]:
        """Every table of a run."""
        return [table for table in vars(cls).values() if isinstance(table, Table)]


@dataclass(frozen=True, slots=True)
class Redo:
    """Which finished work of a run is made again."""

    replaced: bool = False
    """Tables of another config, where they are replaceable (`--replace`)."""
    errors: bool = False
    """Rows that ended in an error (`--retry-errors`)."""


@dataclass(frozen=True, slots=True)
class Status:
    """How far a stage is: units done, units in all where that is known, and a few words."""

    done: int
    total: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of a run's summary: what it is about, a number, and a few words. An empty name goes on with the line above."""

    name: str
    number: str
    text: str


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A table of a run's summary. `texts` are the columns of words; all others hold numbers. `total` is a last row of all the others."""

    title: str
    columns: tuple[str, ...]
    texts: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    total: tuple[str, ...] = ()
    remarks: Sequence[str] = ()
    """Sentences below the table."""


class Stage(ABC):
    """One stage of the pipeline. None of its questions but `run` starts Spark."""

    table: ClassVar[Table]
    """What it makes; says also its name, its command, its version, and which section of run.yaml switches it on."""
    purpose: ClassVar[str]
    """What it does, for `--help`."""
    reads: ClassVar[tuple[Table, ...]] = ()
    """What it is made from. Tables of sections that the config lacks are not looked for."""
    retries_errors: ClassVar[bool] = False
    """Whether `--retry-errors` is for it."""
    endings: ClassVar[tuple[str, ...]] = (PARQUET,)
    """How the names of the objects end that tell of its progress."""

    @abstractmethod
    def run(self, run: Run, spark: LazySession, redo: Redo) -> None:
        """Make its table, or what is missing of it. Starts no Spark where all is there. Raises `UserError`."""

    @abstractmethod
    def meaning(self, run: Run) -> Meaning:
        """All that its rows depend on under this config. Raises `UserError` where an earlier stage has not run."""

    @abstractmethod
    def status(self, run: Run) -> Status:
        """How far it is, told by its objects alone."""

    def figures(self, run: Run) -> list[Figure]:
        """Its lines of the summary."""
        del run
        return []

    def breakdown(self, run: Run) -> Breakdown | str | None:
        """Its table of the summary, or a sentence where there is nothing to show yet."""
        del run
        return None
