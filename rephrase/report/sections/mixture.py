"""The mixture and its shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rephrase.report.charts import bars
from rephrase.report.page import Part, Section
from rephrase.report.wording import count, large, percent, short_number


def mixture(manifest: Mapping[str, Any] | None, remarks: Sequence[str]) -> Section:
    """The shares of the mixture against what was asked for, and what it is made of."""
    title = "The mixture"
    if manifest is None:
        return Section(
            "mixture", "Mixture", title, [Part(says="No data, because there is no finished mixture yet: `rephrase run run.yaml` goes on.")]
        )
    phases = max((component["phase"] for component in manifest["components"]), default=0)
    parts = []
    for phase in range(phases + 1):
        own = [component for component in manifest["components"] if component["phase"] == phase]
        whole = sum(component["tokens"] for component in own) or 1
        rows = [(component["name"], component["tokens"] / whole, component["share"]) for component in own]
        heading = f"Shares, phase {phase + 1}" if phases else "Shares"
        columns = ("component", "#rows", "#tokens", "#share", "#asked for", "#epochs", "#tokens there")
        cells = [
            (
                c["name"],
                count(c["rows"]),
                large(c["tokens"]),
                percent(c["tokens"] / whole),
                percent(c["share"]),
                short_number(c["epochs"]),
                large(c["available_tokens"]),
            )
            for c in own
        ]
        parts.append(Part(heading, charts=[("", bars.shares(rows))], columns=columns, rows=cells))
    parts[-1] = Part(parts[-1].title, charts=parts[-1].charts, columns=parts[-1].columns, rows=parts[-1].rows, notes=remarks)
    for name, label in (
        ("origin", "By origin"),
        ("source", "By source"),
        ("recipe", "By recipe"),
        ("language", "By language"),
        ("synthetic_depth", "By synthetic depth"),
        ("license", "By licence"),
    ):
        counts = manifest.get("counts", {}).get(name, [])
        if len(counts) > 1 or (counts and name == "origin"):
            parts.append(_counted(label, name, counts, manifest["tokens"]))
    return Section("mixture", "Mixture", title, parts)


def _counted(title: str, name: str, counts: Sequence[Mapping[str, Any]], tokens: int) -> Part:
    missing = "original" if name == "recipe" else "none"
    rows = [
        (str(missing if c["value"] is None else c["value"]), count(c["rows"]), large(c["tokens"]), percent(c["tokens"] / max(tokens, 1)))
        for c in counts[:20]
    ]
    notes = [f"And {count(len(counts) - 20)} more."] if len(counts) > 20 else []
    return Part(title, columns=(name.replace("_", " "), "#rows", "#tokens", "#share"), rows=rows, notes=notes)
