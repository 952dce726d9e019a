"""Personal data that gave way to stand-ins, and how well it is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rephrase.report.page import Part
from rephrase.report.wording import NOTHING, count, percent

_WAYS = {"patterns": "by patterns", "entities": "by the model", "both": "by both"}


def personal_data(scrubbed: Mapping[str, int], measured: Mapping[str, Any] | None) -> Part:
    """Replacements by kind, beside precision and recall of each way on the labelled set, where the run has one."""
    ways: Mapping[str, Any] = measured["ways"] if measured else {}
    kinds = dict.fromkeys([*scrubbed, *(kind for way in ways.values() for kind in way["kinds"])])
    columns = ["kind", "#replaced", *(f"#{rate} {_WAYS.get(name, name)}" for name in ways for rate in ("precision", "recall"))]
    rows = []
    for kind in sorted(kinds, key=lambda kind: kind == "any kind"):
        replaced = sum(scrubbed.values()) if kind == "any kind" else scrubbed.get(kind, 0)
        rates = [way["kinds"].get(kind, {}).get(rate) for way in ways.values() for rate in ("precision", "recall")]
        rows.append([kind, count(replaced), *(NOTHING if rate is None else percent(rate) for rate in rates)])
    says = f"{count(sum(scrubbed.values()))} places of the documents were replaced by stand-ins."
    return Part("Personal data", says=says, columns=columns, rows=rows, notes=_notes(measured))


def _notes(measured: Mapping[str, Any] | None) -> list[str]:
    if measured is None:
        return ["How well it is found is not measured: `input.scrub.labelled` names texts in which it is labelled."]
    left = list(measured["ways"].values())[-1]["kinds"]["any kind"]["left_share"]
    notes = [f"Precision and recall on the {count(measured['texts'])} texts of `{measured['labelled']}`, in which each place is labelled."]
    if left is not None:
        notes.append(f"Of the labelled characters {percent(left)} would stay in the texts.")
    return notes
