"""The right name for one that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from rephrase.settings.yaml_text import shortened


def nearest(name: object, known: Iterable[str], several: str = "there are") -> str:
    """The cure for a name that is not known: the one that was meant, or all that there are."""
    names = list(known)
    near = difflib.get_close_matches(shortened(str(name)), names, n=1, cutoff=0.5)
    return f"did you mean `{near[0]}`?" if near else f"{several}: {', '.join(names)}"
