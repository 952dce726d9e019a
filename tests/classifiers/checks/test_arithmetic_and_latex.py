from __future__ import annotations

import numpy as np
import pytest

from classifiers.checks.arithmetic import Arithmetic, ArithmeticSettings
from classifiers.checks.latex import LatexCheck, LatexSettings
from tests.classifiers.batches import batch

TEXTS = ["So 3 + 4 = 7.", "So 3 + 4 = 7, and 2 × 3 = 7.", "No numbers.", None, " "]
FORMULAS = ["Let $x$ be $\\frac{1}{2}$.", "Let $x$ be $\\frac{1}{2$, and \\(y.", "No formula.", None]


@pytest.mark.parametrize(
    ("settings", "keep"),
    [
        ({}, [True, False, True, True, True]),
        ({"max_wrong": None}, [True, True, True, True, True]),
        ({"max_wrong": None, "max_wrong_share": 0.4}, [True, False, True, True, True]),
        ({"max_wrong": 1, "max_wrong_share": 0.5}, [True, True, True, True, True]),
    ],
)
def test_texts_that_calculate_wrongly_are_rejected(settings: dict[str, object], keep: list[bool]) -> None:
    result = Arithmetic("arithmetic", ArithmeticSettings(**settings))(batch(TEXTS))
    np.testing.assert_array_equal(result.scores["arithmetic.statements"], [1, 2, 0, np.nan, np.nan])
    np.testing.assert_array_equal(result.scores["arithmetic.wrong"], [0, 1, 0, np.nan, np.nan])
    assert result.keep.tolist() == keep


@pytest.mark.parametrize(
    ("settings", "keep"),
    [
        ({}, [True, False, True, True]),
        ({"max_faults": None, "max_fault_share": 1}, [True, True, True, True]),
        ({"max_faults": None, "max_fault_share": 0.5}, [True, False, True, True]),
        ({"min_formulas": 1}, [True, False, False, True]),
    ],
)
def test_texts_whose_latex_is_broken_are_rejected(settings: dict[str, object], keep: list[bool]) -> None:
    result = LatexCheck("latex", LatexSettings(**settings))(batch(FORMULAS))
    np.testing.assert_array_equal(result.scores["latex.formulas"], [2, 2, 0, np.nan])
    np.testing.assert_array_equal(result.scores["latex.brace"], [0, 1, 0, np.nan])
    np.testing.assert_array_equal(result.scores["latex.delimiter"], [0, 1, 0, np.nan])
    assert result.keep.tolist() == keep
