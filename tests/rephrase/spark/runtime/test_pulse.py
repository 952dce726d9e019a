"""What an executor tells of itself while its tasks wait for a real server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from rephrase.engines import client
from rephrase.engines.base import Completion, Engine, Request
from rephrase.engines.counted import Counted
from rephrase.engines.endpoint import EndpointSettings
from rephrase.live.figures import ExecutorFigures, ServerFigures
from rephrase.live.totals import totals_of
from rephrase.spark.runtime.pulse import Task, Telling, beating, telling
from rephrase.spark.runtime.task_reports import Reports
from tests.rephrase.engines.scripted import ask, choices, error, serving_thread
from tests.rephrase.spark.standalone import wait_for


@pytest.fixture
def told(tmp_path):
    """Asks a server that behaves as given, amid a task of two units; waits for the executor's figures to be as wanted, and ends it."""

    def run(behave, requests: int, wanted, go: threading.Event | None = None) -> tuple[ExecutorFigures, Path]:
        path = tmp_path / "reports" / "figures-here"
        seen: list[ExecutorFigures] = []

        def as_wanted() -> bool:
            figures = ExecutorFigures.from_json(path.read_bytes()) if path.exists() else None
            seen[:] = [figures] if figures is not None and wanted(figures) else []
            return bool(seen)

        async def work(task) -> None:
            settings = EndpointSettings(kind="endpoint", url=url, model="m", retries=20)
            async with Counted(settings.open(), task.counts) as engine:
                task.engine = engine
                asked = asyncio.gather(*(engine.complete([ask(f"{number}")]) for number in range(requests)))
                await asyncio.to_thread(wait_for, as_wanted)
                if go:
                    go.set()
                await asked

        to = Telling(str(tmp_path / "reports"), str(path), "here", 0.1)
        with serving_thread(behave) as url, telling(to), beating(2, 10.0) as task:
            asyncio.run(work(task))
        return seen[0], path

    return run


def test_requests_in_flight_are_told_while_none_has_come_back_and_none_when_the_task_has_ended(told):
    go = threading.Event()

    async def answer(_body: dict, _call: int) -> dict:
        while not go.is_set():  # noqa: ASYNC110  # another thread ends it
            await asyncio.sleep(0.01)
        return choices(["an answer"])

    figures, path = told(answer, 6, lambda figures: figures.running == 6, go)
    assert (figures.executor, figures.units, figures.answers, figures.waiting) == ("here", 2, 0, None)
    assert figures.quiet_since is not None
    assert figures.places[0].startswith("http://127.0.0.1:")

    def idle() -> bool:
        last = ExecutorFigures.from_json(path.read_bytes())
        return last is not None and (last.running, last.units, last.quiet_since) == (0, 0, None)

    wait_for(idle)


def test_a_server_that_fails_is_told_with_what_it_says(told, monkeypatch):
    monkeypatch.setattr(client, "_FIRST_DELAY", 0.02)
    go = threading.Event()

    def fail(_body: dict, _call: int) -> object:
        return choices(["an answer"]) if go.is_set() else error(503, "no place is left")

    figures, _ = told(fail, 1, lambda figures: "503" in "".join(figures.places), go)
    assert figures.places[0].endswith("/v1 (HTTP 503 no place is left)")
    assert figures.trouble == "HTTP 503 no place is left"
    assert totals_of([(figures, 6.0)]).stall.endswith("(HTTP 503 no place is left)"), "told by the next line of a log"


class Lively(Engine):
    """An engine whose server counts the tokens that it writes, or which has none that does."""

    batch_size = concurrency = 1

    def __init__(self, model: str, *, tells: bool) -> None:
        self.model, self.identity, self._tells, self._written = model, {"model": model}, tells, 0

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        self._written += 10 * len(requests)
        return [Completion("an answer", prompt_tokens=1, completion_tokens=10) for _ in requests]

    def now(self) -> ServerFigures | None:
        return ServerFigures(server=self.model, at=time.time(), tokens=self._written) if self._tells else None


def test_tokens_count_once_whichever_engines_the_tasks_of_a_worker_ask(tmp_path):
    path = tmp_path / "reports" / "figures-here"
    lively = Lively("a", tells=True)
    counts: list[float] = []

    def told_anew(before: float) -> bool:
        figures = ExecutorFigures.from_json(path.read_bytes()) if path.exists() else None
        counts[:] = [reading.tokens for reading in figures.readings] if figures is not None else []
        return figures is not None and figures.at > before

    async def work(task: Task, engine: Engine) -> None:
        async with Counted(engine, task.counts) as counted:
            await asyncio.to_thread(wait_for, partial(told_anew, time.time()))  # while the engine is opened
            task.engine = counted
            await asyncio.to_thread(wait_for, partial(told_anew, time.time()))  # the server is known before it is asked
            await counted.complete([ask("one"), ask("two")])
            await asyncio.to_thread(wait_for, partial(told_anew, time.time()))
            await asyncio.to_thread(wait_for, partial(told_anew, time.time()))

    for engine in (lively, lively, Lively("b", tells=False), lively):
        with telling(Telling(str(tmp_path / "reports"), str(path), "here", 0.1)), beating(1, 1.0) as task:
            asyncio.run(work(task, engine))
    assert sorted(counts) == counts
    assert counts[-1] == 80


def test_what_is_told_after_the_end_of_a_job_does_not_come_back(tmp_path):
    reports = Reports(str(tmp_path / "reports"))
    path = Path(reports.figures_of("here"))
    with telling(Telling(reports.folder, str(path), "here", 0.3)), beating(1, 1.0):
        wait_for(path.exists)
    path.unlink()  # with the job's folder
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.name.endswith("(run)"):
            thread.join(5)
    assert not path.exists()


def test_without_a_job_nothing_is_told(tmp_path):
    with beating(1, 1.0) as task:
        assert task.counts.in_flight == 0
    assert not list(tmp_path.iterdir())
