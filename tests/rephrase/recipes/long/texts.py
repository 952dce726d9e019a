"""A long document that is made as it is wanted: chapters of a harbour's chronicle, with a fact here and there."""

from __future__ import annotations

import random

_NOUNS = "harbour keeper lantern barge cargo lighthouse rope anchor pilot ledger merchant quay sailor storm channel".split()
_VERBS = "watched counted carried repaired followed measured painted guarded described opened".split()
_PLACES = "at dawn,near the old wall,before the rain,with great care,for a whole year,after the feast,under the bridge".split(",")


def chronicle(paragraphs: int, seed: int = 0, facts: dict[int, str] | None = None) -> str:
    """So many paragraphs of about 60 words. facts: sentences that begin some of them, by number."""
    dice = random.Random(seed)
    made = []
    for number in range(paragraphs):
        sentences = [
            f"The {dice.choice(_NOUNS)} {dice.choice(_VERBS)} the {dice.choice(_NOUNS)} {dice.choice(_PLACES)}, and entry {number}.{line} says no more."
            for line in range(5)
        ]
        made.append(" ".join([*([facts[number]] if facts and number in facts else []), *sentences]))
    return "\n\n".join(made)
