"""Charts as SVG, drawn by Vega-Lite as the page is made: it needs no script for them, prints them sharp, and colours them by its own style.

Colours are variables of the page's style (`page.css`), so that light, dark and paper each have their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from rephrase.report.wording import count, percent, short_number
from rephrase.report.work import Work
from rephrase.spark.runtime.progress import span

_WIDTH = 660
_ROW = 22  # pixels of a bar with the space around it
_BINS = 30
_MEASURED, _SHOWN = 14, 12  # pixels of letters: the reader's font may be wider than that by which room is made
_SERIES = [f"var(--series-{number})" for number in range(1, 9)]
_REASONS = [f"var(--reason-{number})" for number in range(1, 7)]
_KEEP, _REJECT = "var(--keep)", "var(--reject)"
_CONFIG: dict[str, Any] = {
    "background": None,
    "padding": {"left": 8, "right": 5, "top": 5, "bottom": 5},
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "titleFontWeight": "normal",
        "titleFontSize": _MEASURED,
        "labelFontSize": _MEASURED,
        "labelLimit": 240,
        "gridColor": "var(--line)",
        "domain": False,
        "ticks": False,
        "labelPadding": 6,
        "titlePadding": 8,
    },
    "axisY": {"grid": False},
    "legend": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--muted)",
        "titleFontWeight": "normal",
        "titleFontSize": _MEASURED,
        "labelFontSize": _MEASURED,
        "orient": "bottom",
        "symbolType": "square",
        "columns": 4,
        "columnPadding": 30,
        "labelLimit": 200,
    },
}


def drawn(spec: Mapping[str, Any]) -> Markup:
    """A Vega-Lite chart as SVG to stand in a page. What it says comes from data, which Vega escapes."""
    import vl_convert  # a compiled V8: loaded where a chart is drawn

    svg: str = vl_convert.vegalite_to_svg({"width": _WIDTH, "config": _CONFIG, **spec}, allowed_base_urls=[])
    svg = svg.replace(' font-family="sans-serif"', "").replace(f'"{_MEASURED}px"', f'"{_SHOWN}px"')
    return Markup(svg.replace("<svg ", '<svg role="img" ', 1))  # noqa: S704  # made by Vega


def bars(rows: Sequence[tuple[str, float, str]], title: str, *, color: str = _SERIES[0]) -> Markup:
    """A bar for each name, number and what is said of it, in their order, with that written at its end."""
    values = [{"name": name, "value": value, "says": says} for name, value, says in rows]
    order = [name for name, _, _ in rows]
    shared = {
        "y": _names(order),
        "x": {"field": "value", "type": "quantitative", "title": title, "axis": _axis(tickMinStep=1), "scale": _roomy(rows)},
    }
    layers = [
        {"mark": {"type": "bar", "color": color, "height": 14, "cornerRadiusEnd": 2}, "encoding": {"description": _SAYS}},
        {
            "mark": {"type": "text", "align": "left", "dx": 6, "color": "var(--ink)", "fontSize": 12, "aria": False},
            "encoding": {"text": {"field": "says"}},
        },
    ]
    return drawn({"data": {"values": values}, "height": {"step": _ROW}, "encoding": shared, "layer": layers})


def verdicts(by_recipe: Mapping[str, Mapping[str, int]]) -> Markup:
    """For each recipe, the shares of rows that were kept and that each check rejected; checks that reject few are one."""
    sums: dict[str, int] = {}
    for counts in by_recipe.values():
        for verdict, number in counts.items():
            sums[verdict] = sums.get(verdict, 0) + number
    reasons = sorted((name for name in sums if name != "keep"), key=lambda name: -sums[name])
    named = reasons if len(reasons) <= len(_REASONS) else reasons[: len(_REASONS) - 1]
    order = ["kept", *named, *(["other checks"] if len(named) < len(reasons) else [])]
    values = []
    for recipe, counts in by_recipe.items():
        total = sum(counts.values())
        shown: dict[str, int] = {}
        for verdict, number in counts.items():
            name = "kept" if verdict == "keep" else verdict if verdict in named else "other checks"
            shown[name] = shown.get(name, 0) + number
        for name, number in shown.items():
            says = f"{recipe}: {name}, {count(number)} of {count(total)} ({percent(number / total)})"
            values.append({"recipe": recipe, "verdict": name, "share": number / total, "rank": order.index(name), "says": says})
    encoding = {
        "y": {**_names(list(by_recipe)), "field": "recipe"},
        "x": {
            "field": "share",
            "type": "quantitative",
            "title": "share of generations",
            "axis": _axis(format="%"),
            "scale": {"domain": [0, 1]},
        },
        "color": _color("verdict", order, [_KEEP, *_REASONS]),
        "order": {"field": "rank", "type": "quantitative"},
        "description": _SAYS,
    }
    return drawn({"data": {"values": values}, "height": {"step": _ROW}, "mark": {"type": "bar", "height": 14}, "encoding": encoding})


def histogram(
    groups: Mapping[str, np.ndarray[Any, Any]], title: str, *, width: int = _WIDTH, height: int = 150, top: float = 99.5
) -> Markup:
    """How numbers of several groups are spread, as shares of each. What is above the percentile `top` falls into the last bin."""
    everything = np.concatenate(list(groups.values()))
    low, high = float(everything.min()), float(np.percentile(everything, top))
    high = high if high > low else low + 1
    edges = np.linspace(low, high, _BINS + 1)
    values = []
    for name, numbers in groups.items():
        shares = np.histogram(np.clip(numbers, low, high), edges)[0] / max(len(numbers), 1)
        for start, end, share in zip(edges[:-1], edges[1:], shares, strict=True):
            says = f"{name}: {percent(float(share))} from {short_number(float(start))} to {short_number(float(end))}"
            values.append({"group": name, "start": float(start), "end": float(end), "share": float(share), "says": says})
    encoding = {
        "x": {
            "field": "start",
            "type": "quantitative",
            "bin": {"binned": True},
            "title": title,
            "axis": _axis(tickCount=5),
            "scale": {"nice": False},
        },
        "x2": {"field": "end"},
        "y": {
            "field": "share",
            "type": "quantitative",
            "stack": None,
            "title": None,
            "axis": _axis(format="%", tickCount=3, grid=True),
        },
        "color": _color("group", list(groups), [_KEEP, _REJECT] if set(groups) <= {"kept", "rejected"} else _SERIES)
        | ({"legend": None} if width < _WIDTH else {}),
        "description": _SAYS,
    }
    mark = {"type": "bar", "fillOpacity": 0.55, "binSpacing": 0}
    return drawn({"data": {"values": values}, "width": width, "height": height, "mark": mark, "encoding": encoding})


def intervals(by_name: Mapping[str, np.ndarray[Any, Any]], title: str, *, at: float | None = None) -> Markup:
    """For each name the middle half of its numbers, the range without a tenth at each end, and the median; `at` has a line of its own."""
    values = []
    for name, numbers in by_name.items():
        p10, p25, p50, p75, p90 = (float(value) for value in np.percentile(numbers, [10, 25, 50, 75, 90]))
        says = f"{name}: median {short_number(p50)}, half of all {short_number(p25)} to {short_number(p75)}"
        values.append({"name": name, "p10": p10, "p25": p25, "p50": p50, "p75": p75, "p90": p90, "says": says})
    y = _names(list(by_name))
    x = {"type": "quantitative", "title": title, "axis": _axis(), "scale": {"zero": True}}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rule", "color": "var(--series-1)", "strokeWidth": 1.5},
            "encoding": {"y": y, "x": {**x, "field": "p10"}, "x2": {"field": "p90"}},
        },
        {
            "mark": {"type": "bar", "color": "var(--series-1)", "height": 10, "fillOpacity": 0.6},
            "encoding": {"y": y, "x": {**x, "field": "p25"}, "x2": {"field": "p75"}, "description": _SAYS},
        },
        {
            "mark": {"type": "tick", "color": "var(--ink)", "thickness": 2, "size": 14},
            "encoding": {"y": y, "x": {**x, "field": "p50"}, "description": _SAYS},
        },
    ]
    if at is not None:
        line = {"type": "rule", "color": "var(--muted)", "strokeDash": [4, 3]}
        layers.append({"data": {"values": [{"at": at}]}, "mark": line, "encoding": {"x": {**x, "field": "at"}}})
    return drawn({"data": {"values": values}, "height": {"step": _ROW}, "layer": layers})


def throughput(work: Work) -> Markup:
    """Tokens a second over time, one engine upon the other; of more than eight the sum."""
    names = [engine.name for engine in work.engines]
    whole = len(names) > len(_SERIES)
    order = [f"all {len(names)} engines"] if whole else names
    unit, size = next(
        (unit, size) for unit, size in (("hours", 3600), ("minutes", 60), ("seconds", 1)) if _length(work) >= 2 * size or size == 1
    )
    sums: dict[tuple[float, str], float] = {}
    for seconds, name, rate in work.curve:
        key = seconds / size, order[0] if whole else name
        sums[key] = sums.get(key, 0.0) + rate
    values = [
        {"at": at, "engine": name, "rate": rate, "says": f"{name}: {count(round(rate))} tokens/s"} for (at, name), rate in sums.items()
    ]
    encoding = {
        "x": {
            "field": "at",
            "type": "quantitative",
            "title": f"{unit} since the first unit",
            "axis": _axis(tickCount=8),
            "scale": {"nice": False},
        },
        "y": {"field": "rate", "type": "quantitative", "title": "tokens/s", "axis": _axis(grid=True, tickCount=4)},
        "color": _color("engine", order, _SERIES),
    }
    mark = {"type": "area", "interpolate": "step-after", "fillOpacity": 0.75}
    return drawn({"data": {"values": values}, "height": 180, "mark": mark, "encoding": encoding})


def times(work: Work, most: int = 24) -> Markup:
    """Where the time of each engine went, as shares of the run's; of many the `most` that were at work least."""
    order = ["before its first unit", "units in flight", "between units", "after its last unit"]
    engines = sorted(work.engines, key=lambda engine: engine.busy)[:most]
    values = []
    for engine in engines:
        parts = zip(order, (engine.late, engine.busy, engine.idle, engine.early), strict=True)
        for rank, (name, seconds) in enumerate(parts):
            says = f"{engine.name}: {name}, {span(seconds)}"
            values.append({"engine": engine.name, "part": name, "share": seconds / max(work.seconds, 1e-9), "rank": rank, "says": says})
    encoding = {
        "y": {**_names(sorted(engine.name for engine in engines)), "field": "engine"},
        "x": {
            "field": "share",
            "type": "quantitative",
            "title": "share of the time in which the run was at work",
            "axis": _axis(format="%"),
            "scale": {"domain": [0, 1]},
        },
        "color": _color("part", order, ["var(--reason-2)", _KEEP, "var(--reason-1)", "var(--reason-4)"]),
        "order": {"field": "rank", "type": "quantitative"},
        "description": _SAYS,
    }
    return drawn({"data": {"values": values}, "height": {"step": _ROW}, "mark": {"type": "bar", "height": 14}, "encoding": encoding})


def shares(rows: Sequence[tuple[str, float, float]]) -> Markup:
    """Names with their share and the share that was asked for, which has a mark of its own."""
    values = [
        {"name": name, "share": share, "asked": asked, "says": f"{name}: {percent(share)}, asked for {percent(asked)}"}
        for name, share, asked in rows
    ]
    x = {"type": "quantitative", "title": "share of the mixture's tokens; the mark is what was asked for", "axis": _axis(format="%")}
    y = _names([name for name, _, _ in rows])
    layers = [
        {
            "mark": {"type": "bar", "color": "var(--series-1)", "height": 14, "cornerRadiusEnd": 2},
            "encoding": {"y": y, "x": {**x, "field": "share"}, "description": _SAYS},
        },
        {
            "mark": {"type": "tick", "color": "var(--ink)", "thickness": 2, "size": 20},
            "encoding": {"y": y, "x": {**x, "field": "asked"}, "description": _SAYS},
        },
    ]
    return drawn({"data": {"values": values}, "height": {"step": _ROW}, "layer": layers})


_LABEL = "datum.value < 10000 ? format(datum.value, ',~r') : replace(format(datum.value, '~s'), 'G', 'B')"
_SAYS = {"field": "says", "type": "nominal"}


def _names(order: list[str]) -> dict[str, Any]:
    return {"field": "name", "type": "nominal", "sort": order, "title": None}


def _axis(**more: Any) -> dict[str, Any]:
    """An axis of numbers: plain up to ten thousand, then with k, M and B."""
    plain = {"labelExpr": _LABEL} if "format" not in more else {}
    return {"tickCount": 5, **plain, **more}


def _roomy(rows: Sequence[tuple[str, float, str]]) -> dict[str, Any]:
    """Room for what is written at the ends of bars."""
    return {"domain": [0, 1.35 * max((value for _, value, _ in rows), default=1) or 1], "nice": False}


def _color(field: str, domain: list[str], colors: list[str]) -> dict[str, Any]:
    return {"field": field, "type": "nominal", "title": None, "scale": {"domain": domain, "range": colors[: len(domain)]}}


def _length(work: Work) -> float:
    return work.ended - work.started
