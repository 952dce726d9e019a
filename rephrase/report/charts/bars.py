"""Counts and shares as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rephrase.report.charts.drawing import KEPT, REASONS, ROW, SAYS, SERIES, axis, color_of, drawn, names_axis, time_unit
from rephrase.report.wording import count, percent

if TYPE_CHECKING:
    from markupsafe import Markup


def bars(rows: Sequence[tuple[str, float, str]], title: str, *, color: str = SERIES[0]) -> Markup:
    """A bar for each name, number and what is said of it, in their order, with that written at its end."""
    values = [{"name": name, "value": value, "says": f"{name}: {says}", "label": says} for name, value, says in rows]
    order = [name for name, _, _ in rows]
    shared = {
        "y": names_axis(order),
        "x": {"field": "value", "type": "quantitative", "title": title, "axis": axis(tickMinStep=1), "scale": _roomy(rows)},
    }
    layers = [
        {"mark": {"type": "bar", "color": color, "height": 14, "cornerRadiusEnd": 2}, "encoding": {"description": SAYS}},
        {
            "mark": {"type": "text", "align": "left", "dx": 6, "color": "var(--ink)", "fontSize": 12, "aria": False},
            "encoding": {"text": {"field": "label"}},
        },
    ]
    return drawn({"data": {"values": values}, "height": {"step": ROW}, "encoding": shared, "layer": layers})


def spans(rows: Sequence[tuple[str, float, str]]) -> Markup:
    """A bar for each name, its seconds, and these in words: in the largest unit of which the longest has two."""
    unit, size = time_unit(max(seconds for _, seconds, _ in rows))
    return bars([(name, seconds / size, says) for name, seconds, says in rows], unit)


def verdicts(by_recipe: Mapping[str, Mapping[str, int]]) -> Markup:
    """For each recipe, the shares of rows that were kept and that each check rejected; checks that reject few are one."""
    sums: dict[str, int] = {}
    for counts in by_recipe.values():
        for verdict, number in counts.items():
            sums[verdict] = sums.get(verdict, 0) + number
    reasons = sorted((name for name in sums if name != "keep"), key=lambda name: -sums[name])
    named = reasons if len(reasons) <= len(REASONS) else reasons[: len(REASONS) - 1]
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
        "y": {**names_axis(list(by_recipe)), "field": "recipe"},
        "x": {
            "field": "share",
            "type": "quantitative",
            "title": "share of generations",
            "axis": axis(format="%"),
            "scale": {"domain": [0, 1]},
        },
        "color": color_of("verdict", order, [KEPT, *REASONS]),
        "order": {"field": "rank", "type": "quantitative"},
        "description": SAYS,
    }
    return drawn({"data": {"values": values}, "height": {"step": ROW}, "mark": {"type": "bar", "height": 14}, "encoding": encoding})


def shares(rows: Sequence[tuple[str, float, float]]) -> Markup:
    """Names with their share and the share that was asked for, which has a mark of its own."""
    values = [
        {"name": name, "share": share, "asked": asked, "says": f"{name}: {percent(share)}, asked for {percent(asked)}"}
        for name, share, asked in rows
    ]
    x = {"type": "quantitative", "title": "share of the mixture's tokens; the mark is what was asked for", "axis": axis(format="%")}
    y = names_axis([name for name, _, _ in rows])
    layers = [
        {
            "mark": {"type": "bar", "color": "var(--series-1)", "height": 14, "cornerRadiusEnd": 2},
            "encoding": {"y": y, "x": {**x, "field": "share"}, "description": SAYS},
        },
        {
            "mark": {"type": "tick", "color": "var(--ink)", "thickness": 2, "size": 20},
            "encoding": {"y": y, "x": {**x, "field": "asked"}, "description": SAYS},
        },
    ]
    return drawn({"data": {"values": values}, "height": {"step": ROW}, "layer": layers})


def _roomy(rows: Sequence[tuple[str, float, str]]) -> dict[str, Any]:
    """Room for what is written at the ends of bars."""
    return {"domain": [0, 1.35 * max((value for _, value, _ in rows), default=1) or 1], "nice": False}
