"""The settings that `rephrase tune` tries, and the trial of one: a server with it answers the sample of requests."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import math
import os
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Literal

import yaml
from rich.console import Console

from rephrase.engines.base import Completion, Request
from rephrase.engines.processes import Process
from rephrase.engines.vllm import servers
from rephrase.engines.vllm.engine import Vllm
from rephrase.engines.vllm.settings import VllmSettings
from rephrase.errors import UserError
from rephrase.settings.section import Section
from rephrase.settings.validation import validate

_WARM_UP = 16  # requests before the clock starts
_FAILED = 0.01  # of all requests; a setting under which more fail is none
TIME_IS_UP = "not tried: the time is up"
console = Console(stderr=True, highlight=False)


class Candidate(Section):
    """A setting to try; see tune.yaml."""

    name: str
    kind: str
    machine: Literal["cpu", "gpu", "both"]
    args: list[str]
    changes_outputs: bool = False
    needs: str | None = None


@dataclass(frozen=True)
class Trial:
    """What came of one setting: output tokens a second, or why there is none."""

    name: str
    args: tuple[str, ...]
    startup_seconds: float = 0.0
    tokens_per_second: float = 0.0
    seconds: float = 0.0
    failure: str = ""
    changes_outputs: bool = False
    kind: str = ""


def candidates(*, on_gpu: bool) -> list[Candidate]:
    """The shipped settings that this machine can try."""
    entries = yaml.safe_load(files("rephrase.cli").joinpath("tune.yaml").read_text(encoding="utf-8"))
    settings: list[Candidate] = [validate(Candidate, entry, "rephrase/cli/tune.yaml") for entry in entries]
    place = "gpu" if on_gpu else "cpu"
    return [c for c in settings if c.machine in (place, "both") and (c.needs is None or importlib.util.find_spec(c.needs) is not None)]


def visible_gpus() -> tuple[str, ...]:
    """The GPUs of this machine, as CUDA names them."""
    if (variable := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return tuple(word for word in variable.split(",") if word)
    with contextlib.suppress(OSError):
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # constant words
        return tuple(result.stdout.split()) if result.returncode == 0 else ()
    return ()


@dataclass(frozen=True)
class Bench:
    """The requests that each setting answers, on a server of its own."""

    engine: VllmSettings
    requests: Sequence[Request]
    gpus: tuple[str, ...]
    in_flight: int

    def measure(self, candidate: Candidate, deadline: float, patience: float = math.inf) -> Trial:
        """Start a server with the candidate's arguments, and answer all requests before the deadline, in at most `patience` seconds."""
        trial = self._measure(candidate, deadline, patience)
        outcome = trial.failure or f"{trial.tokens_per_second:,.0f} tokens/s, {trial.startup_seconds:.0f} s to start"
        console.print(f"tune: {trial.name}: {outcome}", soft_wrap=True)
        return trial

    def _measure(self, candidate: Candidate, deadline: float, patience: float) -> Trial:
        trial = Trial(candidate.name, tuple(candidate.args), changes_outputs=candidate.changes_outputs, kind=candidate.kind)
        seconds = min(deadline - time.monotonic(), patience)
        if seconds <= 0:
            return replace(trial, failure=TIME_IS_UP)
        changes = {"args": [*self.engine.args, *candidate.args], "startup_timeout": min(self.engine.startup_timeout, seconds)}
        owner = Process.of(os.getpid())
        with console.status(f"tune: {candidate.name}"):
            try:
                return asyncio.run(self._answer(trial, self.engine.model_copy(update=changes), owner, seconds))
            except UserError as error:
                return replace(trial, failure=error.what.removeprefix("vLLM does not start: "))
            except TimeoutError:
                return replace(trial, failure=f"not done within {seconds:.0f} s")
            finally:
                servers.stop_all(owner)

    async def _answer(self, trial: Trial, config: VllmSettings, owner: Process, seconds: float) -> Trial:
        started = time.monotonic()
        async with asyncio.timeout(seconds), Vllm(config, self.gpus, owner) as engine:
            await engine.complete(self.requests[:1])
            ready = time.monotonic()
            await _send(engine, self.requests[:_WARM_UP], self.in_flight)
            begun = time.monotonic()
            completions = await _send(engine, self.requests, self.in_flight)
            ended = time.monotonic()
        errors = Counter(completion.error for completion in completions if completion.error)
        trial = replace(trial, startup_seconds=ready - started, seconds=ended - ready)
        if errors.total() > _FAILED * len(completions):
            [(error, _)] = errors.most_common(1)
            return replace(trial, failure=f"{errors.total()} of {len(completions)} requests failed: {error}")
        return replace(trial, tokens_per_second=sum(completion.completion_tokens for completion in completions) / (ended - begun))


async def _send(engine: Vllm, requests: Sequence[Request], in_flight: int) -> list[Completion]:
    """Answer requests in batches as the rewrite stage does."""
    slots = asyncio.Semaphore(max(1, in_flight // engine.batch_size))

    async def send(batch: Sequence[Request]) -> list[Completion]:
        async with slots:
            return await engine.complete(batch)

    groups: dict[Any, list[Request]] = {}
    for request in requests:
        groups.setdefault((request.sampling, request.schema), []).append(request)
    size = engine.batch_size
    batches = [group[at : at + size] for group in groups.values() for at in range(0, len(group), size)]
    return [completion for batch in await asyncio.gather(*map(send, batches)) for completion in batch]
