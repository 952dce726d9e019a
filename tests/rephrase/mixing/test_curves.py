"""Curves of quality: the published one, in each of its cells; and what every curve keeps to."""

from __future__ import annotations

import csv
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from rephrase.errors import UserError
from rephrase.mixing.component import Component
from rephrase.mixing.curve import Solved, solve
from rephrase.mixing.grid import Cell
from rephrase.mixing.parts import parts_of
from rephrase.settings.validation import validate
from tests.places import ROOT

ROWS = list(csv.DictReader((ROOT / "tests" / "data" / "olmo3_curve.csv").open()))
"""What mixing_dashboard.ipynb of github.com/allenai/dolma3 has of each topic and vigintile, and takes of it (Apache-2.0)."""


def component_of(**settings: object) -> Component:
    component: Component = validate(Component, {"share": 1, **settings}, "mix.components")
    return component


def test_the_curve_of_olmo_3_takes_what_was_published() -> None:
    taken = [int(row["taken"]) for row in ROWS]
    topics = {row["topic"]: 0 for row in ROWS}
    for row, count in zip(ROWS, taken, strict=True):
        topics[row["topic"]] += count
    component = component_of(
        by=["topic", {"score": "quality", "edges": [*range(1, 20)]}],
        weights=[{"topic": topic, "weight": count} for topic, count in topics.items()],
        curve={"drop_below": 0.4, "max_epochs": 7},
    )
    cells: list[Cell] = [(row["topic"], int(row["quality"])) for row in ROWS]
    available = [int(row["tokens"]) for row in ROWS]
    parts = parts_of(component, cells, available, Fraction(sum(taken)), skip_empty=False)
    assert sum(parts) == 1
    assert (len(topics), sum(1 for part in parts if part)) == (24, 201)
    for part, count in zip(parts, taken, strict=True):
        assert float(part * sum(taken)) == pytest.approx(count, rel=2e-6, abs=12)
    most = max(float(part * sum(taken) / count) for part, count in zip(parts, available, strict=True))
    assert most == pytest.approx(7)


SPREAD = [500, 700, 900, 1100, 1300, 1500, 900, 700, 1300, 1100]


@pytest.mark.parametrize("shape", ["power-exponential", "flat"])
@pytest.mark.parametrize("dropped", [0, 4])
@pytest.mark.parametrize("epochs", [0.01, 0.5, 1, 2.5, 3.1, "all"])
def test_curves_give_the_tokens_and_rise_up_to_the_most_epochs(shape: str, dropped: int, epochs: float | str) -> None:
    most, kept = Fraction(7), sum(SPREAD[dropped:])
    target = kept * most if epochs == "all" else Fraction(str(epochs)) * kept
    solved = solve(SPREAD, dropped, target, most, shape)
    assert solved is not None
    taken = [count * of for count, of in zip(SPREAD, solved.epochs, strict=True)]
    assert sum(taken) == target
    assert [epoch == 0 for epoch in solved.epochs] == [True] * dropped + [False] * (10 - dropped)
    assert all(later >= before for before, later in pairwise(solved.epochs))
    assert solved.epochs[-1] <= most
    assert [float(count) for count in taken] == pytest.approx(integrated(solved, SPREAD), rel=1e-4, abs=1e-4)
    assert solve(SPREAD, dropped, kept * most + 1, most, shape) is None


def integrated(solved: Solved, tokens: list[int]) -> list[float]:
    """Tokens of each step by numeric integration of the curve, as its parameters say it."""
    ends, points = np.concatenate([[0], np.cumsum(tokens)]) / sum(tokens), 20_000
    taken = []
    for low, high in pairwise(ends):
        x = low + (np.arange(points) + 0.5) * (high - low) / points - solved.start
        curve = np.where(x > 0, solved.factor * np.abs(x) ** solved.power * np.exp(solved.rate * x), 0)
        taken.append(float(curve.mean() * (high - low) * sum(tokens)))
    return taken


def test_the_steepest_curve_reaches_the_most_epochs_where_the_tokens_ask_for_it() -> None:
    few, many = (solve(SPREAD, 4, Fraction(count), Fraction(7)) for count in (1_000, 20_000))
    assert few is not None
    assert many is not None
    assert (few.power, few.rate) == (2.0, 0.2)  # the bounds of the shape: the highest step is not near its bound
    assert float(many.epochs[-1]) == pytest.approx(7)
    assert many.power < 2


BY: list[object] = ["topic", {"score": "quality", "quantiles": 5}]
CELLS: list[Cell] = [(topic, step) for topic in ("science", "sports") for step in (1, 2, 3, 4, 5)] + [("sports", None)]
TOKENS = [100] * 5 + [60] * 5 + [40]


def test_topics_share_by_their_tokens_or_by_weights_and_texts_without_a_score_give_nothing() -> None:
    by_tokens = component_of(by=BY, curve={})
    parts = parts_of(by_tokens, CELLS, TOKENS, Fraction(800), skip_empty=False)
    assert sum(parts) == 1
    assert sum(parts[:5]) == Fraction(500, 800)
    assert parts[10] == 0
    assert [part == 0 for part in parts[:5]] == [True, True, False, False, False]
    weighed = component_of(by=BY, curve={}, weights=[{"topic": "sports", "weight": 3}], others=1)
    parts = parts_of(weighed, CELLS, TOKENS, Fraction(800), skip_empty=False)
    assert sum(parts[:5]) == Fraction(1, 4)


def test_a_curve_that_cannot_give_its_tokens_says_what_would_fit() -> None:
    component = component_of(by=BY, curve={"max_epochs": 2})
    with pytest.raises(UserError) as caught:
        parts_of(component, CELLS, TOKENS, Fraction(1600), skip_empty=False)
    line = caught.value.line()
    assert (
        "the curve of `everything` shall give 1,000 tokens of topic science, and 300 are left of them, which are taken 2 times at most"
        in line
    )
    assert "so it is with topic sports" in line
    assert "(give `everything` at most 960 tokens, set max_epochs to at least 3.334, or drop less)" in line
    fits = parts_of(component, CELLS, TOKENS, Fraction(960), skip_empty=False)
    assert max(float(part * 960 / count) for part, count in zip(fits, TOKENS, strict=True)) <= 2
