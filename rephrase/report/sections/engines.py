"""The engines' work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rephrase.live.words import counted, span
from rephrase.report.charts import bars, time
from rephrase.report.page import Part, Section
from rephrase.report.wording import NOTHING, count, large, listed, percent

if TYPE_CHECKING:
    from rephrase.report.events import Events
    from rephrase.report.realised import Realised
    from rephrase.report.work import Work

_MOST = 24  # engines in a table
_FEWEST = 3  # readings of which a curve tells something


def engines(work: Work | None, realised: Sequence[Realised], events: Events | None) -> Section:
    """How fast engines wrote, and where their time went."""
    title = "Engines and their time"
    if work is None:
        says = "No data, because no unit of this run asked an engine: all completions were there."
        return Section("work", "Engines", title, [Part(says=says), *_from_events(None, events)])
    parts = [
        _by_model(work, realised),
        Part("Throughput", charts=[("Each unit's tokens, spread evenly over its time.", time.throughput(work))]),
        _times(work),
        *_from_events(work, events),
    ]
    return Section("work", "Engines", title, parts)


def _by_model(work: Work, realised: Sequence[Realised]) -> Part:
    tokens = sum(engine.tokens for engine in work.engines)
    took = f"wrote {large(tokens)} tokens in {span(work.seconds)}"
    if work.engine_seconds is not None:
        says = f"{counted(work.servers, 'engine')} {took}: {span(work.engine_seconds)} of engine time, with starts and all waiting."
    else:
        says = (
            f"{counted(len(work.engines), 'executor')} {took}, by an engine that works on no GPU of this run (a server elsewhere, or a "
            "recording): there are no engine hours to tell."
        )
    if work.taken_over:
        says += f" {large(work.taken_over)} tokens more were taken over from a trial or an earlier run, which tells of their time."
    told = [f"`{one.model}` {percent(one.share)} of {count(one.benchmark.tokens_per_second)} tokens/s" for one in realised if one.benchmark]
    if told:
        says += f" Realised ÷ benchmark: {listed(told)}."
    columns = ("model", "#engines", "#tokens", "#tokens/s at work", "#tokens/s with waiting", "#benchmark", "#realised", "benchmark by")
    rows = [
        (
            one.model or NOTHING,
            count(one.engines),
            large(one.tokens),
            count(one.at_work),
            count(one.with_waiting),
            count(one.benchmark.tokens_per_second if one.benchmark else None),
            percent(one.share),
            one.benchmark.source.replace("`", "") if one.benchmark else NOTHING,
        )
        for one in realised
    ]
    notes = []
    if work.servers:
        notes.append(
            "Tokens/s of a GPU; a machine without one counts as one. At work: from when a server could answer, while it had units."
        )
    if work.servers and not told:
        notes.append("No benchmark to compare with: `rephrase tune run.yaml` measures one, `--benchmark N` names one in tokens/s a GPU.")
    shown, cells = _told(columns, rows)
    return Part(says=says, columns=shown, rows=cells, notes=notes)


def _told(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """A table without the columns of which nothing is known."""
    known = [place for place in range(len(columns)) if any(row[place] != NOTHING for row in rows)]
    return [columns[place] for place in known], [[row[place] for place in known] for row in rows]


def _times(work: Work) -> Part:
    shares = work.shares()
    knows = any(engine.start is not None for engine in work.engines)
    parts = [f"{percent(share)} {name}" for name, share in shares.items() if knows or name != "start"]
    says = f"Of the time of all {'engines' if work.servers else 'executors'}: {listed(parts)}."
    columns = ("engine", "model", "#units", "#tokens", "#tokens/s", "#start", "#waiting", "#idle", "#generating", "#of the time")
    rows = [
        (
            e.name,
            e.model or NOTHING,
            count(e.units),
            large(e.tokens),
            count(e.rate),
            NOTHING if e.start is None else span(e.start),
            span(e.waiting),
            span(e.early),
            span(e.busy),
            percent(e.busy / max(work.seconds, 1e-9)),
        )
        for e in sorted(work.engines, key=lambda engine: -engine.tokens)[:_MOST]
    ]
    meaning = "Start: a unit waits for the server. Generating: units are in flight. Waiting: no unit is, before the first or between two. "
    notes = [f"{meaning}Idle: after the last, while others still work."]
    if len(work.engines) > _MOST:
        notes.append(f"The {_MOST} engines that wrote most, of {count(len(work.engines))}.")
    if not knows and work.servers:
        notes.append("When servers could answer is not noted, as by versions before 0.2: their start counts as generating.")
    shown, cells = _told(columns, rows)
    return Part("Where the time went", says=says, charts=[("", time.times(work))], columns=shown, rows=cells, notes=notes)


def _from_events(work: Work | None, events: Events | None) -> Iterator[Part]:
    if events is None:
        says = "Not told, and neither are requests in engines: the run has no event log in `logs/`. Versions before 0.2 wrote none."
        yield Part("Time by stage", says=says)
        return
    rows = [(stage, seconds, span(seconds) if seconds >= 1 else "less than 1 s") for stage, seconds in events.stages.items()]
    if rows:
        yield Part("Time by stage", charts=[("", bars.spans(rows))])
    if work is None:
        return
    if len(events.queues) < _FEWEST:
        says = "Not told: engines tell their requests once a minute, and fewer than three such moments are in the event log."
        yield Part("Requests in engines", says=says)
        return
    yield Part("Requests in engines", says=_of_queues(events), charts=[("", time.requests(events.queues, work))])


def _of_queues(events: Events) -> str:
    known = [queue for queue in events.queues if queue.waiting is not None]
    says = []
    if known:
        empty = sum(not queue.waiting for queue in known) / len(known)
        says.append(f"No request waited at {percent(empty)} of {count(len(known))} moments: engines then had room for more.")
    busy = [queue.gpu_busy for queue in events.queues if queue.gpu_busy is not None]
    if busy:
        says.append(f"GPUs computed for {percent(sum(busy) / len(busy))} of the time.")
    return " ".join(says)
