"""A budget ends the rewrite stage with the units in flight, tells what was spent, and lets it go on when it is raised."""

from __future__ import annotations

import asyncio

import pytest

from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.notes import EngineFigures, GenerationsNote
from rephrase.spark.stages.pipeline import run_all
from rephrase.spark.stages.rewrite.budget import Purse
from rephrase.spark.stages.rewrite.spending import Spending
from rephrase.spark.stages.trials import notes_of
from tests.rephrase.engines.scripted import serving_thread
from tests.rephrase.spark.stages.test_pipeline import write_run
from tests.rephrase.spark.stages.test_rewrite import answer_of


class Slow:
    """A server that takes its time, so that the driver looks several times a unit."""

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 0.4

    async def answer(self, _body: dict, _call: int) -> dict:
        self.calls += 1
        await asyncio.sleep(self.seconds)
        return {**answer_of("The tide rises twice a day."), "usage": {"prompt_tokens": 5, "completion_tokens": 10}}


def written(run: Run) -> int:
    return sum(note.completion_tokens for note in notes_of(run))


def test_a_spent_budget_ends_the_stage_and_a_larger_one_goes_on(tmp_path, spark, tokenizer_file):
    server = Slow()
    with serving_thread(server.answer) as url:
        engine = {"kind": "endpoint", "url": url, "model": "m", "concurrency": 1}
        path = write_run(
            tmp_path, tokenizer_file, engine, documents=24, recipes=["wrap/easy"], input={"paths": ["raw"], "tokens_per_unit": 250}
        )
        run = load_run(str(path), {"budget.tokens": 200})
        with pytest.raises(UserError, match=r"the budget is spent: .* of 200 tokens; \d+ units? (is|are) left, and none is in flight"):
            run_all(run, spark)
        spent, calls = written(run), server.calls
        assert 140 <= spent <= 320, "the units in flight are reckoned with, and end"
        assert calls == spent / 10, "no answer was thrown away"
        with pytest.raises(UserError, match=r"raise `budget.tokens` and run again"):
            run_all(run, spark)
        assert server.calls == calls
        server.seconds = 0.0
        raised = load_run(str(path), {"budget.tokens": 100_000})
        run_all(raised, spark)
        assert written(raised) == 10 * server.calls
        assert written(raised) > spent
        assert sum(note.reused for note in notes_of(raised)) == 0


def note(server: str, started: float, ended: float, tokens: int = 100, ready: float | None = None) -> GenerationsNote:
    figures = EngineFigures(server=server, ready=ready)
    return GenerationsNote(completion_tokens=tokens, model="m", started=started, ended=ended, engine=figures)


@pytest.fixture
def run() -> Run:
    data = {
        "output": "out",
        "tokenizer": "t.json",
        "engine": {"kind": "vllm", "model": "m", "tensor_parallel": 2},
        "recipes": ["wrap/easy"],
    }
    return Run.model_validate({**data, "budget": {"gpu_hours": 1, "money": 5, "price": 4}})


def test_gpu_hours_are_those_of_servers_at_work(run):
    spending = Spending(run)
    for one in (note("a", 0, 100, ready=40), note("a", 20, 130, ready=40), note("a", 500, 530), note("b", 0, 100), note("", 0, 1000)):
        spending.add(one)
    assert spending.gpu_seconds == 2 * ((130 - 40) + 30 + 100), "two GPUs a server; not its start, nor where it had no unit"
    assert spending.tokens == 500


def test_units_in_flight_are_reckoned_with(run):
    purse = Purse(run, [note("a", 0, 900)])
    assert not purse.would_be_spent(0, 4)
    purse.add(note("b", 0, 600))
    assert not purse.would_be_spent(2, 0)
    assert purse.would_be_spent(2, 2), "1,800 s were spent before, 1,200 s by two tasks; two more would end above an hour"
    assert "0.83 of 1 GPU hours spent, 3.33 of 5 money spent" in purse.describe(10)
    assert "raise `budget.gpu_hours` and `budget.money`" in purse.error(3).cure


def test_hours_are_reckoned_only_for_engines_that_the_run_starts(tmp_path, tokenizer_file):
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"})
    with pytest.raises(UserError, match="`gpu_hours` is reckoned for engines on the executors"):
        load_run(str(path), {"budget.gpu_hours": 3})
    with pytest.raises(UserError, match="`money` needs the price of a GPU hour"):
        load_run(str(path), {"budget.money": 3})
