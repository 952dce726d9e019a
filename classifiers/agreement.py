"""People's marks beside the verdicts of the checks: how far they agree, and which bound of a score would agree best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from classifiers.checks import checks
from classifiers.fasttext.metrics import Line, auc, best_line
from rephrase.errors import UserError
from rephrase.readers.plain_rows import rows_of
from rephrase.records import KEEP


@dataclass(frozen=True, slots=True)
class Rejections:
    """Marked rows that a check has rejected, and how many of them people call good."""

    rejected: int
    good: int


@dataclass(frozen=True, slots=True)
class Bound:
    """The bound of a score with the highest F1 against the marks, and the line of a config that sets it."""

    score: str
    rows: int
    """Marked rows that have the score."""
    line: Line
    """With `threshold` as the bound; for an upper bound the rows at or below it are kept."""
    yaml: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """Verdicts against marks."""

    good: int
    bad: int
    accuracy: float
    """Share of rows that are kept and called good, or rejected and called bad."""
    kappa: float | None
    """Agreement beyond chance (Cohen 1960): 1 is full, 0 that of chance. None where chance alone makes all agree."""
    rejections: dict[str, Rejections]
    bound: Bound | None


def compare(marks: str, rows: str, *, score: str | None = None) -> Agreement:
    """Compare marks, JSON lines of `id` and `mark` ("good" or "bad"), with the rows that `review.export` wrote. Both are paths or globs.

    The last mark of a row counts. Raises `UserError`, with file and row, for marks of other values and of unknown ids; and for
    a score that no marked row has, or whose rows have marks of one kind only.
    """
    by_id = {_value(record, "id", place): record for place, record in rows_of([rows])}
    marks_by_id: dict[str, bool] = {}
    for place, record in rows_of([marks]):
        row_id, mark = _value(record, "id", place), _value(record, "mark", place)
        if mark not in ("good", "bad"):
            raise UserError(f"the mark is {mark!r}", where=place, cure="marks are good and bad")
        if row_id not in by_id:
            raise UserError(f"no row has the id {row_id!r}", where=place, cure=f"give the rows that were marked; these are {rows}")
        marks_by_id[row_id] = mark == "good"
    if not marks_by_id:
        raise UserError("there are no marks", where=marks, cure="mark texts on the page, and download the marks")
    good = np.array(list(marks_by_id.values()))
    verdicts = [str(_value(by_id[row_id], "verdict", rows)) for row_id in marks_by_id]
    keep = np.array([verdict == KEEP for verdict in verdicts])
    accuracy = float((keep == good).mean())
    chance = float(keep.mean() * good.mean() + (1 - keep.mean()) * (1 - good.mean()))
    rejections = {}
    for name in sorted(set(verdicts) - {KEEP}):
        own = np.array([verdict == name for verdict in verdicts])
        rejections[name] = Rejections(int(own.sum()), int((own & good).sum()))
    return Agreement(
        good=int(good.sum()),
        bad=int((~good).sum()),
        accuracy=accuracy,
        kappa=None if chance == 1 else (accuracy - chance) / (1 - chance),
        rejections=rejections,
        bound=_bound(score, marks_by_id, by_id, marks) if score else None,
    )


def _bound(score: str, marks_by_id: dict[str, bool], by_id: dict[str, Any], where: str) -> Bound:
    pairs = [(by_id[row_id].get("scores", {}).get(score), good) for row_id, good in marks_by_id.items()]
    values = np.array([value for value, _ in pairs if value is not None], np.float64)
    truth = np.array([good for value, good in pairs if value is not None])
    if not len(values):
        names = sorted({name for row_id in marks_by_id for name in by_id[row_id].get("scores", {})})
        raise UserError(f"no marked row has the score `{score}`", where=where, cure=f"scores: {', '.join(names)}")
    if truth.all() or not truth.any():
        raise UserError(f"all rows with the score `{score}` have the same mark", where=where, cure="mark more texts")
    upper = auc(truth, values) < 0.5  # good texts score low: the check needs a `max`
    line = best_line(truth, -values if upper else values)
    threshold = abs(line.threshold) if line.threshold == 0 else -line.threshold if upper else line.threshold
    line = line.model_copy(update={"threshold": threshold})
    return Bound(score, len(values), line, _yaml(score, threshold, "max" if upper else "min"))


def _yaml(score: str, threshold: float, side: str) -> str:
    """The check with its bound. A score `length.ratio` is bounded by `min_ratio`, one `repetition.top_2gram` by a setting of that name."""
    check, _, field = score.partition(".")
    value = np.format_float_positional(threshold, trim="-")  # exact, and without an exponent, which YAML reads as a string
    setting = f"{side}_{field}" if field else side
    known = checks.find(check).Settings.model_fields if check in checks else {setting}
    if setting not in known:
        if side != "max" or field not in known:
            return f"# `{check}` has no setting `{setting}`; the bound would be {value}"
        setting = field
    return f"{check}: {{{setting}: {value}}}"


def _value(record: Any, field: str, place: str) -> Any:
    if not isinstance(record, dict) or field not in record:
        raise UserError(f"the row has no `{field}`", where=place, cure="give the files of `review export` and of its page, in this order")
    return record[field]
