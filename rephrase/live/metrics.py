"""The live figures as metrics for Prometheus: an HTTP endpoint on the driver, for as long as a command runs its stages."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.live.figures import StageFigures

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_GAUGES = {
    "units": "Units of the stage.",
    "units_done": "Units that are done, also by earlier commands.",
    "stage_seconds": "How long the stage has been at work in this command.",
    "left_seconds": "Seconds within which the stage ends, most likely: at least and at most.",
    "executors": "Executors with work, by whether their engine starts, answers, or has told nothing for 45 s.",
    "requests_running": "Requests in the batches of engines.",
    "requests_waiting": "Requests that wait in servers for a place in a batch.",
    "tokens_per_second": "Tokens that engines write a second, over the last 15 s.",
    "prefix_cache_hit_ratio": "Share of prompt tokens that were in prefix caches.",
    "gpu_busy_ratio": "Mean share of time in which GPUs computed.",
    "stalled": "1 while no answer comes though requests are in flight.",
    "budget_spent_ratio": "Share of a limit of the budget that is spent, by earlier commands too.",
}
_COUNTERS = {
    "answers": "Prompts that have come back, those of units in flight and those that failed among them.",
    "completion_tokens": "Tokens that engines wrote, those for units in flight among them.",
    "prompt_tokens": "Tokens of the prompts of finished units.",
    "generations": "Rows of generations that finished units stored.",
    "reused": "Completions of these that an earlier run wrote.",
    "errors": "Answers that are errors, those of units in flight among them, by cause.",
    "verdicts": "Rows that finished units of the stages screen and filter judged, by verdict.",
}

_Sample = tuple[str, dict[str, str], float | None]  # of which metric, its labels but the stage, and its value; None where nobody knows


class _Collector:
    """The last figures of each stage of a command. Prometheus's threads read them."""

    def __init__(self) -> None:
        self._stages: dict[str, StageFigures] = {}

    def take(self, figures: StageFigures) -> None:
        """Show these instead of earlier ones of the same stage."""
        self._stages[figures.stage] = figures

    def collect(self) -> Iterator[Metric]:
        """All metrics; called by Prometheus's registry."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        samples = [(figures.stage, sample) for figures in list(self._stages.values()) for sample in _samples(figures)]
        for kind, texts in ((GaugeMetricFamily, _GAUGES), (CounterMetricFamily, _COUNTERS)):
            for name, text in texts.items():
                family = kind(f"rephrase_{name}", text)
                for stage, (metric, labels, value) in samples:
                    if metric == name and value is not None:
                        suffix = "_total" if kind is CounterMetricFamily else ""
                        family.add_sample(f"rephrase_{name}{suffix}", {"stage": stage, **labels}, value)
                yield family


_collectors: list[_Collector] = []


@contextlib.contextmanager
def served(address: str, port: int) -> Iterator[None]:
    """Serve what `show` is given, on a port of one address or, with `0.0.0.0`, of all addresses of this machine.

    Raises `UserError` where the library is missing or the port cannot be had.
    """
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ModuleNotFoundError as error:
        raise UserError(
            "prometheus-client is not installed", where="metrics", cure="pip install '.[metrics]' in the checkout of rephrase"
        ) from error
    collector, registry = _Collector(), CollectorRegistry()
    registry.register(collector)
    try:
        server, _ = start_http_server(port, address, registry)
    except OSError as error:
        what = (
            f"port {port} of {address} cannot be had for metrics: {os.strerror(error.errno) if error.errno and error.errno > 0 else error}"
        )
        cure = "another run may hold it: name another `port`; `address` is one of this machine's own, or 0.0.0.0 for all of them"
        raise UserError(what, where="metrics", cure=cure) from error
    _collectors.append(collector)
    try:
        yield
    finally:
        _collectors.remove(collector)
        server.shutdown()
        server.server_close()


def show(figures: Callable[[], StageFigures]) -> None:
    """Let the endpoint show a stage's figures, if there is one."""
    if _collectors:
        _collectors[-1].take(figures())


def _samples(figures: StageFigures) -> Iterator[_Sample]:
    """Every sample of a stage."""
    totals, least_most = figures.totals, figures.seconds_left
    if figures.units_in_all:
        yield "units", {}, figures.units_in_all
        yield "units_done", {}, figures.units
    yield "stage_seconds", {}, figures.seconds
    for bound, seconds in zip(("least", "most"), least_most or (), strict=False):
        yield "left_seconds", {"bound": bound}, seconds
    for limit, share in figures.budget.items():
        yield "budget_spent_ratio", {"limit": limit}, share
    yield from _engines(figures)
    counts = {name: value for name, value in figures.counts.items() if isinstance(value, int)}
    by_name = {name: value for name, value in figures.counts.items() if not isinstance(value, int)}
    for verdict, rows in by_name.get("verdicts", {}).items():
        yield "verdicts", {"verdict": verdict}, rows
    # Both only grow. What executors tell is ahead while units are in flight; at the end their last words may not have been heard.
    for cause, answers in (_by_code(totals.causes) | _by_code(by_name.get("causes", {}))).items():
        yield "errors", {"cause": cause}, answers
    if totals.executors or "generations" in counts:
        yield "answers", {}, max(totals.answers, counts.get("generations", 0))
        yield "completion_tokens", {}, max(totals.tokens, counts.get("completion_tokens", 0) - counts.get("reused_tokens", 0))
        for name in ("prompt_tokens", "generations", "reused"):
            yield name, {}, counts.get(name, 0)


def _engines(figures: StageFigures) -> Iterator[_Sample]:
    """What engines are at; nothing of stages without any."""
    totals = figures.totals
    if totals.executors:
        for state, executors in (("starting", totals.starting), ("working", totals.working), ("silent", totals.silent)):
            yield "executors", {"state": state}, executors
        yield "requests_running", {}, totals.running
        yield "requests_waiting", {}, totals.waiting
        yield "tokens_per_second", {}, totals.tokens_per_second
        yield "prefix_cache_hit_ratio", {}, totals.cached
        yield "gpu_busy_ratio", {}, totals.gpu_busy
        yield "stalled", {}, float(bool(totals.stall))


def _by_code(causes: Mapping[str, int]) -> Counter[str]:
    """Errors by code alone: what servers say beside it may be anything."""
    codes = Counter[str]()
    for cause, answers in causes.items():
        codes[cause.split(" ", 1)[0].rstrip(":")] += answers
    return codes
