"""A document cut into stretches of whole sections, of drawn lengths (dolma3, procedures/longmino_synthetic; OLMo 3, arXiv 2512.13961)."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from rephrase.text.tokenizer import Tokenizer

# An empty line that no list goes on behind, and that a colon does not lead over.
_SECTION_END = re.compile(r"(?<!:)\n\n(?!\s{0,20}(?:[1-9]\d{0,8}\.|-|\*))")


def sections_of(text: str, least: int) -> list[tuple[int, int]]:
    """Sections by their characters, each of at least `least` but for one that is the whole text; together they cover it."""
    ends = [match.end() for match in _SECTION_END.finditer(text)]
    sections: list[tuple[int, int]] = []
    start = 0
    for end in (*ends, len(text)):
        if end - start >= least or (end == len(text) and not sections):
            sections.append((start, end))
            start = end
    if start < len(text):  # a short rest belongs to the section before it
        sections[-1] = (sections[-1][0], len(text))
    return sections


def stretches_of(
    text: str, sections: Sequence[tuple[int, int]], tokenizer: Tokenizer, rules: Mapping[str, Any], seed: str
) -> list[tuple[int, int]]:
    """Stretches of whole sections, by characters. A section longer than what is drawn is a stretch by itself.

    rules: `least_tokens` and `least_share` of the document's tokens, of which the lesser is the least length that is drawn; `most_tokens`
    and `most_share` likewise. Lengths are drawn among the powers of two from the one to the other.
    """
    counts = tokenizer.count([text[start:end] for start, end in sections])
    least = min(rules["least_tokens"], round(sum(counts) * rules["least_share"]))
    most = min(rules["most_tokens"], round(sum(counts) * rules["most_share"]))
    lengths = [2**power for power in range(int(math.log2(max(least, 1))), int(math.log2(max(most, 1))) + 1)]
    rng = random.Random(seed)  # not a secret
    return list(_grouped(sections, counts, lengths, rng))


def _grouped(
    sections: Sequence[tuple[int, int]], counts: Sequence[int], lengths: Sequence[int], rng: random.Random
) -> Iterator[tuple[int, int]]:
    ends = [0, *accumulate(counts)]
    first = 0
    while first < len(sections):
        length, last = rng.choice(lengths), first + 1
        while last < len(sections) and ends[last + 1] - ends[first] <= length:
            last += 1
        yield sections[first][0], sections[last - 1][1]
        first = last
