"""Pairing, phases, and components that are split or told apart by licence and score."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from rephrase.errors import UserError
from rephrase.mixing.plan import Plan
from rephrase.spark.runtime.job import open_job
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.inputs import find_inputs
from rephrase.spark.stages.mix.planning import make_plan, marks_of
from tests.rephrase.spark.mixtures import HALVES, LONGEST, check_pairing, documents_and_rewrites, mixture, run_of, tokens, write_inputs


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("inputs"))
    write_inputs(folder)
    return folder


@pytest.fixture
def many_tasks() -> Iterator[None]:
    """Each of the small objects is a task of its own, as large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rephrase.spark.stages.mix.inputs._MIN_TASK_BYTES", 1)
        patch.setattr("rephrase.spark.stages.mix.inputs._MANY_TASKS", 1000)
        yield


@pytest.mark.parametrize("pairing", ["both", "instead"])
@pytest.mark.parametrize("original", [0.3, pytest.param(0.7, marks=pytest.mark.long)])
def test_pairing_without_a_budget_takes_what_fits(output: str, spark: LazySession, many_tasks: None, pairing: str, original: float) -> None:
    components = [HALVES[0] | {"share": original}, HALVES[1] | {"share": 1 - original}]
    plan, rows = mixture(output, spark, components=components, pairing=pairing)
    check_pairing(pairing, rows)
    for part, component in zip(plan.components, components, strict=True):
        assert abs(part.tokens - component["share"] * plan.tokens) <= LONGEST
    with pytest.raises(UserError, match="too little material") as caught:
        mixture(output, spark, components=components, pairing=pairing, budget_tokens=int(plan.tokens * 1.1))
    fits = int(caught.value.cure.split("budget_tokens to at most ")[1].split(";")[0].split(", or")[0].replace(",", ""))
    assert fits == pytest.approx(plan.tokens, rel=0.02)


def test_shares_that_no_budget_can_pair_are_refused(output: str, spark: LazySession) -> None:
    components = [HALVES[0] | {"share": 0.1}, HALVES[1] | {"share": 0.9, "max_epochs": 1}]
    for budget in (None, 4000):
        with pytest.raises(
            UserError, match=r"mix\.pairing: with texts whose original is taken alone: .* \(no budget is small enough; or give"
        ):
            mixture(output, spark, components=components, pairing="both", budget_tokens=budget)


def test_an_unpaired_mixture_has_rewrites_without_their_originals(output: str, spark: LazySession) -> None:
    _, rows = mixture(output, spark, components=HALVES, budget_tokens=4000)
    with pytest.raises(AssertionError):
        check_pairing("both", rows)


def test_pairing_resumes_from_its_plan(output: str, spark: LazySession, many_tasks: None) -> None:
    for pairing in ("both", "instead"):
        run = run_of(output, components=HALVES, pairing=pairing, budget_tokens=4000)
        inputs = find_inputs(run)
        with open_job(spark.get(), output) as job:
            plan, marks = make_plan(run.mix, inputs, job)
            again = marks_of(run.mix, inputs, job, Plan.from_dict(json.loads(json.dumps(plan.to_dict()))))
            assert marks is not None
            assert again is not None
            assert sorted(marks.collect()) == sorted(again.collect())


def test_phases_stand_in_their_files_and_go_on_where_the_earlier_stopped(output: str, spark: LazySession) -> None:
    web, wiki = {"origin": "original", "source": "web"}, {"origin": "original", "source": "wiki", "max_epochs": 3}
    phases = [
        {"tokens": 10_000, "components": [web | {"share": 0.8}, wiki | {"share": 0.2}]},
        {"tokens": 8_000, "components": [wiki | {"share": 1}]},
        {"components": [web | {"tokens": 2_000}]},
    ]
    plan, rows = mixture(output, spark, phases=phases, file_tokens=6000)
    assert plan.files == (2, 2, 1)
    by_phase = [[row for row in rows if row["part"] in files] for files in ((0, 1), (2, 3), (4,))]
    assert [abs(tokens(part) - count) <= 2 * LONGEST for part, count in zip(by_phase, (10_000, 8_000, 2_000), strict=True)] == [True] * 3
    assert {row["source"] for row in by_phase[1]} == {"wiki"}
    first, last = ({row["id"] for row in by_phase[n] if row["source"] == "web"} for n in (0, 2))
    assert first
    assert last
    assert not first & last
    seen = Counter[str]()
    for part in by_phase:  # the uses of a text are counted on from phase to phase
        uses = Counter(row["id"] for row in part)
        assert all(row["epoch"] in range(seen[row["id"]], seen[row["id"]] + uses[row["id"]]) for row in part)
        seen += uses
    with pytest.raises(UserError, match="the tokens of all phases to at most"):
        mixture(output, spark, phases=[phase | {"tokens": 90_000} for phase in phases[:2]])


def test_temperature_lifts_small_sources(output: str, spark: LazySession) -> None:
    component = {"origin": "original", "split_by": "source", "max_epochs": 2, "share": 1}
    there = Counter[str]()
    for document in documents_and_rewrites()[0]:
        there[document["source"]] += document["n_tokens"]
    for temperature in (1, 2):
        plan, rows = mixture(output, spark, components=[component | {"temperature": temperature}], budget_tokens=6000)
        weights = {source: count ** (1 / temperature) for source, count in there.items()}
        for source, weight in weights.items():
            assert abs(tokens(rows, source=source) - 6000 * weight / sum(weights.values())) <= LONGEST
        assert sorted(part.name for part in plan.components) == ["original from code", "original from web", "original from wiki"]


def test_licences_and_score_buckets_tell_texts_apart(output: str, spark: LazySession) -> None:
    low = {"origin": "original", "license": "CC-*", "max_scores": {"edu": 2}, "tokens": 700}
    high = {"origin": "original", "license": "CC-*", "min_scores": {"edu": 3}, "tokens": 1500}
    _, rows = mixture(output, spark, components=[low, high])
    grades = {document["id"]: int(document["metadata"][0][1]) for document in documents_and_rewrites()[0]}
    assert {row["license"] for row in rows} == {"CC-BY-4.0", "CC-BY-SA-4.0"}
    assert abs(sum(row["n_tokens"] for row in rows if grades[row["id"]] <= 2) - 700) <= LONGEST
    assert abs(sum(row["n_tokens"] for row in rows if grades[row["id"]] >= 3) - 1500) <= LONGEST
