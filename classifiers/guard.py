"""One guard around every check: a text on which a check fails is rejected by it, and costs no other row."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from classifiers.batch import Check, CheckResult, Flags, JudgeBatch, Scores
from rephrase.errors import UserError
from rephrase.text.panics import panics_as_errors

_log = logging.getLogger(__name__)


def guarded(check: Check, batch: JudgeBatch) -> CheckResult:
    """What the check says of the rows. One on which it raises anything is not kept, and has the score `NAME.error.EXCEPTION` alone, of 1.

    `UserError` is raised on: it is about the check, not about a row.
    """
    try:
        return _checked(check, batch)
    except UserError:
        raise
    except Exception:  # noqa: BLE001  # whatever a text made it raise: the row is found below
        return _one_by_one(check, batch)


def failures(check: str, scores: Mapping[str, Scores], rows: int) -> Flags:
    """The rows on which the check of this name failed, by what `guarded` left among the scores."""
    failed: Flags = np.zeros(rows, np.bool_)
    for name, values in scores.items():
        if name.startswith(f"{check}.error."):
            failed |= ~np.isnan(values)
    return failed


def verdict_of_failure(check: str) -> str:
    """The verdict of rows that are rejected because the check failed on them."""
    return f"error:{check}"


def _one_by_one(check: Check, batch: JudgeBatch) -> CheckResult:
    scores: dict[str, Scores] = {}
    keep: Flags = np.ones(len(batch), np.bool_)
    for row in range(len(batch)):
        try:
            result = _checked(check, batch.rows([row]))
            values = {name: float(score[0]) for name, score in result.scores.items()}
            keep[row] = result.keep[0]
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001  # one text must not end a run
            _log.warning("the check `%s` fails on a text: %r", check.name, error)
            values, keep[row] = {f"{check.name}.error.{type(error).__name__}": 1.0}, False
        for name, value in values.items():
            scores.setdefault(name, np.full(len(batch), np.nan))[row] = value
    return CheckResult(scores, keep)


@panics_as_errors()  # of the tokenizer of a model, for example
def _checked(check: Check, batch: JudgeBatch) -> CheckResult:
    result = check(batch)
    sizes = {len(values) for values in (result.keep, *result.scores.values())}
    if sizes != {len(batch)}:
        raise ValueError(f"its arrays have {sorted(sizes)} elements for {len(batch)} rows")
    return result
