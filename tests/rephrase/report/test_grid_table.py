"""Grids as tables: the cells and their sums, for the plan and the report."""

from __future__ import annotations

from typing import Any

import pytest

from rephrase.cli.main import main
from rephrase.mixing.component import Component
from rephrase.report.grid_table import folded, grid_table


def component_of(**settings: Any) -> Component:
    return Component.model_validate({"origin": "original", "share": 1, **settings})


def entry(component: Component, tokens: int, **cell: Any) -> dict[str, Any]:
    name = f"{component.name}: {cell}" if cell else component.name
    counts = {"available_rows": 2, "available_tokens": 100, "rows": 1, "tokens": tokens, "repeated_tokens": max(tokens - 100, 0)}
    return {"name": name, "share": 0.25, **counts, "epochs": tokens / 100, "cell": cell}


GRID = component_of(by=[{"score": "quality", "quantiles": 2}, "topic"])
CELLS = [
    entry(GRID, 50, quality=1, topic="sports"),
    entry(GRID, 250, quality=2, topic="sports"),
    entry(GRID, 100, quality=2, topic=None),
    entry(GRID, 0, quality=None, topic=None),
]


def test_a_score_stands_across_with_the_sums_of_rows_and_columns() -> None:
    grid = grid_table(GRID, CELLS)
    assert grid is not None
    assert grid.title == "original by topic and quality: tokens that are taken, and how often"
    assert grid.heads == ("topic", "1", "2", "no quality", "tokens there", "tokens", "repeated")
    assert grid.rows == [
        ["sports", "50 0.50 x", "250 2.50 x", "", "200", "300", "50%"],
        ["no topic", "", "100 1.00 x", "0 0 x", "200", "100", "0%"],
    ]
    assert grid.total == ["all", "50 0.50 x", "350 1.75 x", "0 0 x", "400", "400", "38%"]


def test_where_columns_are_many_cells_have_their_epochs_alone() -> None:
    vigintiles = component_of(by=["topic", {"score": "quality", "quantiles": 20}])
    grid = grid_table(vigintiles, [entry(vigintiles, step, quality=step, topic="a") for step in range(1, 21)])
    assert grid is not None
    assert grid.rows[0][1:4] == ["0.01", "0.02", "0.03"]


def test_what_is_no_table_is_a_list() -> None:
    three = component_of(by=["source", "topic", {"score": "edu", "edges": [2]}])
    cells = [entry(three, 10, source="a", topic="b", edu=1)]
    one = Component.model_validate({"recipe": "wrap/*", "share": 1})
    assert folded([three, one], [*cells, entry(one, 5)]) == ([*cells, entry(one, 5)], [])
    shown, tables = folded([GRID, one], [*CELLS, entry(one, 5)])
    assert [(each["name"], each["tokens"], each["epochs"]) for each in shown] == [("original", 400, 1.0), ("wrap/*", 5, 0.05)]
    assert tables == [(GRID, CELLS)]


def test_json_is_of_the_plan_alone(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.yaml").write_text("output: out\ninput: {paths: [a.jsonl]}\ntokenizer: t\nengine: {kind: echo}\nrecipes: [wrap/easy]\n")
    with pytest.raises(SystemExit):
        main(["mix", str(tmp_path / "run.yaml"), "--json"])
    assert "add --plan" in capsys.readouterr().err
