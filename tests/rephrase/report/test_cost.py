"""What the report tells of money, of rates beside benchmarks, and of the shares that were asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from rephrase import storage
from rephrase.cli.main import main
from rephrase.config.run import Run
from rephrase.mixing.settings import Mix
from rephrase.notes import GenerationsNote
from rephrase.planning.rates import published
from rephrase.report.asked import asked_shares
from rephrase.report.compare import compare
from rephrase.report.comparison import tables_of
from rephrase.report.cost import cost_of
from rephrase.report.figures import figures_of
from rephrase.report.realised import realised_of
from rephrase.report.report import write_report
from rephrase.report.sections.cost import costs
from rephrase.report.work import work_of
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.rewrite.spending import Spending
from rephrase.spark.stages.unit_notes import unit_notes
from tests.rephrase.report.made_run import REPLAY, STARTS, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return make_run(tmp_path_factory.mktemp("cost"), 2)


def notes_of(run: Run) -> list[GenerationsNote]:
    return unit_notes(run.output, Tables.GENERATIONS, GenerationsNote)


def with_vllm(run: Run, model: str) -> tuple[Run, list[GenerationsNote]]:
    """The run and its notes, had a vLLM engine with this model written."""
    engine: dict[str, Any] = {"kind": "vllm", "model": model, "tensor_parallel": 2}
    config = run.model_dump(mode="json", exclude_defaults=True, exclude={"engine"}) | {"engine": engine}
    return Run.model_validate(config), [replace(note, model=model) for note in notes_of(run)]


def test_the_hours_of_recipes_are_those_of_the_engines(run: Run) -> None:
    notes, figures = notes_of(run), figures_of(run)
    cost = cost_of(run, figures, notes, price=2.5, gpus=64)
    spending = Spending(run)
    for note in notes:
        spending.add(note)
    assert cost.gpu_hours is not None
    assert cost.gpu_hours * 3600 == pytest.approx(spending.gpu_seconds)
    assert sum(one.gpu_hours or 0 for one in cost.recipes) == pytest.approx(cost.gpu_hours)
    written, kept = figures.total.completion_tokens, figures.total.kept_tokens
    for one, recipe in zip(cost.recipes, figures.recipes, strict=True):
        share = recipe.completion_tokens / written
        assert one.gpu_hours_per_million == pytest.approx(share * cost.gpu_hours / recipe.kept_tokens * 1e6)
        assert one.money_per_million == pytest.approx(2.5 * share * cost.gpu_hours / recipe.kept_tokens * 1e6)
    assert cost.money == pytest.approx(2.5 * cost.gpu_hours)
    assert cost.days_per_billion == pytest.approx(cost.gpu_hours / kept * 1e9 / 64 / 24)
    assert cost_of(run, figures, notes).total.money_per_million is None, "nobody named a price"


def test_a_price_in_the_budget_counts_where_no_other_is_named(run: Run) -> None:
    priced = Run.model_validate(run.model_dump(mode="json", exclude_defaults=True) | {"budget": {"tokens": 10**9, "price": 3}})
    assert cost_of(priced, figures_of(run), notes_of(run)).price == 3
    assert cost_of(priced, figures_of(run), notes_of(run), price=4).price == 4


def test_what_others_wrote_has_no_hours_and_the_report_says_why(run: Run, tmp_path: Path) -> None:
    notes = [replace(note, engine=replace(note.engine, server=None, ready=None)) for note in notes_of(run)]
    cost = cost_of(run, figures_of(run), notes, price=2)
    assert (cost.gpu_hours, cost.money, cost.total.gpu_hours) == (None, None, None)
    assert "of the kind `replay`" in cost.elsewhere[REPLAY["model"]]
    mixed = [replace(note, model="judge") if note.recipe == "wrap/qa" else other for note, other in zip(notes, notes_of(run), strict=True)]
    cost = cost_of(run, figures_of(run), mixed, price=2)
    assert {one.recipe for one in cost.recipes if one.gpu_hours is None} == {"wrap/qa"}
    assert list(cost.elsewhere) == ["judge"]
    work = work_of(notes)
    assert work is not None
    assert work.engine_seconds is None
    assert work.to_json()["engines"][0]["is_server"] is False


def test_what_was_taken_over_is_reckoned_at_the_rate_of_this_run(run: Run) -> None:
    notes = notes_of(run)
    halves = [replace(note, reused=1, reused_tokens=note.completion_tokens // 2) for note in notes]
    first, second = (cost_of(run, figures_of(run), some).total.gpu_hours_per_million for some in (notes, halves))
    assert second == pytest.approx(2 * (first or 0), rel=0.01), "the same time gave half of the tokens"
    assert cost_of(run, figures_of(run), halves).taken_over == sum(note.reused_tokens for note in halves)


def test_rates_stand_beside_what_tune_measured_else_beside_what_is_published(run: Run, tmp_path: Path) -> None:
    vllm, notes = with_vllm(run, "Qwen/Qwen3-8B")
    [one] = realised_of(vllm, notes)
    work = work_of(notes)
    assert work is not None
    assert one.benchmark is not None
    assert one.benchmark.tokens_per_second == published()["models"]["Qwen3-8B"]["default"]
    assert "datatrove" in one.benchmark.source
    assert "44%" in one.benchmark.source
    tokens = sum(note.completion_tokens for note in notes)
    assert one.with_waiting == pytest.approx(tokens / (work.seconds * 2 * 2)), "two engines of two GPUs"
    assert one.share == pytest.approx(one.with_waiting / 6338)
    path = storage.join(vllm.output, "stats", "tune.json")
    trial = {"model": "Qwen/Qwen3-8B", "tokens_per_second": 800.0, "engine_args": [], "tensor_parallel": 2, "gpus": 2}
    storage.put(path, orjson.dumps([trial]))
    [tuned] = realised_of(vllm, notes)
    storage.delete(path)
    assert tuned.benchmark is not None
    assert (tuned.benchmark.tokens_per_second, tuned.benchmark.source) == (400, "measured by `rephrase tune`, under a full queue")
    [named] = realised_of(run, notes_of(run), 100)
    assert named.share == pytest.approx(named.with_waiting / 100)
    assert realised_of(run, notes_of(run))[0].benchmark is None, "no engine of this kind has one"


def test_the_page_tells_money_where_there_is_a_price_and_hours_where_there_is_none(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    written = write_report(run, str(page), rows=5, price=2.5, gpus=8).to_json()
    for sentence in ("money / M kept", "of money at 2.5 a GPU hour", "A billion kept tokens more take"):
        assert sentence in page.read_text()
    assert written["time"]["engines"][0]["start"] == pytest.approx(STARTS)
    part = costs(figures_of(run), cost_of(run, figures_of(run), notes_of(run)))
    assert part.columns[-1] == "#GPU hours / M kept"
    assert any("--price X" in note for note in part.notes)


def test_runs_are_compared_by_their_costs(run: Run) -> None:
    told = dict(tables_of(compare({"one": run, "two": run}, rows=0, price=2.5)))
    [money] = [line for line in told["What they made"] if line.name == "money for a million kept tokens"]
    assert len(set(money.values)) == 1
    assert float(money.values[0].replace(",", "")) > 0
    assert {line.name for line in told["Money for a million kept tokens, by recipe"]} == {recipe.name for recipe in figures_of(run).recipes}
    assert not dict(tables_of(compare({"one": run, "two": run}, rows=0)))["Money for a million kept tokens, by recipe"]


@pytest.mark.parametrize("option", ["--price", "--gpus", "--benchmark"])
def test_what_is_not_above_zero_is_refused(option: str, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["report", "run.yaml", option, "0"])
    assert f"{option}: 0 is not above 0" in capsys.readouterr().err


def test_shares_are_asked_of_what_a_component_takes_alone() -> None:
    mix = Mix.model_validate(
        {
            "components": [
                {"origin": "original", "source": "wiki", "share": 0.3},
                {"origin": "original", "source": "web*", "share": 0.3},
                {"recipe": "wrap/easy", "share": 0.2},
                {"recipe": "mind/*", "share": 0.2},
            ]
        }
    )
    planned = [{"name": one.name, "phase": 0, "share": one.share, "tokens": 100} for one in mix.components]
    assert asked_shares(mix, planned, "origin", ["original", "synthetic"]) == pytest.approx({"original": 0.6, "synthetic": 0.4})
    recipes = [None, "wrap/easy", "mind/interview"]
    assert asked_shares(mix, planned, "recipe", recipes) == pytest.approx({None: 0.6, "wrap/easy": 0.2}), "mind/* takes several"
    assert asked_shares(mix, planned, "source", ["wiki", "web-1"]) == {}, "recipes take texts of all sources"
    assert asked_shares(mix, planned, "synthetic_depth", [0, 1]) == {}


def test_shares_of_sources_are_those_that_a_component_is_split_into() -> None:
    mix = Mix.model_validate({"phases": [{"tokens": 100, "components": [{"split_by": "source", "temperature": 2, "share": 1}]}]})
    name = mix.selections[0].name
    planned = [{"name": f"{name} from {source}", "phase": 0, "share": share, "tokens": 50} for source, share in (("a", 0.7), ("b", 0.3))]
    assert asked_shares(mix, planned, "source", ["a", "b"]) == pytest.approx({"a": 0.7, "b": 0.3})


def test_shares_of_labels_are_asked_of_components_that_take_one_value() -> None:
    one = {"origin": "original", "split_by": "topic", "share": 0.5}
    mix = Mix.model_validate({"components": [one, {"origin": "synthetic", "labels": {"topic": "Games"}, "share": 0.5}]})
    planned = [
        {"name": f"original from {name}", "phase": 0, "share": share, "tokens": 50} for name, share in (("Games", 0.2), ("no topic", 0.3))
    ]
    planned.append({"name": "synthetic topic=Games", "phase": 0, "share": 0.5, "tokens": 50})
    assert asked_shares(mix, planned, "topic", ["Games", None]) == pytest.approx({"Games": 0.7, None: 0.3})
    assert asked_shares(mix, planned, "format", ["FAQs"]) == {}
