"""The mixture and its shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rephrase.report.asked import asked_shares
from rephrase.report.charts import bars
from rephrase.report.page import Part, Section
from rephrase.report.wording import count, large, percent, short_number

if TYPE_CHECKING:
    from rephrase.mixing.settings import Mix

_DIMENSIONS = {
    "origin": "By origin",
    "source": "By source",
    "recipe": "By recipe",
    "language": "By language",
    "synthetic_depth": "By synthetic depth",
    "license": "By licence",
}
_ALWAYS = ("origin", "source", "synthetic_depth")  # also where all texts are alike
_MOST = 20  # values in a table


def mixture(manifest: Mapping[str, Any] | None, mix: Mix | None, remarks: Sequence[str]) -> Section:
    """The shares of the mixture against what was asked for, and what it is made of."""
    title = "The mixture"
    if manifest is None:
        makes = "`rephrase run run.yaml` makes it, or says what has to change first"
        return Section("mixture", "Mixture", title, [Part(says=f"No data, because there is no finished mixture yet: {makes}.")])
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
    parts[-1] = replace(parts[-1], notes=[f"{remark}." for remark in remarks])
    for name, label in _DIMENSIONS.items():
        counts = manifest.get("counts", {}).get(name, [])
        if name == "synthetic_depth":
            counts = sorted(counts, key=lambda entry: entry["value"])
        if len(counts) > 1 or (counts and name in _ALWAYS):
            asked = asked_shares(mix, manifest["components"], name, [entry["value"] for entry in counts]) if mix else {}
            notes = list(_depth_notes(mix, manifest, counts)) if mix and name == "synthetic_depth" else []
            parts.append(values_table(label, name, counts, manifest["tokens"], asked, notes))
    for name, counts in manifest.get("labels", {}).items():
        asked = asked_shares(mix, manifest["components"], name, [entry["value"] for entry in counts]) if mix else {}
        parts.append(values_table(f"By label: {name}", name, counts, manifest["tokens"], asked))
    return Section("mixture", "Mixture", title, parts)


def values_table(
    title: str,
    name: str,
    counts: Sequence[Mapping[str, Any]],
    tokens: int,
    asked: Mapping[Any, float] | None = None,
    notes: Sequence[str] = (),
) -> Part:
    """Rows and tokens by the values of a column or a label, with the shares that were asked for of them."""
    asked = asked or {}
    missing = "original" if name == "recipe" else "none"
    columns = [name.replace("_", " "), "#rows", "#tokens", "#share", *(["#asked for"] if asked else [])]
    rows = []
    for one in counts[:_MOST]:
        label = str(missing if one["value"] is None else one["value"])
        row = [label, count(one["rows"]), large(one["tokens"]), percent(one["tokens"] / max(tokens, 1))]
        rows.append([*row, percent(asked.get(one["value"]))] if asked else row)
    if asked and len(asked) < len(counts):
        notes = [*notes, "Nothing was asked for alone where a component takes several: see Shares."]
    more = [f"And {count(len(counts) - _MOST)} more."] if len(counts) > _MOST else []
    return Part(title, columns=columns, rows=rows, notes=[*more, *notes])


def _depth_notes(mix: Mix, manifest: Mapping[str, Any], counts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The bounds that were set on texts of models, and what the mixture has."""
    whole = max(manifest["tokens"], 1)
    written = sum(one["tokens"] for one in counts if one["value"]) / whole
    originals = sum(one["tokens"] for one in manifest["counts"].get("origin", ()) if one["value"] == "original") / whole
    if mix.max_synthetic_depth is not None:
        left_out = manifest.get("left_out", {}).get("synthetic_depth", {}).get("rows", 0)
        yield f"Asked for: a depth of {mix.max_synthetic_depth} at most; {count(left_out)} deeper texts were left out."
    if mix.max_synthetic_share is not None:
        yield f"Asked for: at most {percent(mix.max_synthetic_share)} of tokens that a model wrote; they are {percent(written)}."
    if mix.min_original_share is not None:
        yield f"Asked for: at least {percent(mix.min_original_share)} of tokens of originals; they are {percent(originals)}."
