"""Labelled texts for tests of training: made of two vocabularies that overlap in part."""

from __future__ import annotations

import random
from typing import Any

GOOD = ["moon", "pulls", "water", "tide", "rises", "because", "gravity", "weakens", "distance", "earth", "turns", "ocean"]
BAD = ["click", "buy", "cheap", "free", "casino", "winner", "subscribe", "login", "cart", "discount", "deal", "jackpot"]
SHARED = ["the", "a", "of", "and", "to", "in", "is", "it", "for", "on", "with", "as", "at", "by", "from", "this", "that"]


def labelled(count: int, *, noise: float = 0.0, seed: int = 0, good: Any = 1, bad: Any = 0) -> list[dict[str, Any]]:
    """So many rows, half of each class; `noise` is the share of words that come from the other class's vocabulary."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        own, other = (GOOD, BAD) if number % 2 else (BAD, GOOD)
        words = [draw.choice(SHARED if draw.random() < 0.5 else other if draw.random() < noise else own) for _ in range(40)]
        rows.append({"text": " ".join([*words[:20], f"n{number}\n", *words[20:]]), "label": good if number % 2 else bad})
    return rows
