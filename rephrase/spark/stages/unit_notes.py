"""What units have noted, for stages that tell of themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rephrase.notes import Note
    from rephrase.spark.stages.base import Table

SomeNote = TypeVar("SomeNote", bound="Note")


def unit_notes(output: str, table: Table, kind: type[SomeNote]) -> list[SomeNote]:
    """The notes of all units of a table that are there."""
    from rephrase.storage import tables

    return [footer.note for footer in tables.footers_there(tables.objects(table.folder(output)), kind)]


def sum_of_notes(output: str, table: Table, kind: type[SomeNote]) -> tuple[int, SomeNote]:
    """How many objects of a table are there, and the sum of their notes."""
    from rephrase.storage import tables

    paths = tables.objects(table.folder(output))
    return len(paths), sum((footer.note for footer in tables.footers_there(paths, kind)), kind())


def units_of(output: str, *some: Table) -> int:
    """How many objects there are of these tables together."""
    from rephrase.storage import tables

    return sum(len(tables.objects(table.folder(output))) for table in some)


def kept_and_rejected(verdicts: Mapping[str, int]) -> tuple[int, str]:
    """Of rows by verdict: how many were kept, and how many each check rejected, in words, the most first."""
    from rephrase.records import KEEP

    return verdicts.get(KEEP, 0), rejections(verdicts)


def rejections(verdicts: Mapping[str, int], most: int | None = None) -> str:
    """How many rows each check rejected, in words, the most first. most: so many of the checks alone."""
    from classifiers.cascade import UNPARSED
    from rephrase.records import INTERMEDIATE, KEEP

    rejected = Counter({verdict: count for verdict, count in verdicts.items() if verdict not in (KEEP, INTERMEDIATE)})
    # Rows without a text have this verdict whatever checks the config lists.
    names = {UNPARSED: f"{UNPARSED} (no answer, or none that its recipe takes)"}
    return ", ".join(f"{names.get(verdict, verdict)} {count:,}" for verdict, count in rejected.most_common(most))
