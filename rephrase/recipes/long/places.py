"""Places in a long document: pairs of its parts that lie far apart, quotes found in a part, and texts put in between."""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate, combinations

from rephrase.recipes.neighbours import names_of
from rephrase.text.passages import Passage
from rephrase.text.scripts import whole_words

_MOST_SHARED = 50  # parts that a name may stand in; above, it says too little, and makes too many pairs
_DRAWS = 20  # tries for each pair that is drawn where no names are shared
_MARKS = str.maketrans("“”„‟‘’‚‛«»–—", '""""\'\'\'\'""--')  # one character for one, so that places stay


def distant_pairs(texts: Sequence[str], passages: Sequence[Passage], least: int, most: int, seed: str) -> list[tuple[int, int]]:
    """Up to `most` pairs of parts with at least `least` tokens between them, no part twice.

    texts: of the passages. Those that share the rarest names first, then drawn ones. Depends on the arguments alone.
    """
    ends = list(accumulate(passage.n_tokens for passage in passages))
    holders: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        for name in sorted(names_of(text)):
            holders[name].append(number)
    shared: dict[tuple[int, int], float] = defaultdict(float)
    for numbers in holders.values():
        if 1 < len(numbers) <= _MOST_SHARED:
            for first, second in combinations(numbers, 2):
                if tokens_between(ends, passages, first, second) >= least:
                    shared[first, second] += math.log(1 + len(texts) / len(numbers))
    rng = random.Random(seed)  # not a secret
    drawn = (tuple(sorted(rng.sample(range(len(texts)), 2))) for _ in range(_DRAWS * most if len(texts) > 1 else 0))
    chosen: list[tuple[int, int]] = []
    taken: set[int] = set()
    for first, second in (*sorted(shared, key=lambda pair: (-shared[pair], pair)), *drawn):
        if len(chosen) < most and not {first, second} & taken and tokens_between(ends, passages, first, second) >= least:
            chosen.append((first, second))
            taken |= {first, second}
    return chosen


def tokens_between(ends: Sequence[int], passages: Sequence[Passage], first: int, second: int) -> int:
    """Tokens of the parts between two. ends: tokens up to the end of each part."""
    return ends[second] - passages[second].n_tokens - ends[first]


def find_quote(quote: str, text: str, least: int) -> tuple[int, int] | None:
    r"""Where a quote stands in a text, word for word but for white space and quotation marks; None if it has under `least` characters.

    >>> find_quote("the  “tide” rises", 'So the "tide"\nrises.', 5)
    (3, 19)
    """
    words = quote.translate(_MARKS).strip().strip('"').strip(" .…").split()
    if not least <= sum(map(len, words)) <= len(text):
        return None
    match = re.search(whole_words(" ".join(words)), text.translate(_MARKS))
    return match.span() if match else None


def with_insertions(text: str, insertions: Iterable[tuple[int, str]]) -> str:
    r"""The text with others put in at places of it, in their order, each with an empty line before and after it.

    >>> with_insertions("One. Two.", [(5, "Q: 1?"), (9, "Q: 2?")])
    'One.\n\nQ: 1?\n\nTwo.\n\nQ: 2?'
    """
    parts: list[str] = []
    at = 0
    for place, insertion in sorted(insertions, key=lambda pair: pair[0]):
        parts += [text[at:place].strip("\n").rstrip(), insertion.strip()]
        at = place
    parts.append(text[at:].strip("\n").rstrip() if parts else text.strip())
    return "\n\n".join(part.removeprefix(" ") for part in parts if part)
