"""What differs between texts of one frame: the numbers and names that stand in its slots.

Two word problems with the same sentences and other numbers share most of their shingles, and are two problems nevertheless. A copy of a
text keeps its numbers and names, whatever else is changed in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

_LONGEST = 300  # slots of a differing part that are aligned; those of a longer one are counted without their order
_SLOT = re.compile(r"(?P<number>[^\W\d_]*\d\w*(?:[.,:]\d\w*)*)|(?P<operator>(?<=[\d)]) ?[-+*/^=<>×÷%])|[^\W\d_][\w'’]*")
_SENTENCE_END = re.compile(r"[.!?:;\"“”»][ \"“”«»*#>)-]*$")


def differing(first: str, second: str) -> float:
    """The share of slots, from 0 to 1, that two texts do not have in common in the same order; 0 where neither has any.

    Slots are numbers with what they count, the operators after them, and names: words with a capital letter that stand nowhere in the two
    texts with a small one, and not only at the beginning of sentences. Letters compare without their case.
    """
    one, other = _slots(first), _slots(second)
    small = one[1] | other[1]
    left, right = ([slot for slot, is_name in slots if not (is_name and slot in small)] for slots, _ in (one, other))
    most = max(len(left), len(right))
    return 1 - _in_common(left, right) / most if most else 0.0


def _slots(text: str) -> tuple[list[tuple[str, bool]], set[str]]:
    """Numbers, operators and names in their order, with whether each is a name; and the words that begin with a small letter."""
    text = " ".join(text.split())
    slots: list[tuple[str, bool, bool]] = []
    small = set()
    end, after_number = 0, False
    for match in _SLOT.finditer(text):
        slot = match.group().strip()
        is_number = bool(match["number"])
        if is_number or match["operator"]:
            slots.append((slot.lower(), False, False))
        elif slot[0].isupper():
            begins = match.start() == 0 or _SENTENCE_END.search(text, end, match.start()) is not None
            slots.append((slot.lower(), True, begins))
        else:
            small.add(slot)
            if after_number and text[end : match.start()] == " ":
                slots.append((slot, False, False))
        end, after_number = match.end(), is_number
    inside = {slot for slot, _, begins in slots if not begins}
    return [(slot, is_name) for slot, is_name, _ in slots if slot in inside], small


def _in_common(one: Sequence[str], other: Sequence[str]) -> int:
    """The longest common subsequence, as far as `difflib` finds it."""
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    if max(len(left), len(right)) > _LONGEST:
        return start + end + (Counter(left) & Counter(right)).total()
    return start + end + sum(block.size for block in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks())
