"""The sum of what executors tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rephrase.live.executor import LATE
from rephrase.live.figures import ExecutorFigures, Reading, Totals

STALLED = 60.0  # seconds without an answer or a token, though requests are in flight
_FAILING = 5.0  # the same where the server has said why; it may be busy for a moment, and take the next try
_NOW = 15.0  # seconds over which the present rate is taken, where there are readings that far apart
_LEAST = 5.0  # seconds over which any rate is taken: in the first moments few have begun to write
_PLACES = 2  # named where answers do not come


def totals_of(heard: Sequence[tuple[ExecutorFigures, float]]) -> Totals:
    """The sum of executors' figures, each with the seconds since it was heard. What late ones run and write now is not counted."""
    lively = [figures for figures, age in heard if age < LATE]
    everyone = [figures for figures, _ in heard]
    causes = sum((Counter(figures.causes) for figures in everyone), Counter[str]())
    queries = sum(figures.cache_queries for figures in everyone)
    waiting = [figures.waiting for figures in lively if figures.waiting is not None]
    quiet = list(_quiet(heard))
    busy = [figures.gpu_busy for figures in lively if figures.gpu_busy is not None]
    rates = [rate for figures in lively if (rate := rate_of(figures.readings)) is not None]
    return Totals(
        executors=len(heard),
        silent=sum(age >= LATE and figures.units > 0 for figures, age in heard),
        starting=sum(bool(figures.starting) for figures in lively),
        working=sum(figures.units > 0 and not figures.starting for figures in lively),
        start=next((figures.starting for figures in lively if figures.starting), ""),
        running=sum(figures.running for figures in lively),
        waiting=sum(waiting) if waiting else None,
        answers=sum(figures.answers for figures in everyone),
        failed=sum(figures.failed for figures in everyone),
        errors=causes.total(),
        most_frequent_error=causes.most_common(1)[0][0] if causes else "",
        causes=dict(causes),
        tokens=sum(figures.readings[-1].tokens for figures in everyone if figures.readings),
        tokens_per_second=sum(rates) if rates else None,
        mean_tokens_per_second=_mean(heard),
        cached=sum(figures.cache_hits for figures in everyone) / queries if queries else None,
        gpu_busy=sum(busy) / len(busy) if busy else None,
        units_in_flight=sum(figures.units for figures in everyone),
        work_done=sum(figures.work_done for figures in everyone),
        stall=_stall(quiet),
        all_stalled=bool(quiet) and len(quiet) == sum(figures.in_flight > 0 for figures in everyone),
    )


def rate_of(readings: Sequence[Reading]) -> float | None:
    """Tokens a second of late; None before the first token, and before readings are far enough apart for a rate worth telling."""
    if not readings or not readings[-1].tokens:
        return None
    last = readings[-1]
    before = next((reading for reading in reversed(readings[:-1]) if last.at - reading.at >= _NOW), readings[0])
    return (last.tokens - before.tokens) / (last.at - before.at) if last.at - before.at >= _LEAST else None


def _mean(heard: Sequence[tuple[ExecutorFigures, float]]) -> float | None:
    """Tokens a second since the first reading of any. Each is dated by how long ago it was heard: clocks of machines may differ."""
    told = [(figures.readings, age + figures.at) for figures, age in heard if figures.readings]
    if not told:
        return None
    tokens = sum(readings[-1].tokens - readings[0].tokens for readings, _ in told)
    seconds = max(now - readings[0].at for readings, now in told) - min(now - readings[-1].at for readings, now in told)
    return tokens / seconds if tokens and seconds >= _LEAST else None


def _quiet(heard: Sequence[tuple[ExecutorFigures, float]]) -> Iterator[tuple[float, ExecutorFigures]]:
    """Who has given no answer for long, after for how many seconds."""
    for figures, age in heard:
        least = _FAILING if figures.trouble else STALLED
        if figures.quiet_since is not None and (seconds := figures.at - figures.quiet_since + age) >= least:
            yield seconds, figures


def _stall(quiet: Sequence[tuple[float, ExecutorFigures]]) -> str:
    """In words, who has given no answer for long, for how long, and how many requests wait there."""
    if not quiet:
        return ""
    requests = sum(figures.in_flight for _, figures in quiet)
    places = sorted({place for _, figures in quiet for place in figures.places})
    others = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
    plural = "request waits" if requests == 1 else "requests wait"
    return f"no answer for {min(quiet, key=lambda one: one[0])[0]:.0f} s: {requests:,} {plural} at {', '.join(places[:_PLACES])}{others}"
