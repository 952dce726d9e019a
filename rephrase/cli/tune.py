"""`rephrase tune`: which engine settings write the user's own requests fastest on this machine.

One setting at a time is tried against the engine as it is configured, each on a server of its own, then the best of each kind together.
No Spark is needed: it runs where it is called, on the GPUs that are visible there, or on the CPU.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import math
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import orjson
import yaml
from rich.console import Console
from rich.table import Table

from rephrase import storage
from rephrase.config.edit import write_args
from rephrase.engines.base import Completion, Request
from rephrase.engines.processes import Process
from rephrase.engines.settings import VllmEngine
from rephrase.engines.vllm import servers
from rephrase.engines.vllm.engine import Vllm
from rephrase.errors import UserError
from rephrase.generation.loop import requests_of
from rephrase.generation.rows import rows_of
from rephrase.generation.step_run import Task
from rephrase.recipes.catalogue import recipes_of
from rephrase.records import unit_interval
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.spark.stages.rewrite.rows import Source, sources_of
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.config.run import Run

_SAMPLE = 512  # requests, where a few fill the engine
_WARM_UP = 16  # requests before the clock starts
_FAILED = 0.01  # of all requests; a setting under which more fail is none
_PATIENCE = 3.0  # times the default's own time, after which a setting is given up
_MARGIN = 0.03  # a setting must be better by this share, and by more than the default's own drift
_TIME_IS_UP = "not tried: the time is up"
_console = Console(stderr=True, highlight=False)


class Candidate(Section):
    """A setting to try; see jobs/tune.yaml."""

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


def tune(
    run: Run, config_path: str, *, minutes: float = 20.0, sample: int | None = None, write: bool = False, allow_fp8: bool = False
) -> list[Trial]:
    """Measure the settings, print a table, and write the best into the config if `write`. Returns the trials, the default first.

    `minutes` bounds the whole; `sample` is the number of requests each setting answers: by default 512, and on GPUs as many as the tasks
    of an executor keep in flight, for fewer would not fill an engine. Raises `UserError` for engines other than vllm, a missing documents
    table, and a default that does not start.
    """
    engine = run.engine
    if not isinstance(engine, VllmEngine):
        raise UserError("only a vllm engine has settings to tune", where="engine.kind", cure="set `engine.kind: vllm`, or use --model")
    deadline = time.monotonic() + 60 * minutes
    gpus = visible_gpus()[: _gpus_of_an_executor(run)]
    in_flight = engine.concurrency * (run.rewrite.tasks_per_gpu if gpus else 1)
    requests = sample_requests(run, sample or max(_SAMPLE, in_flight if gpus else 0))
    _console.print(
        f"tune: {len(requests)} requests of this run, on {len(gpus)} GPUs" if gpus else f"tune: {len(requests)} requests, on CPU"
    )
    bench = _Bench(engine, requests, gpus, in_flight)
    default = Candidate(name="as configured", kind="", machine="both", args=[])
    trials = [bench.measure(default, deadline)]
    if trials[0].failure:
        raise UserError(f"the engine does not work as it is configured: {trials[0].failure}", where=engine.model)
    once = trials[0].startup_seconds + trials[0].seconds
    wanted = [c for c in candidates(on_gpu=bool(gpus)) if allow_fp8 or not c.changes_outputs]
    # Time is kept for the best ones together, and for the best and the default again: the best of many owes something to chance.
    trials += [bench.measure(candidate, deadline - 3 * once, _PATIENCE * once) for candidate in wanted]
    combined = combine(trials)
    if len({trial.kind for trial in combined}) > 1:
        together = Candidate(
            name=" + ".join(trial.name for trial in combined), kind="all", machine="both", args=[word for t in combined for word in t.args]
        )
        trials.append(bench.measure(together, deadline - 2 * once, _PATIENCE * once))
    first = choose(trials, 0.0)
    if first is not None:
        trials.append(bench.measure(_again(first), deadline - once, _PATIENCE * once))
    again = bench.measure(_again(trials[0]), deadline)
    drift = abs(again.tokens_per_second / trials[0].tokens_per_second - 1) if not again.failure else None
    # The best must win both times.
    best = first if first is not None and drift is not None and choose([trials[0], trials[-1]], drift) else None
    _report([*trials, again], best, drift)
    storage.put(storage.join(run.output, "stats", "tune.json"), orjson.dumps([asdict(trial) for trial in [*trials, again]]))
    if best is not None:
        _take(best, engine, config_path, write=write)
    else:
        left = any(trial.failure == _TIME_IS_UP for trial in [*trials, again])
        _console.print("tune: the config stays as it is" + (", but not all was tried: raise --minutes" if left else ""))
    return trials


def _again(trial: Trial) -> Candidate:
    return Candidate(
        name=f"{trial.name}, again", kind=trial.kind, machine="both", args=list(trial.args), changes_outputs=trial.changes_outputs
    )


def candidates(*, on_gpu: bool) -> list[Candidate]:
    """The shipped settings that this machine can try."""
    listed = yaml.safe_load(files("jobs").joinpath("tune.yaml").read_text(encoding="utf-8"))
    found: list[Candidate] = [validate(Candidate, entry, "jobs/tune.yaml") for entry in listed]
    place = "gpu" if on_gpu else "cpu"
    return [c for c in found if c.machine in (place, "both") and (c.needs is None or importlib.util.find_spec(c.needs) is not None)]


def combine(trials: Sequence[Trial]) -> list[Trial]:
    """The best of each kind, where it beats the first trial, the default."""
    better = [trial for trial in trials[1:] if trial.tokens_per_second > trials[0].tokens_per_second * (1 + _MARGIN)]
    kinds = dict.fromkeys(trial.kind for trial in better)
    return [max((t for t in better if t.kind == kind), key=lambda t: t.tokens_per_second) for kind in kinds]


def choose(trials: Sequence[Trial], drift: float) -> Trial | None:
    """The fastest trial, if it beats the default, which comes first, by more than chance."""
    best = max(trials, key=lambda trial: trial.tokens_per_second)
    least = trials[0].tokens_per_second * (1 + max(_MARGIN, drift))
    return best if best.tokens_per_second > least else None


def sample_requests(run: Run, size: int) -> list[Request]:
    """Requests of the first steps of the run's recipes: those of documents drawn by their ids, all recipes of each."""
    tokenizer = Tokenizer.load(run.tokenizer)
    recipes = recipes_of(run.recipes)
    found: list[Request] = []
    sources = sources_of(run, recipes)
    for number, source in enumerate(sources, 1):
        tasks = [Task(recipes[index], recipes[index].steps[0], tokenizer, run.engine.model_name) for index in source.recipes]
        for row in _shuffled_rows(source):
            found += [request for task in tasks for request in requests_of([row], task)]
            if len(found) >= size * number / len(sources):
                break
    return found[:size]


def _shuffled_rows(source: Source) -> Iterator[Any]:
    paths = sorted((footer.path for footer in source.footers), key=lambda path: unit_interval(storage.name_of(path)))
    for path in paths:  # one object at a time: they are large, and the first one or two do
        for group in tables.read_row_groups(path):
            yield from sorted(rows_of(group, {}), key=lambda row: unit_interval(row.document.id))


def _gpus_of_an_executor(run: Run) -> int | None:
    """How many GPUs an engine of the run has, where the config says so."""
    if run.rewrite.executor is not None:
        return run.rewrite.executor.gpus
    amount = run.spark.conf.get("spark.executor.resource.gpu.amount")
    return int(amount) if amount else None


def visible_gpus() -> tuple[str, ...]:
    """The GPUs of this machine, as CUDA names them."""
    if (named := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return tuple(word for word in named.split(",") if word)
    with contextlib.suppress(OSError):
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # constant words
        return tuple(done.stdout.split()) if done.returncode == 0 else ()
    return ()


@dataclass(frozen=True)
class _Bench:
    """The requests that each setting answers, on a server of its own."""

    engine: VllmEngine
    requests: Sequence[Request]
    gpus: tuple[str, ...]
    in_flight: int

    def measure(self, candidate: Candidate, deadline: float, patience: float = math.inf) -> Trial:
        """Start a server with the candidate's arguments, and answer all requests before the deadline, in at most `patience` seconds."""
        trial = self._measure(candidate, deadline, patience)
        came = trial.failure or f"{trial.tokens_per_second:,.0f} tokens/s, {trial.startup_seconds:.0f} s to start"
        _console.print(f"tune: {trial.name}: {came}", soft_wrap=True)
        return trial

    def _measure(self, candidate: Candidate, deadline: float, patience: float) -> Trial:
        trial = Trial(candidate.name, tuple(candidate.args), changes_outputs=candidate.changes_outputs, kind=candidate.kind)
        seconds = min(deadline - time.monotonic(), patience)
        if seconds <= 0:
            return replace(trial, failure=_TIME_IS_UP)
        changes = {"args": [*self.engine.args, *candidate.args], "startup_timeout": min(self.engine.startup_timeout, seconds)}
        owner = Process.of(os.getpid())
        with _console.status(f"tune: {candidate.name}"):
            try:
                return asyncio.run(self._answer(trial, self.engine.model_copy(update=changes), owner, seconds))
            except UserError as error:
                return replace(trial, failure=error.what.removeprefix("vLLM does not start: "))
            except TimeoutError:
                return replace(trial, failure=f"not done within {seconds:.0f} s")
            finally:
                servers.stop_all(owner)

    async def _answer(self, trial: Trial, config: VllmEngine, owner: Process, seconds: float) -> Trial:
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


def _report(trials: Sequence[Trial], best: Trial | None, drift: float | None) -> None:
    words = "the default was not measured again, so nothing is chosen" if drift is None else f"the default drifted by {drift:.1%}"
    table = Table(title=f"Engine settings ({words})", title_justify="left")
    for name in ("setting", "start-up s", "tokens/s", "ratio", ""):
        table.add_column(name, justify="left" if name in ("setting", "") else "right", overflow="fold")
    for trial in trials:
        ratio = trial.tokens_per_second / trials[0].tokens_per_second
        words = trial.failure or ("best" if trial is best else "changes outputs" if trial.changes_outputs else "")
        figures = [f"{trial.startup_seconds:.0f}", f"{trial.tokens_per_second:,.0f}", f"{ratio:.2f}"] if not trial.failure else ["", "", ""]
        table.add_row(trial.name, *figures, words)
    Console(highlight=False).print(table)


def _take(best: Trial, engine: VllmEngine, config_path: str, *, write: bool) -> None:
    line = f"args: {orjson.dumps([*engine.args, *best.args]).decode()}"
    if write and write_args(config_path, [*engine.args, *best.args]):
        _console.print(f"tune: written to {config_path}: {line}", soft_wrap=True)
    else:
        _console.print(f"tune: put this under `engine:` in {config_path}:\n  {line}", soft_wrap=True)
