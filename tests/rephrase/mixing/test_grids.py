"""Grids: the cells of texts, the bounds of quantiles, and weights from tables."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rephrase.errors import UserError
from rephrase.mixing.cells import cells_of
from rephrase.mixing.component import Component
from rephrase.mixing.grid import Cell, Steps
from rephrase.mixing.parts import max_epochs_of, parts_of
from rephrase.mixing.pools import Pool
from rephrase.mixing.quantiles import Bounds, bins_of, bounds_by_cell, bounds_of, lowest_of
from rephrase.mixing.settings import Mix
from rephrase.mixing.targets import curves_of, targets_of
from rephrase.records import LABELS
from rephrase.settings.validation import validate

QUALITY: dict[str, Any] = {"score": "quality", "quantiles": 4}
TOPICS: dict[str, Any] = {"share": 1, "by": ["topic", QUALITY]}


def component_of(base: Path | None = None, **settings: Any) -> Component:
    component: Component = validate(Component, {"share": 1, **settings}, "mix.components", base=base)
    return component


def test_cells_are_of_sources_labels_and_steps() -> None:
    table = pa.table(
        {
            "source": ["web", "wiki", None, "web"],
            "labels": pa.array([[("topic", "science")], [("genre", "news")], None, [("topic", "sports")]], LABELS),
            "scores": pa.array([[("edu", score)] for score in (0.1, 0.2, float("nan"), 0.7)], pa.map_(pa.string(), pa.float64())),
        }
    )
    by = component_of(by=["source", "topic", {"score": "edu", "edges": [0.2, 0.5]}]).by
    codes, cells = cells_of(table, by)
    assert [cells[code] for code in codes] == [("web", "science", 1), ("wiki", None, 2), (None, None, None), ("web", "sports", 3)]
    by = component_of(by=[{"score": "edu", "quantiles": 2}, "source"]).by
    codes, cells = cells_of(table, by, {("web",): Bounds((1, 2), (0.5,))})
    assert [cells[code] for code in codes] == [(1, "web"), (None, "wiki"), (None, None), (2, "web")]


@pytest.mark.parametrize("scale", [1e-9, 1.0, -3.0, 1e12])
def test_quantiles_are_of_equal_tokens_to_a_thousandth_of_the_score(scale: float) -> None:
    dice = np.random.default_rng(2)
    scores, tokens = dice.random(50_000) * scale, dice.integers(1, 1000, 50_000)
    bins, places = np.unique(bins_of(scores), return_inverse=True)
    bounds = bounds_of(bins, np.bincount(places, tokens).astype(np.int64), 20)
    assert bounds.steps == tuple(range(1, 21))
    order = np.argsort(scores)
    exact = scores[order][np.searchsorted(np.cumsum(tokens[order]), np.arange(1, 20) / 20 * tokens.sum())]
    elsewhere = bounds.steps_of(scores) != np.searchsorted(exact, scores) + 1
    off = np.abs(scores[elsewhere, None] - exact).min(axis=1)
    assert np.all(off <= np.abs(scores[elsewhere]) / 1000)
    shares = np.bincount(bounds.steps_of(scores), tokens)[1:] / tokens.sum()
    assert np.abs(shares - 0.05).max() < 0.002
    assert np.all(np.diff(lowest_of(np.sort(bins))) > 0)


def test_texts_of_one_score_stay_in_one_step() -> None:
    bounds = bounds_of(bins_of(np.array([3.0, 0.0, 1.0])), np.array([10, 60, 30]), 10)
    assert bounds == Bounds((4, 8, 10), (1.0, 3.0))
    assert bounds.steps_of(np.array([-5.0, 0.0, 0.99, 1.0, 2.9, 3.0, 9.0])).tolist() == [4, 4, 4, 8, 8, 10, 10]
    cells: list[Cell] = [("a", 4), ("a", 8), ("a", 10), ("a", None), ("b", 2)]
    found = bounds_by_cell(cells, [None, 1.0, 3.0, None, None], 1)
    assert found == {("a",): bounds, ("b",): Bounds((2,), ())}


WEIGHTS = {"science": 3, "sports": 1}
CSV = "topic, quality, weight, max_epochs\n" + "".join(f"{t},{q},{w * q},{q or ''}\n" for t, w in WEIGHTS.items() for q in (1, 2, 3, 4))
YAML = "".join(f"- {{topic: {t}, quality: {q}, weight: {w * q}, max_epochs: {q}}}\n" for t, w in WEIGHTS.items() for q in (1, 2, 3, 4))
FIT = "components:\n" + "".join(f"  - {{origin: original, labels: {{topic: {t}}}, share: {w / 4}}}\n" for t, w in WEIGHTS.items())
CELLS: list[Cell] = [(topic, step) for topic in WEIGHTS for step in (1, 2, 3, 4)]


@pytest.mark.parametrize(("name", "text"), [("grid.csv", CSV), ("grid.yaml", YAML)])
def test_weights_come_from_files(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    component = component_of(tmp_path, by=["topic", QUALITY], weights=name)
    parts = parts_of(component, CELLS, [10] * 8, None, skip_empty=False)
    assert parts == [Fraction(weight * step, 40) for weight in WEIGHTS.values() for step in (1, 2, 3, 4)]
    mix = Mix.model_construct(components=[component], phases=[])
    assert max_epochs_of(mix, [Pool(0, cell) for cell in CELLS]) == [1, 2, 3, 4] * 2
    assert component_of(by=["topic", QUALITY], weights=component.weights) == component  # what the manifest has is the numbers


def test_weights_come_from_a_fit(tmp_path: Path) -> None:
    (tmp_path / "proposed.yaml").write_text(FIT)
    cells: list[Cell] = [("science",), ("sports",), (None,)]
    for settings in ({"split_by": "topic"}, {"by": ["topic"]}):
        component = component_of(tmp_path, weights="proposed.yaml", others=0, **settings)
        assert parts_of(component, cells, [5, 90, 7], None, skip_empty=False) == [Fraction(3, 4), Fraction(1, 4), 0]


def test_labels_may_be_numbers(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("- {topic: 2024, weight: 3}\n- {topic: 12345678, weight: 1}\n- {topic: 0.12345678, weight: 0}\n")
    cells: list[Cell] = [("2024",), ("12345678",), ("0.12345678",)]
    component = component_of(tmp_path, by=["topic"], weights="grid.yaml")
    assert parts_of(component, cells, [1, 1, 1], None, skip_empty=False) == [Fraction(3, 4), Fraction(1, 4), 0]


def test_weights_that_do_not_match_the_texts_are_refused() -> None:
    rows = [{"topic": "science", "weight": 1}, {"topic": "games", "weight": 1}]
    component, cells = component_of(by=["topic"], weights=rows), [("science",), ("sports",), (None,)]
    with pytest.raises(UserError, match=r"has no row for topic sports; no topic \(add rows, or `others: 0`"):
        parts_of(component, cells, [1, 1, 1], None, skip_empty=False)
    component = component.model_copy(update={"others": 1.0})
    with pytest.raises(UserError, match=r"has a weight for topic games, where no text is"):
        parts_of(component, cells, [1, 1, 1], None, skip_empty=False)
    assert parts_of(component, cells, [1, 1, 1], None, skip_empty=True) == [Fraction(1, 3)] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("topic,weight\nscience,1,2\n", "grid.csv, line 2`: the line has not the 2 columns of the first"),
        ("topic,weight\nscience,much\n", "grid.csv, line 2`: `much` in column weight is no number"),
        ("topic,wait\nscience,1\n", "row 1 of `weights` has no `weight`"),
        ("topic,depth,weight\nscience,3,1\n", "row 1 of `weights` has `depth`, which `by` does not divide by"),
        ("topic,weight\nscience,-1\n", "row 1 of `weights` has the weight `-1.0` (write a number of 0 or more"),
        ("topic,weight\n", "grid.csv`: there are no rows (write a line for each cell"),
        ("", "grid.csv`: there are no rows"),
        ("topic,topic,weight\nscience,sports,1\n", "grid.csv, line 1`: two columns are called `topic`"),
        ("topic,weight\nscience,0\n", "`weights` gives no cell a weight above 0"),
        ("topic,weight\nscience,1\nscience,2\n", "row 2 of `weights` is of topic science, as one before it"),
        ("topic,weight,max_epochs\nscience,1,0\n", "row 1 of `weights` has the max_epochs `0.0`"),
    ],
)
def test_wrong_files_are_told_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "grid.csv").write_text(text)
    with pytest.raises(UserError) as caught:
        component_of(tmp_path, by=["topic"], weights="grid.csv")
    assert message in caught.value.line()


CURVE: dict[str, Any] = {"curve": {}}


@pytest.mark.parametrize(
    ("component", "message"),
    [
        ({"by": ["topic", "topic"]}, "`topic` stands twice in `by`"),
        ({"by": ["topic"], "split_by": "source"}, "has `split_by` and `by`"),
        ({"by": [QUALITY, {"score": "edu", "quantiles": 3}]}, "two scores are cut by `quantiles`"),
        ({"by": [{"score": "edu"}]}, "needs either `quantiles` or `edges`"),
        ({"by": [{"score": "edu", "edges": [0.5, 0.2]}]}, "the edges of `edu` are not ascending: 0.5, 0.2"),
        ({"by": ["topic"], **CURVE}, "a curve goes by a score, and `by` has none (add {score: quality, quantiles: 20} to `by`"),
        ({"by": ["topic", QUALITY], "curve": {"score": "qualty"}}, "the curve goes by `qualty`, which `by` lacks (did you mean `quality`"),
        ({"by": ["topic", QUALITY], "curve": {"shape": "flatt"}}, "there is no shape `flatt` (did you mean `flat`"),
        ({"by": ["topic", QUALITY], "max_epochs": 2, **CURVE}, "has a `max_epochs` of its own"),
        ({"by": ["topic", QUALITY], **CURVE}, "follows from its tokens, and the mixture has no number (add `budget_tokens`"),
        ({"by": [QUALITY], "weights": [{"weight": 1}], **CURVE}, "a curve is over the only dimension of `by`"),
        ({"weights": [{"topic": "a", "weight": 1}]}, "`weights` divides a component, and `everything` is not divided"),
        ({"by": ["topic"], "others": 0}, "`others` is the weight of cells that `weights` lacks, and there is none"),
        ({"by": ["topic"], "weights": [{"topic": "a", "weight": 1}], "temperature": 2}, "has `weights` and a `temperature`"),
        ({"by": [QUALITY], "weights": [{"quality": 5, "weight": 1}]}, "has `5` as its step of `quality` (the steps are counted from 1"),
        ({"by": ["topic"], "weights": "absent.csv"}, "absent.csv`: there is no such file"),
    ],
)
def test_grids_that_contradict_themselves_are_refused(component: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        validate(Mix, {"components": [{"share": 1, **component}]}, "mix")
    assert message in caught.value.line()


def test_a_curve_is_refused_beside_pairing() -> None:
    halves = [{"origin": "original", "share": 0.5, "by": [QUALITY], **CURVE}, {"origin": "synthetic", "share": 0.5}]
    with pytest.raises(UserError, match="`pairing` leaves texts out once they are drawn"):
        validate(Mix, {"components": halves, "pairing": "both", "budget_tokens": 100}, "mix")


def test_a_cell_that_is_short_is_named_with_its_epochs_and_what_would_fit() -> None:
    rows = [{"topic": "science", "weight": 3, "max_epochs": 2}, {"topic": "sports", "weight": 1}]
    mix = validate(Mix, {"components": [{"origin": "original", "by": ["topic"], "weights": rows, "share": 1}], "budget_tokens": 400}, "mix")
    pools = [Pool(0, ("science",)), Pool(0, ("sports",))]
    assert targets_of(mix, pools, [150, 100]) == [[300, 100]]
    with pytest.raises(UserError) as caught:
        targets_of(mix, pools, [140, 90])
    line = caught.value.line()
    assert (
        "`original from science` shall give 300 tokens and has 140 x 2 epochs; `original from sports` shall give 100 tokens and has 90"
        in line
    )
    assert "set budget_tokens to at most 360, or max_epochs to at least 2.143 for `original from science`" in line
    without = mix.model_copy(update={"budget_tokens": None})
    assert targets_of(without, pools, [140, 90]) == [[270, 90]]


def test_phases_share_one_curve() -> None:
    component = {"by": [QUALITY], "curve": {"drop_below": 0.25, "max_epochs": 4}, "share": 1}
    mix = validate(Mix, {"phases": [{"tokens": 300, "components": [component]}, {"tokens": 500, "components": [component]}]}, "mix")
    first, second = targets_of(mix, [Pool(0, (step,)) for step in (1, 2, 3, 4)], [100] * 4)
    assert first[0] == second[0] == 0
    assert (sum(first), sum(second)) == (300, 500)
    assert [a + b <= 400 for a, b in zip(first, second, strict=True)] == [True] * 4
    assert [round(b / a, 1) for a, b in zip(first[1:], second[1:], strict=True)] == [1.7] * 3
    [solved] = curves_of(mix, [Pool(0, (step,)) for step in (1, 2, 3, 4)], [100] * 4)
    assert (solved["cell"], solved["start"]) == ({}, 0.25)
    other = component | {"curve": {"drop_below": 0.5, "max_epochs": 4}}
    phases = [{"tokens": 300, "components": [component]}, {"tokens": 500, "components": [other]}]
    with pytest.raises(UserError, match="phases give `everything`, which is one pool of texts, different `curve`"):
        validate(Mix, {"phases": phases}, "mix")


def test_pools_are_named_by_their_cells() -> None:
    component = component_of(origin="original", by=["topic", QUALITY])
    assert [Pool(0, cell).label(component) for cell in [("science", 4), (None, None), ()]] == [
        "original: topic science, quality 4/4",
        "original: no topic, no quality",
        "original",
    ]
    assert Pool(0, (None,)).label(component_of(split_by="source")) == "everything from no source"
    assert Steps(score="edu", edges=[1]).steps == 2
