"""The settings that `rephrase tune` tries, and the trial of one: a server with it answers the sample of requests."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import math
import os
import statistics
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Literal

import yaml

from rephrase.cli.tune_load import steady_rates
from rephrase.engines.base import Request
from rephrase.engines.processes import Process
from rephrase.engines.vllm import servers
from rephrase.engines.vllm.engine import Vllm
from rephrase.engines.vllm.settings import VllmSettings, argument
from rephrase.errors import UserError
from rephrase.live.plain_console import PlainConsole
from rephrase.settings.section import Section
from rephrase.settings.validation import validate

_FAILED = 0.01  # of all requests; a setting under which more fail is none
TIME_IS_UP = "not tried: the time is up"
Change = Literal["fp8", "document_first"]
console = PlainConsole(stderr=True)


class Candidate(Section):
    """A setting to try; see tune.yaml."""

    name: str
    kind: str
    machine: Literal["cpu", "gpu", "both"] = "both"
    args: list[str] = []
    tensor_parallel: int | None = None
    changes: Change | None = None
    needs: str | None = None


@dataclass(frozen=True)
class Trial:
    """What came of one setting: output tokens a second in each of some windows, or why there are none."""

    candidate: Candidate
    rates: tuple[float, ...] = ()
    startup_seconds: float = 0.0
    seconds: float = 0.0
    failure: str = ""

    @property
    def rate(self) -> float:
        """The median of the windows' rates; 0 without any."""
        return statistics.median(self.rates) if self.rates else 0.0

    def entry(self) -> dict[str, Any]:
        """The trial as JSON."""
        figures = {"rates": self.rates, "tokens_per_second": self.rate, "startup_seconds": self.startup_seconds, "seconds": self.seconds}
        return {
            **self.candidate.model_dump(include={"name", "kind", "args", "tensor_parallel", "changes"}),
            **figures,
            "failure": self.failure,
        }


def candidates(*, gpus: int, changes: Collection[Change] = ()) -> list[Candidate]:
    """The shipped settings that this machine can try; of those that change more than speed, the ones that are allowed.

    On several GPUs also servers on fewer of them.
    """
    entries = yaml.safe_load(files("rephrase.cli").joinpath("tune.yaml").read_text(encoding="utf-8"))
    settings: list[Candidate] = [validate(Candidate, entry, "rephrase/cli/tune.yaml") for entry in entries]
    place = "gpu" if gpus else "cpu"
    smaller = [each for each in range(1, gpus) if gpus % each == 0]
    on_fewer = [Candidate(name=f"tensor_parallel {each}", kind="parallel", tensor_parallel=each) for each in smaller]
    return on_fewer + [
        setting
        for setting in settings
        if setting.machine in (place, "both")
        and (setting.needs is None or importlib.util.find_spec(setting.needs) is not None)
        and (setting.changes is None or setting.changes in changes)
    ]


@dataclass(frozen=True)
class Bench:
    """The requests that keep the server of each setting busy, in turn. `documents_first`: the same with passages first."""

    engine: VllmSettings
    requests: Sequence[Request]
    documents_first: Sequence[Request]
    gpus: tuple[str, ...]
    in_flight: int

    def measure(self, candidate: Candidate, deadline: float, *, seconds: float, windows: int = 1, patience: float = math.inf) -> Trial:
        """Start a server with the candidate's arguments, and take its rate in some windows of `seconds` under a full queue.

        It is given up at the deadline (by the monotonic clock), and `patience` seconds after its start.
        """
        trial = self._measure(candidate, deadline, seconds, windows, patience)
        console.print(f"tune: {candidate.name}: {outcome(trial)}", soft_wrap=True)
        return trial

    def _measure(self, candidate: Candidate, deadline: float, seconds: float, windows: int, patience: float) -> Trial:
        trial = Trial(candidate)
        limit = min(deadline - time.monotonic(), patience)
        if limit <= seconds * windows:
            return replace(trial, failure=TIME_IS_UP)
        changes: dict[str, Any] = {"args": [*self.engine.args, *candidate.args]}
        changes["startup_timeout"] = min(self.engine.startup_timeout, limit)
        if candidate.tensor_parallel is not None:
            changes["tensor_parallel"] = candidate.tensor_parallel
        owner = Process.of(os.getpid())
        with console.status(f"tune: {candidate.name}"):
            try:
                return asyncio.run(self._load(trial, self.engine.model_copy(update=changes), owner, limit, seconds, windows))
            except UserError as error:
                return replace(trial, failure=error.what.removeprefix("vLLM does not start: "))
            except TimeoutError:
                return replace(trial, failure=f"not done within {limit:.0f} s")
            finally:
                servers.stop_all(owner)

    async def _load(self, trial: Trial, config: VllmSettings, owner: Process, limit: float, seconds: float, windows: int) -> Trial:
        started = time.monotonic()
        requests = self.documents_first if trial.candidate.changes == "document_first" else self.requests
        number = max(1, len(self.gpus) // (config.tensor_parallel or max(1, len(self.gpus))))
        async with asyncio.timeout(limit), contextlib.AsyncExitStack() as opened:
            engines = [await opened.enter_async_context(Vllm(config, self.gpus, owner)) for _ in range(number)]
            await asyncio.gather(*(engine.complete(requests[:1]) for engine in engines))
            ready = time.monotonic()
            rates, load = await steady_rates(engines, requests, self._in_flight(config), seconds, windows)
            ended = time.monotonic()
        trial = replace(trial, startup_seconds=ready - started, seconds=ended - started)
        if load.errors.total() > _FAILED * load.answers:
            [(error, _)] = load.errors.most_common(1)
            return replace(trial, failure=f"{load.errors.total()} of {load.answers} requests failed: {error}")
        return replace(trial, rates=tuple(rates)) if all(rates) else replace(trial, failure=f"nothing was written within {seconds:g} s")

    def _in_flight(self, config: VllmSettings) -> int:
        """Where the number is not fixed, a run keeps as many requests in flight as fill the batch."""
        batch = 0 if config.concurrency else int(argument(config, "--max-num-seqs") or 0)
        return max(self.in_flight, batch)


def outcome(trial: Trial) -> str:
    """What came of a trial, in a few words."""
    if trial.failure:
        return trial.failure
    spread = f" ({min(trial.rates):,.0f} to {max(trial.rates):,.0f})" if len(trial.rates) > 1 else ""
    return f"{trial.rate:,.0f} tokens/s{spread}, {trial.startup_seconds:.0f} s to start"
