"""What to say where a component has no text: what became of the generations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.notes import JudgedNote
from rephrase.records import INTERMEDIATE, KEEP
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.unit_notes import kept_and_rejected, sum_of_notes

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.mixing.targets import NoTextError


def explained(error: NoTextError, run: Run) -> UserError:
    """The error, with what rejected the generations and how to see them, where few enough were kept for that to be the cause."""
    _, sums = sum_of_notes(run.output, Tables.JUDGED, JudgedNote)
    kept, rejected = kept_and_rejected(sums.verdicts)
    counts = {verdict: count for verdict, count in sums.verdicts.items() if verdict not in (KEEP, INTERMEDIATE)}
    if not counts:
        return error
    most = max(counts, key=lambda verdict: counts[verdict])
    what = f"{error.what}; the checks kept {kept:,} of {kept + sum(counts.values()):,} generations (rejected by {rejected})"
    notice = "".join(f"; {notice}" for notice in run.all_engines.notices) if not kept else ""
    look = f"`rephrase show run.yaml --verdict {most}` shows what was rejected, `rephrase config checks.{most}` explains the check"
    return UserError(what, where=error.where, cure=f"{look}{notice}; or {error.cure}")
