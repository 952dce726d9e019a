"""Verdicts for other thresholds from the scores that were kept: no text is read and no model is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from classifiers.batch import Scores
from classifiers.cascade import UNPARSED, Cascade
from classifiers.guard import failures, verdict_of_failure
from rephrase.records import INTERMEDIATE, KEEP


def rejudged(judged: pa.Table, cascade: Cascade) -> np.ndarray[Any, Any]:
    """The verdict of each row under the checks of `cascade`, from the columns recipe, source, verdict and scores. Shape (rows,), strings.

    A check that did not run when the scores were made rejects nothing: its scores are unknown.
    """
    recipes = np.array(judged.column("recipe").to_pylist(), object)
    before = np.array(judged.column("verdict").to_pylist(), object)
    origins = judged.column("source").to_pylist()
    scores = score_arrays(judged)
    verdicts = np.full(len(before), KEEP, object)
    for recipe in set(recipes):
        rows = np.flatnonzero(recipes == recipe)
        for check in reversed(cascade.checks(recipe)):  # the first that fails is written last
            part = _ScoresOfRows({name: values[rows] for name, values in scores.items()}, len(rows))
            keep = check.keep(part, [origins[row] for row in rows])
            verdicts[rows[~keep]] = check.name
            verdicts[rows[failures(check.name, part, len(rows))]] = verdict_of_failure(check.name)
    # No threshold gives a text to rows that have none.
    blank = (before == UNPARSED) | (scores.get(UNPARSED, np.ones(len(before))) == 0)
    verdicts[blank & (verdicts == KEEP)] = UNPARSED
    verdicts[before == INTERMEDIATE] = INTERMEDIATE
    return verdicts


def score_arrays(judged: pa.Table) -> dict[str, Scores]:
    """The column of scores as one array a name, NaN where a row lacks it."""
    column = judged.column("scores").combine_chunks()
    parts = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    arrays: dict[str, Scores] = {}
    at = 0
    for part in parts:
        offsets = part.offsets.to_numpy()
        rows = np.repeat(np.arange(len(part)), np.diff(offsets)) + at
        names = part.keys[offsets[0] : offsets[-1]].dictionary_encode() if len(part) else None
        if names is not None:
            values = part.items[offsets[0] : offsets[-1]].to_numpy(zero_copy_only=False)
            codes = names.indices.to_numpy(zero_copy_only=False)
            for code, name in enumerate(names.dictionary.to_pylist()):
                arrays.setdefault(name, np.full(judged.num_rows, np.nan))[rows[codes == code]] = values[codes == code]
        at += len(part)
    return arrays


class _ScoresOfRows(dict[str, Scores]):
    """The scores of some rows; a score that no row of the table has is NaN for all."""

    def __init__(self, scores: Mapping[str, Scores], rows: int) -> None:
        super().__init__(scores)
        self._rows = rows

    def __missing__(self, name: str) -> Scores:
        return np.full(self._rows, np.nan)
