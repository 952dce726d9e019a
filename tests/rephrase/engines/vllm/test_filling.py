from __future__ import annotations

import asyncio

import pytest

from rephrase.engines.counted import Counted, Counts
from rephrase.engines.replay import Reuse
from rephrase.engines.vllm import filling
from rephrase.engines.vllm.engine import Vllm
from rephrase.engines.vllm.filling import FIRST, Filling
from rephrase.engines.vllm.settings import VllmSettings, argument
from tests.tiny_model import make_tiny_model


def looked(queues: list[bool]) -> list[int]:
    """The limits after each look at a server whose queue is as given."""
    number = Filling()

    async def look(queue: bool) -> int:
        async def has_queue() -> bool:
            return queue

        await number.look(has_queue)
        return number.limit

    return [asyncio.run(look(queue)) for queue in queues]


def test_more_requests_are_kept_in_flight_while_none_waits(monkeypatch):
    monkeypatch.setattr(filling, "_INTERVAL", 0.0)
    assert looked([False, True, False, False]) == [768, 768, 1152, 1728]
    assert looked([False] * 20)[-1] == 4096
    assert looked([True] * 3) == [FIRST] * 3


def test_the_queue_is_looked_at_now_and_then_only():
    assert looked([False] * 5) == [FIRST] * 5


def test_what_wraps_an_engine_follows_its_number(monkeypatch, tmp_path):
    monkeypatch.setattr(filling, "_INTERVAL", 0.0)
    make_tiny_model(tmp_path / "model")
    own = Vllm(VllmSettings(kind="vllm", model=str(tmp_path / "model")))
    fixed = Vllm(VllmSettings(kind="vllm", model=str(tmp_path / "model"), concurrency=7))
    wrapped = Reuse(Counted(own, Counts()), [])

    async def no_queue() -> bool:
        return False

    asyncio.run(own._filling.look(no_queue))
    asyncio.run(fixed._filling.look(no_queue))
    assert (wrapped.concurrency, fixed.concurrency) == (768, 7)


@pytest.mark.parametrize("args", [["--max-num-seqs", "4", "--max-num-seqs", "8"], ["--max_num_seqs=4", "--max-num-seqs=8"]])
def test_of_arguments_given_twice_the_last_counts_as_it_does_for_vllm(args):
    assert argument(VllmSettings(kind="vllm", model="org/name", args=args), "--max-num-seqs") == "8"
