"""`rephrase tune`: which engine settings write the user's own requests fastest on this machine.

One setting at a time is tried against the engine as it is configured, each on a server of its own, then the best of each kind together.
No Spark is needed: it runs where it is called, on the GPUs that are visible there, or on the CPU.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.table import Table

from rephrase import storage
from rephrase.cli.tune_trials import TIME_IS_UP, Bench, Candidate, Trial, candidates, console, visible_gpus
from rephrase.config.edit import write_args
from rephrase.engines.base import Request
from rephrase.engines.vllm.settings import VllmSettings
from rephrase.errors import UserError
from rephrase.generation.loop import requests_of
from rephrase.generation.rows import rows_of
from rephrase.generation.step_run import StepRun
from rephrase.recipes.catalogue import recipes_of
from rephrase.records import unit_interval
from rephrase.spark.stages.rewrite.rows import Source, sources_of
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.config.run import Run

_SAMPLE = 512  # requests, where a few fill the engine
_PATIENCE = 3.0  # times the default's own time, after which a setting is given up
_MARGIN = 0.03  # a setting must be better by this share, and by more than the default's own drift


def tune(
    run: Run, config_path: str, *, minutes: float = 20.0, sample: int | None = None, write: bool = False, allow_fp8: bool = False
) -> list[Trial]:
    """Measure the settings, print a table, and write the best into the config if `write`. Returns the trials, the default first.

    `minutes` bounds the whole; `sample` is the number of requests each setting answers: by default 512, and on GPUs as many as the tasks
    of an executor keep in flight, for fewer would not fill an engine. Raises `UserError` for engines other than vllm, a missing documents
    table, and a default that does not start.
    """
    engine = run.engine
    if not isinstance(engine, VllmSettings):
        raise UserError("only a vllm engine has settings to tune", where="engine.kind", cure="set `engine.kind: vllm`, or use --model")
    deadline = time.monotonic() + 60 * minutes
    gpus = visible_gpus()[: _gpus_of_an_executor(run)]
    in_flight = engine.concurrency * (run.rewrite.tasks_per_gpu if gpus else 1)
    requests = sample_requests(run, sample or max(_SAMPLE, in_flight if gpus else 0))
    console.print(f"tune: {len(requests)} requests of this run, on {len(gpus)} GPUs" if gpus else f"tune: {len(requests)} requests, on CPU")
    bench = Bench(engine, requests, gpus, in_flight)
    default = Candidate(name="as configured", kind="", machine="both", args=[])
    trials = [bench.measure(default, deadline)]
    if trials[0].failure:
        raise UserError(f"the engine does not work as it is configured: {trials[0].failure}", where=engine.model)
    once = trials[0].startup_seconds + trials[0].seconds
    settings = [c for c in candidates(on_gpu=bool(gpus)) if allow_fp8 or not c.changes_outputs]
    # Time is kept for the best ones together, and for the best and the default again: the best of many owes something to chance.
    trials += [bench.measure(candidate, deadline - 3 * once, _PATIENCE * once) for candidate in settings]
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
        untried = any(trial.failure == TIME_IS_UP for trial in [*trials, again])
        console.print("tune: the config stays as it is" + (", but not all was tried: raise --minutes" if untried else ""))
    return trials


def _again(trial: Trial) -> Candidate:
    return Candidate(
        name=f"{trial.name}, again", kind=trial.kind, machine="both", args=list(trial.args), changes_outputs=trial.changes_outputs
    )


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
    requests: list[Request] = []
    sources = sources_of(run, recipes)
    for number, source in enumerate(sources, 1):
        step_runs = [StepRun(recipes[index], recipes[index].steps[0], tokenizer, run.engine.model_name) for index in source.recipes]
        for row in _shuffled_rows(source):
            requests += [request for step_run in step_runs for request in requests_of([row], step_run)]
            if len(requests) >= size * number / len(sources):
                break
    return requests[:size]


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


def _report(trials: Sequence[Trial], best: Trial | None, drift: float | None) -> None:
    note = "the default was not measured again, so nothing is chosen" if drift is None else f"the default drifted by {drift:.1%}"
    table = Table(title=f"Engine settings ({note})", title_justify="left")
    for name in ("setting", "start-up s", "tokens/s", "ratio", ""):
        table.add_column(name, justify="left" if name in ("setting", "") else "right", overflow="fold")
    for trial in trials:
        ratio = trial.tokens_per_second / trials[0].tokens_per_second
        note = trial.failure or ("best" if trial is best else "changes outputs" if trial.changes_outputs else "")
        figures = [f"{trial.startup_seconds:.0f}", f"{trial.tokens_per_second:,.0f}", f"{ratio:.2f}"] if not trial.failure else ["", "", ""]
        table.add_row(trial.name, *figures, note)
    Console(highlight=False).print(table)


def _take(best: Trial, engine: VllmSettings, config_path: str, *, write: bool) -> None:
    line = f"args: {orjson.dumps([*engine.args, *best.args]).decode()}"
    if write and write_args(config_path, [*engine.args, *best.args]):
        console.print(f"tune: written to {config_path}: {line}", soft_wrap=True)
    else:
        console.print(f"tune: put this under `engine:` in {config_path}:\n  {line}", soft_wrap=True)
