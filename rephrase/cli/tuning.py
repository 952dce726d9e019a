"""`rephrase tune`: which engine settings write the user's own requests fastest on this machine.

Successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943): each setting is tried alone on a server of its own; the better half is
combined, kind by kind, and tried twice as long; the best two of those and the engine as it is configured are tried longer again, in
several windows, whose spread tells a gain from chance. No Spark is needed: it runs where it is called, on the GPUs that are visible
there, or on the CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from rich.table import Table

from rephrase import storage
from rephrase.cli.tune_trials import TIME_IS_UP, Bench, Candidate, Change, Trial, candidates, console
from rephrase.config.edit import write_engine
from rephrase.engines.base import Request
from rephrase.engines.devices import visible_gpus
from rephrase.engines.vllm.filling import FIRST
from rephrase.engines.vllm.settings import VllmSettings
from rephrase.errors import UserError
from rephrase.generation.loop import requests_of
from rephrase.generation.rows import rows_of
from rephrase.generation.step_run import StepRun
from rephrase.live.plain_console import PlainConsole
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.template import TemplateStep
from rephrase.records import unit_interval
from rephrase.spark.runtime.gpus import configured_gpus
from rephrase.spark.stages.rewrite.rows import Source, sources_of
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.config.run import Run

_SAMPLE = 512  # requests, where a few fill the engine
_LAPS = 4  # times the requests in flight: in a shorter sample, the prefix cache finds what a run would not
_PATIENCE = 3.0  # times the default's own time, after which a setting is given up
_LEAST_PATIENCE = 60.0  # seconds: small models start faster than a busy machine lets them
_MARGIN = 0.03  # a setting must be better by this share, beside winning every window
_FINAL = 3  # windows, of twice the length
CONFIGURED = Candidate(name="as configured", kind="", args=[])


@dataclass(frozen=True)
class _Search:
    """The trials of a search, within its time."""

    bench: Bench
    deadline: float
    seconds: float  # of a window in the first round
    trials: list[Trial]

    def round(self, settings: Sequence[Candidate], *, times: int = 1, windows: int = 1, keep: float = 0.0) -> list[Trial]:
        """Try some settings in windows of `times` the first round's length, and keep some seconds of the search's time."""
        first = self.trials[0].seconds if self.trials else 0.0
        length = self.seconds * times
        patience = max(_LEAST_PATIENCE, _PATIENCE * first) + length * windows if first else math.inf
        deadline = self.deadline - keep
        round_ = [self.bench.measure(one, deadline, seconds=length, windows=windows, patience=patience) for one in settings]
        self.trials.extend(round_)
        return round_


def tune(
    run: Run,
    config_path: str,
    *,
    minutes: float = 20.0,
    sample: int | None = None,
    seconds: float = 20.0,
    write: bool = False,
    changes: Collection[Change] = (),
    engine_name: str | None = None,
) -> list[Trial]:
    """Measure the settings, print a table, and write the best into the config if `write`. Returns all trials, in their order.

    `minutes` bounds the whole; `sample` is the number of requests that go round: by default 512, and on GPUs four times as many as the
    tasks of an executor keep in flight; `seconds` is the length of a window in the first round; `changes` allows settings that change
    what is written; `engine_name` is one of the run's engines, by default its writer. Raises `UserError` for engines other than vllm, a
    missing documents table, and a default that does not start.
    """
    engine = run.all_engines.find(engine_name)
    if not isinstance(engine, VllmSettings):
        raise UserError("only a vllm engine has settings to tune", where="engine.kind", cure="set `engine.kind: vllm`, or use --model")
    gpus = visible_gpus()[: configured_gpus(run)]
    in_flight = (engine.concurrency or FIRST) * (run.rewrite.tasks_per_gpu if gpus else 1)
    size = sample or max(_SAMPLE, _LAPS * in_flight if gpus else 0)
    requests = sample_requests(run, size, engine_name)
    documents_first = sample_requests(run, size, engine_name, documents_first=True) if "document_first" in changes else []
    bench = Bench(engine, requests, documents_first, gpus, in_flight)
    where = f"on {len(gpus)} GPUs" if gpus else "on CPU"
    console.print(f"tune: {len(requests)} requests of this run, {in_flight} in flight, {where}; {seconds:g} s a trial under a full queue")
    search = _Search(bench, time.monotonic() + 60 * minutes, seconds, [])
    [default] = search.round([CONFIGURED])
    if default.failure:
        raise UserError(f"the engine does not work as it is configured: {default.failure}", where=engine.model)
    winner = _search(search, candidates(gpus=len(gpus), changes=changes))
    _report(search.trials, winner)
    machine = {"model": engine.model_name, "gpus": len(gpus)}
    entries = [{**trial.entry(), **machine, "engine_args": [*engine.args, *trial.candidate.args]} for trial in search.trials]
    storage.put(storage.join(run.output, "stats", "tune.json"), orjson.dumps(entries))
    if winner is not None:
        name = run.all_engines.name(engine_name) if run.all_engines.are_several else None
        _take(winner.candidate, engine, config_path, name, write=write)
    else:
        untried = any(trial.failure == TIME_IS_UP for trial in search.trials)
        console.print("tune: the config stays as it is" + (", but not all was tried: raise --minutes" if untried else ""))
    return search.trials


def _search(search: _Search, settings: Sequence[Candidate]) -> Trial | None:
    """The setting that wins, if one does. Time is kept for the later rounds: the best of many in a short one owes something to chance."""
    default = search.trials[0]
    final = 3 * (default.seconds + search.seconds * 2 * _FINAL)
    single = search.round(settings, keep=final + 2 * (default.seconds + search.seconds))
    better = better_half(single, default)
    if not better:
        return None
    second = search.round([better[0].candidate, *combinations(better)], times=2, keep=final)
    best = sorted((trial for trial in second if not trial.failure), key=lambda trial: -trial.rate)[:2]
    if not best:
        return None
    finalists = search.round([CONFIGURED, *(trial.candidate for trial in best)], times=2, windows=_FINAL)
    return choose(finalists)


def better_half(trials: Sequence[Trial], default: Trial) -> list[Trial]:
    """The best half of some trials, fastest first, as far as they are faster than the default."""
    ranked = sorted(trials, key=lambda trial: -trial.rate)[: (len(trials) + 1) // 2]
    return [trial for trial in ranked if trial.rate > default.rate]


def combinations(trials: Sequence[Trial]) -> list[Candidate]:
    """The best of each kind put together: the best two kinds, the best three, and so on."""
    best = list({trial.candidate.kind: trial.candidate for trial in reversed(trials)}.values())[::-1]
    return [_together(best[:size]) for size in range(2, len(best) + 1)]


def _together(settings: Sequence[Candidate]) -> Candidate:
    changes = max((setting.changes for setting in settings if setting.changes), key=lambda change: change == "document_first", default=None)
    args = [argument for setting in settings for argument in setting.args]
    each = next((setting.tensor_parallel for setting in settings if setting.tensor_parallel is not None), None)
    name = " + ".join(setting.name for setting in settings)
    return Candidate(name=name, kind="several", args=args, tensor_parallel=each, changes=changes)


def choose(finalists: Sequence[Trial]) -> Trial | None:
    """The fastest, if it beats the first, the default, by more than the margin, and in its worst window the default's best."""
    default, best = finalists[0], max(finalists, key=lambda trial: trial.rate)
    if default.failure or best.failure or best.rate <= default.rate * (1 + _MARGIN):
        return None
    return best if min(best.rates) > max(default.rates) else None


def sample_requests(run: Run, size: int, engine_name: str | None = None, *, documents_first: bool = False) -> list[Request]:
    """Requests of the first steps of the run's recipes that an engine answers: those of documents drawn by their ids, all recipes of each.

    `documents_first`: with their passage in front, where a recipe's prompt has one. Raises `UserError` where no recipe begins with the
    engine: later steps ask about answers that are not there yet.
    """
    tokenizer = Tokenizer.load(run.tokenizer)
    engines, recipes = run.all_engines, recipes_of(run.recipes)
    asked = engines.name(engine_name)
    own = {index for index, recipe in enumerate(recipes) if engines.name(recipe.engine_of(recipe.steps[0])) == asked}
    if not own:
        cure = "tune it by a config with a recipe that begins with it"
        raise UserError(f"no recipe begins with the engine `{asked}`, so that it has no requests yet", where="tune", cure=cure)
    requests: list[Request] = []
    model = engines.by_name[asked].model_name
    sources = [source for source in sources_of(run, recipes) if own.intersection(source.recipes)]
    for number, source in enumerate(sources, 1):
        steps = [(recipes[index], recipes[index].steps[0]) for index in source.recipes if index in own]
        if documents_first:
            steps = [(recipe, step.document_first() if isinstance(step, TemplateStep) else step) for recipe, step in steps]
        step_runs = [StepRun(recipe, step, tokenizer, model) for recipe, step in steps]
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


def _report(trials: Sequence[Trial], winner: Trial | None) -> None:
    table = Table(title="Engine settings: output tokens a second under a full queue", title_justify="left")
    for name in ("setting", "start-up s", "tokens/s", "spread", "ratio", ""):
        table.add_column(name, justify="left" if name in ("setting", "") else "right", overflow="fold")
    default = trials[0]
    for trial in trials:
        if trial.candidate is CONFIGURED and not trial.failure:
            default = trial  # of its round or an earlier one: a machine's speed drifts
        spread = f"{(max(trial.rates) - min(trial.rates)) / trial.rate:.1%}" if len(trial.rates) > 1 else ""
        ratio = f"{trial.rate / default.rate:.2f}" if not trial.failure else ""
        figures = [f"{trial.startup_seconds:.0f}", f"{trial.rate:,.0f}"] if not trial.failure else ["", ""]
        note = trial.failure or ("best" if trial is winner else "changes outputs" if trial.candidate.changes else "")
        table.add_row(trial.candidate.name, *figures, spread, ratio, note)
    PlainConsole().print(table)


def _take(best: Candidate, engine: VllmSettings, config_path: str, name: str | None, *, write: bool) -> None:
    if best.changes == "document_first":
        console.print("tune: set `document_first: true` on the recipes; their prompts change with it, so a run begins anew", soft_wrap=True)
    settings: dict[str, Any] = {}
    if best.tensor_parallel is not None:
        settings["tensor_parallel"] = best.tensor_parallel
    if best.args:
        settings["args"] = [*engine.args, *best.args]
    if not settings:
        return
    lines = [f"{key}: {orjson.dumps(value).decode()}" for key, value in settings.items()]
    if write and write_engine(config_path, settings, name):
        console.print(f"tune: written to {config_path}: {', '.join(lines)}", soft_wrap=True)
    else:
        place = "engine:" if name is None else f"engines.{name}:"
        console.print("\n  ".join([f"tune: put this under `{place}` in {config_path}:", *lines]), soft_wrap=True)
