"""How fast a model writes on a GPU: as this run or a trial of it measured, as `rephrase tune` did, or as somebody has published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from rephrase import storage
from rephrase.engines.vllm.filling import FIRST
from rephrase.engines.vllm.settings import VllmSettings
from rephrase.errors import UserError
from rephrase.spark.stages.rewrite.spending import Spending

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.engines.settings import EngineSettings
    from rephrase.notes import GenerationsNote

_FULL = 4  # times the requests that a task keeps in flight, from which on the queue was full for most of the time


@dataclass(frozen=True, slots=True)
class Rate:
    """Output tokens a second of a GPU, or of a processor where there is none; and who says so."""

    tokens_per_second: float
    source: str


@cache
def published() -> dict[str, Any]:
    """The table of published rates."""
    table: dict[str, Any] = yaml.safe_load(files("rephrase.planning").joinpath("rates.yaml").read_text(encoding="utf-8"))
    return table


def price_of(run: Run, price: float | None) -> float | None:
    """The price of a GPU hour: the given one, or that of the run's budget; None where nobody says."""
    return price if price is not None else run.budget.price if run.budget else None


def rate_of(run: Run, settings: EngineSettings, notes: Sequence[GenerationsNote], told_by: str) -> Rate | None:
    """The rate of an engine: its own under a full queue, else that of `rephrase tune`, else a published one, else its own all the same.

    `notes`: those of units that it answered, by the run or the trial that `told_by` names.
    """
    own = measured_rate(run, settings.model_name, notes, told_by)
    in_flight = getattr(settings, "concurrency", 1) or FIRST
    if own is not None and sum(note.requests - note.reused for note in notes) >= _FULL * in_flight:
        return own
    other = _tuned(run, settings) or _published(settings.model_name)
    if other is None and own is not None:
        return Rate(own.tokens_per_second, f"{own.source}, with too few requests to fill the engine: a full one is faster")
    return other


def benchmark_of(run: Run, settings: EngineSettings) -> Rate | None:
    """What an engine writes under a full queue: by `rephrase tune`, else as published; None where nobody has measured it."""
    if tuned := _tuned(run, settings):
        return tuned
    if published_rate := _published_under_full_queue(settings.model_name):
        source = f"{published_rate.source}, whose own run realised {published()['realised']:.0%}"
        return Rate(published_rate.tokens_per_second, source)
    return None


def measured_rate(run: Run, model: str, notes: Sequence[GenerationsNote], told_by: str) -> Rate | None:
    """What a model wrote in each second in which GPUs of this run's executors had units for it; None where none had."""
    spending = Spending(run)
    for note in notes:
        if note.model == model:
            spending.add(note)
    if not (spending.gpu_seconds and spending.tokens):
        return None
    return Rate(spending.tokens / spending.gpu_seconds, f"measured by {told_by}")


def _tuned(run: Run, settings: EngineSettings) -> Rate | None:
    path = storage.join(run.whole, "stats", "tune.json")
    if not isinstance(settings, VllmSettings) or not storage.exists(path):
        return None
    try:
        alike = [
            trial["tokens_per_second"] / max(1, trial["gpus"])
            for trial in orjson.loads(storage.read(path))
            if trial.get("model") == settings.model_name  # earlier versions did not tell
            and trial["tokens_per_second"] > 0
            and trial["engine_args"] == settings.args
            and trial["tensor_parallel"] in (None, settings.tensor_parallel)
        ]
    except (ValueError, TypeError, AttributeError, KeyError) as error:  # whatever stands there
        raise UserError("not what `rephrase tune` has measured", where=path, cure="remove it, or run `rephrase tune` again") from error
    return Rate(alike[-1], "measured by `rephrase tune`, under a full queue") if alike else None


def _published(model: str) -> Rate | None:
    full = _published_under_full_queue(model)
    if full is None:
        return None
    realised = published()["realised"]
    said = f"{full.tokens_per_second:,.0f} tokens/s a GPU {full.source}, of which a run realises {realised:.0%}"
    return Rate(full.tokens_per_second * realised, said)


def _published_under_full_queue(model: str) -> Rate | None:
    table = published()
    name = model.rstrip("/").rsplit("/", 1)[-1].lower()
    known = [key for key in table["models"] if name == key.lower() or name.startswith(f"{key.lower()}-")]
    if not known:
        return None
    entry = table["models"][max(known, key=len)]
    on = f"(on {entry['tensor_parallel']} GPUs together) " if "tensor_parallel" in entry else ""
    return Rate(entry["default"], f"{on}by {table['source']}")
