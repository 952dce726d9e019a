"""How messages name an entry of a list: so that one entry more moves no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SELECTING = ("origin", "source", "recipe", "language", "license")


def entry_name(entry: Mapping[str, Any]) -> str:
    """The name of an entry, what it uses, or what a component of a mixture selects; empty where it says none of them.

    >>> entry_name({"name": "short", "use": "wrap/qa"}), entry_name({"origin": "original", "min_scores": {"edu": 2}, "share": 0.5})
    ('short', 'original edu>=2')
    >>> entry_name({"origin": "original", "labels": {"topic": "Science*"}})
    'original topic=Science*'
    """
    if name := next((entry[key] for key in ("name", "use") if isinstance(entry.get(key), str)), ""):
        return str(name)
    picks = [*(["stitched"] if entry.get("stitched") is True else []), *(str(entry[key]) for key in _SELECTING if entry.get(key))]
    picks += [f"{name}={pattern}" for name, pattern in (entry.get("labels") or {}).items()]
    least = [f"{name}>={bound:g}" for name, bound in (entry.get("min_scores") or {}).items()]
    most = [f"{name}<={bound:g}" for name, bound in (entry.get("max_scores") or {}).items()]
    return " ".join(picks + least + most)
