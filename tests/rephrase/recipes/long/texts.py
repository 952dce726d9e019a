"""A long document that is made as it is wanted: paragraphs of a harbour's chronicle, with a fact here and there."""

from __future__ import annotations

import random

_NOUNS = ["harbour", "keeper", "lantern", "barge", "cargo", "lighthouse", "rope", "anchor", "pilot", "ledger", "merchant", "quay", "storm"]
_VERBS = ["watched", "counted", "carried", "repaired", "followed", "measured", "painted", "guarded", "described", "opened"]
_WHEN = ["at dawn", "near the old wall", "before the rain", "with great care", "for a whole year", "after the feast", "under the bridge"]


def chronicle(paragraphs: int, seed: int = 0, facts: dict[int, str] | None = None) -> str:
    """So many paragraphs of about 60 words. facts: sentences that begin some of them, by number."""
    dice = random.Random(seed)

    def sentence(entry: str) -> str:
        did = f"The {dice.choice(_NOUNS)} {dice.choice(_VERBS)} the {dice.choice(_NOUNS)} {dice.choice(_WHEN)}"
        return f"{did}, and entry {entry} says no more."

    made = []
    for number in range(paragraphs):
        fact = [facts[number]] if facts and number in facts else []
        made.append(" ".join([*fact, *(sentence(f"{number}.{line}") for line in range(5))]))
    return "\n\n".join(made)
