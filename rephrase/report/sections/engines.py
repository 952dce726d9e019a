"""The engines' work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rephrase.report.charts import time
from rephrase.report.page import Part, Section
from rephrase.report.wording import NOTHING, count, counted, large, percent
from rephrase.spark.runtime.progress import span

if TYPE_CHECKING:
    from rephrase.report.work import Work


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Tokens a second of one engine under a full queue, and who measured it."""

    rate: float
    source: str


def throughput(work: Work | None, benchmark: Benchmark | None) -> Section:
    """How fast engines wrote, and where their time went."""
    title = "Engines and their time"
    if work is None:
        return Section(
            "work", "Engines", title, [Part(says="No data, because no unit of this run asked an engine: all completions were there.")]
        )
    tokens = sum(engine.tokens for engine in work.engines)
    realised = tokens / max(work.seconds * len(work.engines), 1e-9)
    says = (
        f"{counted(len(work.engines), 'engine')} wrote {large(tokens)} tokens in {span(work.seconds)}: "
        f"{span(work.seconds * len(work.engines))} of engines, {count(realised)} tokens/s an engine with all waiting."
    )
    if benchmark:
        says += f" That is {percent(realised / benchmark.rate)} of {count(benchmark.rate)} tokens/s, {benchmark.source}."
        notes = []
    else:
        notes = ["No benchmark to compare with: `rephrase tune run.yaml` measures one, `--benchmark N` names one in tokens/s an engine."]
    columns = ("engine", "model", "#units", "#tokens", "#tokens/s in flight", "#in flight", "#waiting", "#of the time")
    rows = [
        (
            e.name,
            e.model or NOTHING,
            count(e.units),
            large(e.tokens),
            count(e.rate),
            span(e.busy),
            span(e.late + e.idle + e.early),
            percent(e.busy / max(work.seconds, 1e-9)),
        )
        for e in sorted(work.engines, key=lambda engine: -engine.tokens)[:24]
    ]
    about = "An engine is a server, or all engines of a host that have none."
    notes.append(f"{about} Its start, and what it waits for within a unit, count as in flight.")
    parts = [
        Part(says=says, notes=notes),
        Part("Over time", charts=[("Each unit's tokens, spread evenly over its time.", time.throughput(work))]),
        Part("Where the time went", charts=[("", time.times(work))], columns=columns, rows=rows),
    ]
    return Section("work", "Engines", title, parts)
