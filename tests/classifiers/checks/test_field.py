from __future__ import annotations

import numpy as np
import pytest

from classifiers.checks.field import FieldCheck, FieldSettings
from tests.classifiers.batches import REWRITE, batch

FIELDS = ['{"score": 5, "judge": {"style": 2}}', '{"score": 3}', '{"score": "4"}', '{"score": "good"}', '{"score": [4]}', "[1]", None]


def run(**settings: object) -> tuple[list[float], list[bool]]:
    result = FieldCheck("judge", FieldSettings(**settings))(batch([REWRITE] * len(FIELDS), fields=FIELDS))
    return result.scores["judge"].tolist(), result.keep.tolist()


def test_rows_below_the_bound_are_rejected_and_rows_without_the_number_are_not():
    scores, keep = run(min=4)
    np.testing.assert_array_equal(scores, [5, 3, 4, np.nan, np.nan, np.nan, np.nan])
    assert keep == [True, False, True, True, True, True, True]
    assert run(max=4)[1] == [False, True, True, True, True, True, True]


@pytest.mark.parametrize(("field", "first"), [("judge.style", 2.0), ("judge.nothing", np.nan), ("score.style", np.nan)])
def test_a_dot_goes_into_an_object(field, first):
    np.testing.assert_array_equal(run(field=field)[0], [first] + [np.nan] * (len(FIELDS) - 1))


@pytest.mark.parametrize(
    "fields", ['{"score": "inf"}', '{"score": "-Infinity"}', '{"score": "nan"}', '{"score": "1e999"}', '{"score":', "[" * 3000]
)
def test_what_is_no_finite_number_is_no_score(fields):
    result = FieldCheck("judge", FieldSettings(min=4))(batch([REWRITE], fields=[fields]))
    assert np.isnan(result.scores["judge"]).all()
