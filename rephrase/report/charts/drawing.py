"""How charts are drawn: by Vega-Lite, as SVG, as the page is made. A page needs no script for them, and prints them sharp.

Colours are variables of the page's style (`templates/page.css`), so that light, dark and paper each have their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

WIDTH = 660
"""Of a chart without its labels, in pixels."""
ROW = 22
"""Pixels of a bar with the space around it."""
SERIES = [f"var(--series-{number})" for number in range(1, 9)]
REASONS = [f"var(--reason-{number})" for number in range(1, 7)]
KEPT, REJECTED = "var(--keep)", "var(--reject)"
SAYS = {"field": "says", "type": "nominal"}
"""The channel of what a mark says when it is pointed at."""

_MEASURED, _SHOWN = 14, 12  # pixels of letters: the reader's font may be wider than that by which room is made
_LABEL = "datum.value < 10000 ? format(datum.value, ',~r') : replace(format(datum.value, '~s'), 'G', 'B')"
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
        "labelFlush": False,
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

    svg: str = vl_convert.vegalite_to_svg({"width": WIDTH, "config": _CONFIG, **spec}, allowed_base_urls=[])
    svg = svg.replace(' font-family="sans-serif"', "").replace(f'"{_MEASURED}px"', f'"{_SHOWN}px"')
    return Markup(svg.replace("<svg ", '<svg role="img" ', 1))  # noqa: S704  # made by Vega


def time_unit(seconds: float) -> tuple[str, int]:
    """The largest unit of which there are two in a time, and its seconds."""
    return next((unit, size) for unit, size in (("hours", 3600), ("minutes", 60), ("seconds", 1)) if seconds >= 2 * size or size == 1)


def names_axis(order: list[str]) -> dict[str, Any]:
    """An axis of names in their order, from the field `name`."""
    return {"field": "name", "type": "nominal", "sort": order, "title": None}


def axis(**more: Any) -> dict[str, Any]:
    """An axis of numbers: plain up to ten thousand, then with k, M and B."""
    plain = {"labelExpr": _LABEL} if "format" not in more else {}
    return {"tickCount": 5, **plain, **more}


def color_of(field: str, domain: list[str], colors: list[str]) -> dict[str, Any]:
    """The colour of each value of a field, with a legend."""
    return {"field": field, "type": "nominal", "title": None, "scale": {"domain": domain, "range": colors[: len(domain)]}}
