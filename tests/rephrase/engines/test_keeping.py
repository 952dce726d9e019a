"""Answers outlive the process that got them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from rephrase import storage
from rephrase.engines import keeping
from rephrase.engines.base import Completion, Engine, Identity, Message, Request, Sampling
from rephrase.engines.keeping import Keeping, count_kept
from rephrase.engines.replay import Reuse
from tests.rephrase.engines.scripted import serving

SAMPLING = Sampling(max_tokens=8)


class Counting(Engine):
    """Answers by the number of the call; words that begin with ! are refused."""

    model, batch_size, concurrency, identity = "counting", 4, 8, Identity("counting 1", "r1", "t1")

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        texts = [request.messages[-1].content for request in requests]
        self.asked.update(texts)
        errors = {"!engine": "engine:refused", "!long": "prompt_too_long"}
        return [Completion(text.upper(), "length", 3, 2, errors.get(text)) for text in texts]


def ask(text: str, seed: int = 1) -> Request:
    return Request((Message("user", text),), SAMPLING, seed=seed)


def answers(engine: Engine, *requests: Request, close: bool = True) -> list[Completion]:
    async def run() -> list[Completion]:
        completions = [completion for request in requests for completion in await engine.complete([request])]
        if close:
            await engine.close()
        return completions

    return asyncio.run(run())


def test_answers_are_counted_unless_they_are_too_many_for_a_glance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_kept(str(tmp_path / "none")) == 0
    answers(Keeping(Counting(), str(tmp_path / "task-1")), ask("a"), ask("b"), ask("!engine"))
    answers(Keeping(Counting(), str(tmp_path / "task-2")), ask("c"))
    assert count_kept(str(tmp_path)) == 3, "an error of the engine is no answer"
    monkeypatch.setattr(keeping, "_MOST_FILES", 1)
    assert count_kept(str(tmp_path)) is None
    monkeypatch.undo()
    monkeypatch.setattr(keeping, "_MOST_BYTES", 10)
    assert count_kept(str(tmp_path)) is None


def test_what_was_answered_is_not_asked_again_and_is_the_same(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    before = answers(Keeping(first, str(tmp_path)), ask("a"), ask("b"), ask("a", seed=2))
    after = answers(Keeping(second, str(tmp_path)), ask("a"), ask("b"), ask("a", seed=2), ask("c"), ask("a", seed=3))
    assert second.asked == {"c": 1, "a": 1}, "the same words with another seed are another row's"
    assert [(one.text, one.finish_reason, one.prompt_tokens, one.completion_tokens) for one in after[:3]] == [
        (one.text, one.finish_reason, one.prompt_tokens, one.completion_tokens) for one in before
    ]
    assert after[0].identity == Counting.identity
    assert [one.reused for one in after] == [True, True, True, False, False]


def test_errors_of_the_engine_are_asked_for_again_and_those_of_prompts_are_not(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    answers(Keeping(first, str(tmp_path)), ask("!engine"), ask("!long"))
    assert [one.error for one in answers(Keeping(second, str(tmp_path)), ask("!engine"), ask("!long"))] == [
        "engine:refused",
        "prompt_too_long",
    ]
    assert second.asked == {"!engine": 1}


def test_a_damaged_line_costs_its_own_answer_alone(tmp_path: Path) -> None:
    answers(Keeping(Counting(), str(tmp_path)), ask("a"), ask("b"), ask("c"))
    [piece] = tmp_path.iterdir()
    first, second, third = piece.read_bytes().splitlines(keepends=True)
    piece.write_bytes(first + second.replace(b"B", b'"') + third + b'{"request": "x"\xff')
    (tmp_path / "damaged.jsonl").write_bytes(b'{"request": "x"\xff')
    (tmp_path / "other.jsonl").write_bytes(b"[1, 2]\nnull\n")
    engine = Counting()
    answers(Keeping(engine, str(tmp_path)), ask("a"), ask("b"), ask("c"), ask("d"))
    assert engine.asked == {"b": 1, "d": 1}


def test_an_answer_that_was_returned_is_on_disk(tmp_path: Path) -> None:
    answers(Keeping(Counting(), str(tmp_path)), ask("a"), ask("b"), close=False)
    engine = Counting()
    answers(Keeping(engine, str(tmp_path)), ask("a"), ask("b"))
    assert engine.asked == {}


@pytest.mark.parametrize("error", ["prompt_refused: Not this page", "prompt:exception:KeyError"])
def test_a_prompt_that_was_not_asked_is_not_kept(tmp_path: Path, error: str) -> None:
    class Refusing(Counting):
        async def complete(self, requests: Sequence[Request]) -> list[Completion]:
            await super().complete(requests)
            return [Completion("", "error", error=error) for _ in requests]

    answers(Keeping(Refusing(), str(tmp_path)), ask("a"))
    engine = Counting()
    assert [one.error for one in answers(Keeping(engine, str(tmp_path)), ask("a"))] == [None], "the template may have been mended since"


def test_reasoning_is_kept_with_its_answer_and_older_pieces_have_none(tmp_path: Path) -> None:
    class Thinking(Counting):
        async def complete(self, requests: Sequence[Request]) -> list[Completion]:
            return [Completion("so", reasoning="hm", reasoning_tokens=3) for _ in await super().complete(requests)]

    answers(Keeping(Thinking(), str(tmp_path)), ask("a"))
    [again] = answers(Keeping(Counting(), str(tmp_path)), ask("a"))
    assert (again.text, again.reasoning, again.reasoning_tokens) == ("so", "hm", 3)
    [piece] = tmp_path.iterdir()
    line = json.loads(piece.read_text())
    piece.write_text(json.dumps({name: value for name, value in line.items() if not name.startswith("reasoning")}))
    [older] = answers(Keeping(Counting(), str(tmp_path)), ask("a"))
    assert (older.text, older.reasoning) == ("so", None)


def test_a_disk_that_takes_nothing_ends_no_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert len(answers(Keeping(Counting(), str(tmp_path / "file" / "answers")), ask("a"), ask("b"))) == 2


@pytest.mark.timeout(60)
def test_on_s3_answers_are_kept_soon_without_further_calls_and_in_few_objects(bucket: str) -> None:
    folder = f"{bucket}/answers"

    async def run() -> None:
        engine = Keeping(Counting(), folder)
        for number in range(300):
            await engine.complete([ask(f"number {number}")])
        kept = 0
        while kept < 300:
            kept = await asyncio.to_thread(lambda: sum(storage.read(file.path).count(b"\n") for file in storage.list_files(folder)))

    asyncio.run(run())
    engine = Counting()
    answers(Keeping(engine, folder), *(ask(f"number {number}") for number in range(300)))
    assert engine.asked == {}
    assert len(list(storage.list_files(folder))) <= 4


def test_answers_are_kept_on_s3_and_below_an_engine_that_reuses(bucket: str) -> None:
    folder = f"{bucket}/answers"
    answers(Reuse(Keeping(Counting(), folder), []), ask("a"))
    engine = Counting()
    answers(Reuse(Keeping(engine, folder), []), ask("a"))
    assert engine.asked == {}
    assert len(list(storage.list_files(folder))) == 1


KILLED = """
import asyncio, sys
from rephrase.engines.endpoint import Endpoint, EndpointSettings
from rephrase.engines.keeping import Keeping, count_kept
from rephrase.engines.base import Message, Request, Sampling

url, folder = sys.argv[1:]
requests = [Request((Message("user", f"number {n}"),), Sampling(max_tokens=8), seed=n) for n in range(1500)]

async def run():
    engine = Keeping(Endpoint(EndpointSettings(kind="endpoint", url=url, model="m", concurrency=8)), folder)
    turns = asyncio.Semaphore(8)

    async def one(request):
        async with turns:
            [completion] = await engine.complete([request])
            assert completion.error is None, completion

    await asyncio.gather(*map(one, requests))
    await engine.close()

asyncio.run(run())
"""


@pytest.mark.timeout(300)
def test_of_a_process_that_is_killed_again_and_again_only_what_was_in_flight_is_asked_for_twice(tmp_path: Path) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "answers"
    script.write_text(KILLED)
    asked: Counter[str] = Counter()

    async def behave(body: dict, number: int) -> dict:
        asked[body["messages"][-1]["content"]] += 1
        await asyncio.sleep(0.01)
        return {
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "so"}}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        }

    async def run() -> int:
        kills = 0
        async with serving(behave) as server:
            while True:
                process = subprocess.Popen([sys.executable, str(script), server.url, str(folder)])  # noqa: ASYNC220  # starts at once
                enough = len(asked) + 400
                while process.poll() is None:
                    await asyncio.sleep(0.01)
                    if kills < 3 and len(asked) > enough:
                        os.kill(process.pid, signal.SIGKILL)
                        process.wait()
                        kills += 1
                if process.returncode == 0:
                    return kills

    assert asyncio.run(run()) == 3
    assert len(asked) == 1500
    assert sum(asked.values()) - len(asked) <= 3 * 8, "a kill costs what was in flight"
    lines = [json.loads(line)["request"] for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) >= 1500
