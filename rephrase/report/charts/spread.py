"""How numbers are spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rephrase.report.charts.drawing import KEPT, REJECTED, ROW, SAYS, SERIES, WIDTH, axis, color_of, drawn, names_axis
from rephrase.report.wording import percent, short_number

if TYPE_CHECKING:
    from markupsafe import Markup


def histogram(
    groups: Mapping[str, np.ndarray[Any, Any]], title: str, *, width: int = WIDTH, height: int = 150, top: float = 99.5
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
            "axis": axis(tickCount=5 if width >= WIDTH else 3),
            "scale": {"nice": False},
        },
        "x2": {"field": "end"},
        "y": {
            "field": "share",
            "type": "quantitative",
            "stack": None,
            "title": "share of rows" if width >= WIDTH else None,
            "axis": axis(format="%", tickCount=3, grid=True),
        },
        "color": color_of("group", list(groups), [KEPT, REJECTED] if set(groups) <= {"kept", "rejected"} else SERIES)
        | ({"legend": None} if width < WIDTH else {}),
        "description": SAYS,
    }
    mark = {"type": "bar", "fillOpacity": 0.55, "binSpacing": 0}
    return drawn({"data": {"values": values}, "width": width, "height": height, "mark": mark, "encoding": encoding})


_BINS = 30


def intervals(by_name: Mapping[str, np.ndarray[Any, Any]], title: str, *, at: float | None = None) -> Markup:
    """For each name the middle half of its numbers, the range without a tenth at each end, and the median; `at` has a line of its own."""
    values = []
    for name, numbers in by_name.items():
        p10, p25, p50, p75, p90 = (float(value) for value in np.percentile(numbers, [10, 25, 50, 75, 90]))
        says = f"{name}: median {short_number(p50)}, half of all {short_number(p25)} to {short_number(p75)}"
        values.append({"name": name, "p10": p10, "p25": p25, "p50": p50, "p75": p75, "p90": p90, "says": says})
    y = names_axis(list(by_name))
    x = {"type": "quantitative", "title": title, "axis": axis(), "scale": {"zero": True}}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rule", "color": "var(--series-1)", "strokeWidth": 1.5},
            "encoding": {"y": y, "x": {**x, "field": "p10"}, "x2": {"field": "p90"}},
        },
        {
            "mark": {"type": "bar", "color": "var(--series-1)", "height": 10, "fillOpacity": 0.6},
            "encoding": {"y": y, "x": {**x, "field": "p25"}, "x2": {"field": "p75"}, "description": SAYS},
        },
        {
            "mark": {"type": "tick", "color": "var(--ink)", "thickness": 2, "size": 14},
            "encoding": {"y": y, "x": {**x, "field": "p50"}, "description": SAYS},
        },
    ]
    if at is not None:
        line = {"type": "rule", "color": "var(--muted)", "strokeDash": [4, 3]}
        layers.append({"data": {"values": [{"at": at}]}, "mark": line, "encoding": {"x": {**x, "field": "at"}}})
    return drawn({"data": {"values": values}, "height": {"step": ROW}, "layer": layers})
