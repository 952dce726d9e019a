"""How alike two texts are, by their n-grams of characters: chrF (Popović 2015, W15-3049), as sacrebleu computes it by default.

n-grams of one to six characters without white space, and an F-score that weighs recall twice: chrF2.
"""

from __future__ import annotations

from collections import Counter

_ORDER, _BETA = 6, 2


def chrf(text: str, reference: str) -> float:
    """From 0 to 100. Orders for which one of the texts is too short do not count; 0 where none does."""
    one, other = "".join(text.split()), "".join(reference.split())
    precision = recall = 0.0
    orders = 0
    for size in range(1, _ORDER + 1):
        grams, wanted = _grams(one, size), _grams(other, size)
        if not grams or not wanted:
            continue
        matches = (grams & wanted).total()
        precision += matches / grams.total()
        recall += matches / wanted.total()
        orders += 1
    if not orders or not precision + recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    return 100 * (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall)


def _grams(text: str, size: int) -> Counter[str]:
    return Counter(text[start : start + size] for start in range(len(text) - size + 1))
