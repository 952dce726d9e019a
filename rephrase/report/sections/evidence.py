"""What small models learnt from mixtures: bits per byte of text that they have not seen."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from rephrase.evidence.results import BITS, Row
from rephrase.report.page import Part, Section
from rephrase.report.wording import NOTHING, count, percent

_SHOWN = 64  # mixtures in a table


def evidence(files: Sequence[tuple[str, Sequence[Row]]]) -> Section | None:
    """A table for each file of results, the best mixture first; None without figures."""
    parts = [_table(path, rows) for path, rows in files if any(row.measures for row in rows)]
    return Section("evidence", "Evidence", "What models learnt from it", parts) if parts else None


def _table(path: str, rows: Sequence[Row]) -> Part:
    """Means over seeds, with the standard deviation between seeds where there are several."""
    measures = list(dict.fromkeys(name for row in rows for name in row.measures))
    shares = list(dict.fromkeys(name for row in rows for name in row.shares))
    by_mixture: dict[str, list[Row]] = {}
    for row in rows:
        if row.measures:
            by_mixture.setdefault(row.mixture, []).append(row)
    ordered = sorted(by_mixture.values(), key=lambda several: statistics.fmean(_values(several, measures)))
    columns = ["mixture", *(f"#{name}" for name in shares), *(f"#{name.removeprefix(BITS)}" for name in measures), "#seeds"]
    cells = [
        [
            several[0].mixture,
            *(percent(several[0].shares[name]) if name in several[0].shares else NOTHING for name in shares),
            *(_mean(_values(several, [name])) for name in measures),
            count(len(several)),
        ]
        for several in ordered
    ]
    of_bits = all(name.startswith(BITS) for name in measures)
    unit = "Bits that a small model needs for a byte of each held-out set; lower is better." if of_bits else "Lower is better."
    says = f"{unit} The best of {count(len(ordered))} mixtures stands first."
    notes = [f"From {path}."]
    if len(cells) > _SHOWN:
        notes.append(f"The best {_SHOWN} are shown.")
    if any(len(several) > 1 for several in ordered):
        notes.append("± is the standard deviation between seeds: a difference that is not well above it is none.")
    return Part("By mixture", says=says, columns=columns, rows=cells[:_SHOWN], notes=notes)


def _values(rows: Sequence[Row], measures: Sequence[str]) -> list[float]:
    return [row.measures[name] for row in rows for name in measures if name in row.measures]


def _mean(values: Sequence[float]) -> str:
    if not values:
        return NOTHING
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"
