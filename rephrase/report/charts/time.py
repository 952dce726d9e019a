"""When engines were at work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rephrase.live.words import span
from rephrase.report.charts.drawing import KEPT, ROW, SAYS, SERIES, axis, color_of, drawn, names_axis, time_unit
from rephrase.report.wording import count
from rephrase.report.work import Work

if TYPE_CHECKING:
    from markupsafe import Markup

    from rephrase.report.events import Queue

_PARTS = {
    "waiting for a first unit": "var(--reason-2)",
    "start": "var(--reason-5)",
    "generating": KEPT,
    "waiting between units": "var(--reason-1)",
    "idle after the last unit": "var(--reason-4)",
}
"""Of an engine's time, in their order, with their colours."""


def throughput(work: Work) -> Markup:
    """Tokens a second over time, one engine upon the other; of more than eight the sum."""
    names = [engine.name for engine in work.engines]
    whole = len(names) > len(SERIES)
    order = [f"all {len(names)} engines"] if whole else names
    unit, size = time_unit(work.ended - work.started)
    sums: dict[tuple[float, str], float] = {}
    for seconds, name, rate in work.curve:
        key = seconds / size, order[0] if whole else name
        sums[key] = sums.get(key, 0.0) + rate
    values = [
        {"at": at, "engine": name, "rate": rate, "says": f"{name}: {count(round(rate))} tokens/s"} for (at, name), rate in sums.items()
    ]
    encoding = {
        "x": _time_axis(unit),
        "y": {"field": "rate", "type": "quantitative", "title": "tokens/s", "axis": axis(grid=True, tickCount=4)},
        "color": color_of("engine", order, SERIES),
    }
    mark = {"type": "area", "interpolate": "step-after", "fillOpacity": 0.75}
    return drawn({"data": {"values": values}, "height": 180, "mark": mark, "encoding": encoding})


def requests(queues: Sequence[Queue], work: Work) -> Markup:
    """Requests that engines had in their batches and that waited for a place, over time."""
    unit, size = time_unit(work.ended - work.started)
    order = ["in batches", "waiting"]
    values = [
        {"at": (queue.at - work.started) / size, "kind": kind, "requests": number, "rank": rank}
        for queue in queues
        for rank, (kind, number) in enumerate(zip(order, (queue.running, queue.waiting or 0), strict=True))
    ]
    encoding = {
        "x": _time_axis(unit),
        "y": {"field": "requests", "type": "quantitative", "title": "requests", "axis": axis(grid=True, tickCount=4, tickMinStep=1)},
        "color": color_of("kind", order, [KEPT, "var(--reason-2)"]),
        "order": {"field": "rank", "type": "quantitative"},
    }
    mark = {"type": "area", "interpolate": "linear", "fillOpacity": 0.75}
    return drawn({"data": {"values": values}, "height": 140, "mark": mark, "encoding": encoding})


def times(work: Work, most: int = 24) -> Markup:
    """Where the time of each engine went, as shares of the run's; of many the `most` that were at work least."""
    engines = sorted(work.engines, key=lambda engine: engine.busy)[:most]
    values = []
    for engine in engines:
        parts = zip(_PARTS, (engine.late, engine.start or 0.0, engine.busy, engine.idle, engine.early), strict=True)
        for rank, (name, seconds) in enumerate(parts):
            if seconds > 0:
                says = f"{engine.name}: {name}, {span(seconds)}"
                share = seconds / max(work.seconds, 1e-9)
                values.append({"engine": engine.name, "part": name, "share": share, "rank": rank, "says": says})
    present = {value["part"] for value in values}
    shown = {name: color for name, color in _PARTS.items() if name in present}
    encoding = {
        "y": {**names_axis(sorted(engine.name for engine in engines)), "field": "engine"},
        "x": {
            "field": "share",
            "type": "quantitative",
            "title": "share of the time in which the run was at work",
            "axis": axis(format="%"),
            "scale": {"domain": [0, 1]},
        },
        "color": color_of("part", list(shown), list(shown.values())),
        "order": {"field": "rank", "type": "quantitative"},
        "description": SAYS,
    }
    return drawn({"data": {"values": values}, "height": {"step": ROW}, "mark": {"type": "bar", "height": 14}, "encoding": encoding})


def _time_axis(unit: str) -> dict[str, Any]:
    title = f"{unit} since the first unit"
    return {"field": "at", "type": "quantitative", "title": title, "axis": axis(tickCount=8), "scale": {"nice": False}}
