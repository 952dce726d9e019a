"""How fast each model wrote in a run, beside what its engine writes under a full queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rephrase.planning.rates import Rate, benchmark_of, measured_rate
from rephrase.report.work import work_of
from rephrase.spark.stages.rewrite.spending import gpus_of

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.notes import GenerationsNote


@dataclass(frozen=True, slots=True)
class Realised:
    """What the engines of one model wrote. Rates are tokens a second of a GPU; a machine without counts as one."""

    model: str
    engines: int
    tokens: int
    """Without those that were taken over from earlier runs."""
    at_work: float | None
    """Rate from when servers could answer, while they had units; None where nothing tells."""
    with_waiting: float
    """Rate over all of the engines' time: starts, waiting and idle ends among it."""
    benchmark: Rate | None
    """None where nobody has measured it, or another's server wrote."""

    @property
    def share(self) -> float | None:
        """Of the benchmark, with all waiting; None without one."""
        return self.with_waiting / self.benchmark.tokens_per_second if self.benchmark else None

    def to_json(self) -> dict[str, Any]:
        """The figures, and what follows from them."""
        return {**asdict(self), "realised_of_benchmark": self.share}


def realised_of(run: Run, notes: Sequence[GenerationsNote], benchmark: float | None = None) -> tuple[Realised, ...]:
    """By model. `benchmark`: tokens a second of a GPU to compare all with, by default what `rephrase plan` would take for a full queue."""
    by_model: dict[str, list[GenerationsNote]] = {}
    for note in notes:
        by_model.setdefault(note.model, []).append(note)
    return tuple(one for model, own in sorted(by_model.items()) if (one := _of_model(run, model, own, benchmark)))


def _of_model(run: Run, model: str, notes: Sequence[GenerationsNote], benchmark: float | None) -> Realised | None:
    work = work_of(notes)
    if work is None:
        return None
    settings = next((one for one in run.all_engines.by_name.values() if one.model_name == model), None)
    gpus = gpus_of(run, settings) if settings and work.servers else 1
    tokens = sum(engine.tokens for engine in work.engines)
    at_work = measured_rate(run, model, notes, "this run")
    compared = None
    if benchmark is not None:
        compared = Rate(benchmark, "as named by --benchmark")
    elif settings is not None and work.servers:
        compared = benchmark_of(run, settings)
    return Realised(
        model=model,
        engines=len(work.engines),
        tokens=tokens,
        at_work=at_work.tokens_per_second if at_work else None,
        with_waiting=tokens / max(work.seconds * len(work.engines) * gpus, 1e-9),
        benchmark=compared,
    )
