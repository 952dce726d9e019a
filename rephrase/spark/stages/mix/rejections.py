"""What to say where a mixture has no generations, or too few: what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.notes import GenerationsNote, JudgedNote
from rephrase.records import INTERMEDIATE, KEEP
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.cut import about_cut, cut_answers
from rephrase.spark.stages.unit_notes import kept_and_rejected, sum_of_notes, unit_notes

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.mixing.targets import NoTextError


def explained(error: NoTextError, run: Run) -> UserError:
    """The error, with what rejected the generations and how to see them, where few enough were kept for that to be the cause."""
    fate = _fate(run)
    if fate is None:
        return error
    kept, words, look = fate
    notice = "".join(f"; {notice}" for notice in run.all_engines.notices(run.filter.kinds)) if not kept else ""
    return UserError(f"{error.what}; {words}", where=error.where, cure=f"{look}{notice}; or {error.cure}")


def nothing_kept(run: Run) -> str | None:
    """A warning where generations were judged and none was kept, so that a mixture has originals alone; None where some were."""
    fate = _fate(run)
    return None if fate is None or fate[0] else f"warning: the mixture has originals alone: {fate[1]}; {fate[2]}"


def _fate(run: Run) -> tuple[int, str, str] | None:
    """How many generations the checks kept, the same in words, and how to see the others; None where they rejected none.

    None also for tables that no stage wrote: they can be mixed, and tell nothing of checks.
    """
    try:
        _, sums = sum_of_notes(run.output, Tables.JUDGED, JudgedNote)
    except UserError:
        return None
    kept, rejected = kept_and_rejected(sums.verdicts)
    counts = {verdict: count for verdict, count in sums.verdicts.items() if verdict not in (KEEP, INTERMEDIATE)}
    if not counts:
        return None
    most = max(counts, key=lambda verdict: counts[verdict])
    words = f"the checks kept {kept:,} of {kept + sum(counts.values()):,} generations (rejected by {rejected})"
    look = f"`rephrase show run.yaml --verdict {most}` shows what was rejected, `rephrase config checks.{most}` explains the check"
    notes = (unit_notes(run.output, Tables.GENERATIONS, GenerationsNote), unit_notes(run.output, Tables.JUDGED, JudgedNote))
    cut = None if kept else about_cut(run, cut_answers(run, *notes))
    look = f"{cut}; {look}" if cut else look
    return kept, words, look
