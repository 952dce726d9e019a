"""The rows of a report as the data that its page reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from markupsafe import Markup

from rephrase.report.differences import NAME, NUMBER, SAME, Mark
from rephrase.report.rows import Reading

_LONGEST = 8_000  # characters of a text that are shown: the page holds thousands of them
_KINDS = [NUMBER, NAME, SAME]
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def explorer_data(reading: Reading, run: str) -> dict[str, Any]:
    """What page.js reads: passages once, scores as a list in the order of their names, places of marks as triples in UTF-16 units."""
    names = sorted({name for row in reading.rows for name in row.scores})
    passages: dict[str, int] = {}
    rows = []
    for row in reading.rows:
        shown, told = row.text[:_LONGEST], row.differences
        rows.append(
            {
                "id": row.id,
                "recipe": row.recipe,
                "verdict": row.verdict,
                "source": row.source,
                "weight": round(row.weight, 1),
                "passage": passages.setdefault(row.passage, len(passages)),
                "passage_marks": _places(row.passage[:_LONGEST], told.source),
                "text": shown,
                "text_marks": _places(shown, told.text),
                "cut": len(row.text) - len(shown),
                "raw": row.is_raw,
                "scores": [_six_digits(row.scores.get(name)) for name in names],
                "lost_numbers": told.lost_numbers,
                "new_numbers": told.new_numbers,
                "lost_names": told.lost_names,
                "new_names": told.new_names,
                "overlap": None if told.overlap is None else round(told.overlap, 3),
                "about": {"step": row.step, **row.about} | ({"seed": str(row.about["seed"])} if "seed" in row.about else {}),
            }
        )
    return {
        "run": run,
        "kinds": _KINDS,
        "scores": names,
        "passages": [passage[:_LONGEST] for passage in passages],
        "passages_cut": [max(0, len(passage) - _LONGEST) for passage in passages],
        "rows": rows,
    }


def as_script(data: Any) -> Markup:
    """JSON that can stand in a script element: no text can end it, or begin anything."""
    text = orjson.dumps(data).decode()
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704  # escaped above


def _places(text: str, marks: Sequence[Mark]) -> list[int]:
    wide = None if text.isascii() or max(text) < "\U00010000" else text
    places: list[int] = []
    for start, end, kind in marks:
        if end <= len(text):
            places += [start, end, _KINDS.index(kind)] if wide is None else [_units(wide, start), _units(wide, end), _KINDS.index(kind)]
    return places


def _units(text: str, place: int) -> int:
    """A place in characters as JavaScript counts it."""
    return len(text[:place].encode("utf-16-le")) // 2


def _six_digits(value: float | None) -> float | None:
    return None if value is None or value != value else float(f"{value:.6g}")  # noqa: PLR0124  # NaN alone differs from itself
