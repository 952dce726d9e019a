"""Which share of a mixture's tokens was asked for of one source, recipe or other value, where its components say so."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rephrase.mixing.plan import pool_name

if TYPE_CHECKING:
    from rephrase.mixing.settings import Component, Mix

_SELECTORS = ("source", "recipe", "license")  # of texts by wildcards


def asked_shares(mix: Mix, planned: Sequence[Mapping[str, Any]], dimension: str, values: Sequence[Any]) -> dict[Any, float]:
    """The share of all tokens that was asked for of each value of a column, or of a label, by the planned components of a manifest.

    Without the values that a component may take beside others: of these nothing was asked.
    """
    by_name = {component.name: component for component in mix.selections}
    pairs = [(entry, component) for entry in planned if (component := _component(entry["name"], by_name))]
    whole = sum(_weight(entry, planned) for entry, _ in pairs)
    if len(pairs) < len(planned) or not whole:
        return {}
    shares = {}
    for value in values:
        takes = [_takes(component, entry["name"], dimension, value) for entry, component in pairs]
        if None not in takes:
            shares[value] = sum(_weight(entry, planned) for (entry, _), alone in zip(pairs, takes, strict=True) if alone) / whole
    return shares


def _component(name: str, by_name: Mapping[str, Component]) -> Component | None:
    """The component of a pool, whose name begins with the component's where it is split."""
    if name in by_name:
        return by_name[name]
    return next((component for own, component in by_name.items() if component.split_by and name.startswith(f"{own} from ")), None)


def _weight(entry: Mapping[str, Any], planned: Sequence[Mapping[str, Any]]) -> float:
    """Tokens that an entry should have, had its phase the tokens that it has."""
    return float(entry["share"] * sum(other["tokens"] for other in planned if other["phase"] == entry["phase"]))


def _takes(component: Component, name: str, dimension: str, value: Any) -> bool | None:
    """Whether a component takes texts of a value: of it alone (True), of others (False), or nobody knows (None)."""
    original = component.is_original
    if dimension == "origin":
        return None if original is None else original == (value == "original")
    if dimension == "recipe" and (original or value is None):
        return None if original is None else original and value is None
    if component.split_by == dimension:
        return name == pool_name(component, value)
    pattern = getattr(component, dimension) if dimension in _SELECTORS else component.labels.get(dimension)
    if pattern is None or (value == pattern):
        return True if pattern else None
    return None if value is not None and fnmatch.fnmatchcase(value, pattern) else False
