"""Statements of arithmetic in a text, "3 × 4 = 12", and whether they are right: by exact fractions, rounded as they are written.

A statement has a number on both sides of its sign and calculates something, or turns one measure into another. What has variables, names a
function, or looks like a date, a range, a version or a line of code is none. In doubt there is no statement.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rephrase.verifiers.arithmetic_sides import Side, bare, has_mixed_hyphen, read_side
from rephrase.verifiers.arithmetic_tokens import Token, tokens
from rephrase.verifiers.quantity_values import agree, words
from rephrase.verifiers.remainders import divisions
from rephrase.verifiers.running import goes_on

_MOST_CHARACTERS = 100_000  # of a text that are looked at
_RELATION = re.compile(r"[=≈≃]|\\(?:approx|simeq)|equal")
_MOST_EARLIER = 4  # sides of a chain that one is compared with
_SHARE = "out of"  # "3 of 4 = 75%" and "1 in 4 = 25%": the number before belongs to it
_BINARY = frozenset("+-–*/^%!")


@dataclass(frozen=True, slots=True)
class Statement:
    """Two sides that are said to be equal, as they stand in the text with single spaces, and whether they are."""

    text: str
    is_right: bool


def statements(text: str) -> Iterator[Statement]:
    """The statements of arithmetic of a text in order, and after them its divisions with remainders.

    In chains each side is compared with the one before, or with any earlier one. A chain may as well go on from a result, as in
    "2 + 3 = 5 × 4 = 20". A whole number is exact, but where the text says that it rounds or that something remains.
    """
    if not _RELATION.search(text):
        return
    text = text[:_MOST_CHARACTERS]
    is_rounded = words().rounding.search(text) is not None
    run: list[Token] = []
    before: Token | None = None
    for token in tokens(text):
        if token.kind == "end" or (token.kind == "word" and not _belongs(run, token)):
            is_share = token.text in ("of", "in") and (run[-1].kind == "number" if run else before is not None and before.text == "out")
            yield from _of_run(run, before, token, is_rounded=is_rounded)
            run, before = [], replace(token, text=_SHARE) if is_share else token
        else:
            run.append(token)
    yield from (Statement(*division) for division in divisions(text))


def _belongs(run: Sequence[Token], word: Token) -> bool:
    """Whether a word goes on what a number began: what it counts, `x` between two factors, or another word of the same."""
    if word.text in ("x", "X"):
        return bool(run) and (run[-1].kind in ("number", "word") or run[-1].text == ")")
    if word.text == "of":
        return bool(run) and run[-1].text == "%"
    if word.text in words().no_evaluation or word.text.lower() in words().no_nouns:
        return False
    return bool(run) and (
        run[-1].kind == "number" or run[-1].text in words().powers or (run[-1].text == "/" and len(run) > 1 and run[-2].kind == "word")
    )


def _of_run(run: Sequence[Token], before: Token | None, after: Token, *, is_rounded: bool) -> Iterator[Statement]:
    if not any(token.kind == "relation" for token in run):
        return
    sides: list[list[Token]] = [[]]
    relations: list[Token] = []
    for token in run:
        if token.kind == "relation":
            sides.append([])
            relations.append(token)
        else:
            sides[-1].append(token)
    first = _first_side(sides[0], before)
    read = [read_side(first or ()), *(read_side(side) for side in sides[1:-1]), read_side(_last_side(sides[-1], after))]
    begun = 0  # where the chain last went on from a result
    for place, relation in enumerate(relations):
        left, right = read[place], read[place + 1]
        if left is None or right is None:
            continue
        earlier = [side for side in read[max(place - _MOST_EARLIER, begun) : place] if side is not None]
        verdict = _verdict(left, right, earlier, relation)
        if verdict is False and place + 1 < len(relations) and (running := goes_on(left, right, roughly=relation.text == "≈")):
            read[place + 1], begun = running.side, place + 1
            yield Statement(f"{left.text} {relation.text} {running.result}", is_right=True)
        elif verdict is not None and (verdict or not (is_rounded and _is_nearest(left, right))):
            yield Statement(f"{left.text} {relation.text} {right.text}", verdict)


def _first_side(side: Sequence[Token], before: Token | None) -> Sequence[Token] | None:
    """The first side without what does not belong to it; None where what stands before it makes it part of something else."""
    depth = 0
    for place in range(len(side) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(side[place].text, 0)
        if depth < 0:  # a bracket around the whole statement
            return _without_bullet(side[place + 1 :])
    if depth > 0:  # "1) 3 + 4"
        place = max(number for number, token in enumerate(side) if token.text == ")")
        rest = side[place + 1 :]
        return rest if depth == 1 and place <= 1 and rest and rest[0].text not in _BINARY else None
    if before is None or before.text in ("\n", ""):
        return _without_bullet(side)
    if (
        not side
        or before.text == _SHARE
        or before.text in words().no_evaluation
        or (before.kind == "word" and len(before.text) == 1 and before.text not in "aAI")
    ):
        return None
    is_touched = side[0].is_close and before.text not in (":", ",", ";", ".", "?", "|", '"', "“", "‘", "'", ">", "#")
    is_negative = len(side) > 1 and side[0].text in ("-", "–") and side[1].is_close
    is_after_word = before.kind == "word" and side[0].text in ("-", "–") and not is_negative
    if before.text in ("_", "?", "<", ">", "@", "±") or _is_factor(before):
        return None
    return None if is_touched or is_after_word else side


def _is_factor(token: Token) -> bool:
    """Whether a command of LaTeX may be a part of a formula."""
    return token.text.startswith("\\") and token.text not in words().parting


def _without_bullet(side: Sequence[Token]) -> Sequence[Token]:
    if side and side[0].text == "^":  # two stars of bold type
        side = side[1:]
    is_bullet = len(side) > 1 and side[0].text in ("-", "*", "+", "–") and not side[1].is_close
    return side[1:] if is_bullet else side


def _last_side(side: Sequence[Token], after: Token) -> Sequence[Token]:
    """The last side up to a bracket that was opened before it; nothing where what follows makes it part of something else."""
    depth = 0
    for place, token in enumerate(side):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth < 0:
            return side[:place]
    is_letter = after.kind == "word" and after.is_close
    if is_letter or after.text in words().no_evaluation or after.text in ("_", "?", "±", "^", ":") or _is_factor(after):
        return ()
    while side and side[-1].text in ("!", "^"):  # an exclamation; two stars of bold type
        side = side[:-1]
    return side


def _verdict(left: Side, right: Side, earlier: Sequence[Side], relation: Token) -> bool | None:
    """Whether two sides are equal; None where they are no statement."""
    roughly = relation.text == "≈"
    may_be_range = left.is_range or right.is_range or (left.is_closed_up and not relation.is_close)
    converts = any(one.powers == other.powers and one.units != other.units for one in left.values for other in right.values)
    calculates = left.calculates or right.calculates or any(side.calculates for side in earlier)
    percents = left.values[0].is_percent != right.values[0].is_percent
    if not calculates and not percents and not (converts and left.values[0].units and right.values[0].units):
        return None
    answers = [agree(one, other, roughly=roughly) for one in left.values for other in right.values]
    if any(answers):
        return True
    if any(agree(one, other, roughly=roughly) for side in earlier for one in side.values for other in right.values):
        return True
    if None in answers or may_be_range or has_mixed_hyphen(left.tokens) or has_mixed_hyphen(right.tokens):
        return None
    if not calculates and percents and not _is_share(right if left.values[0].is_percent else left):
        return None  # "10% = 8" of what was said before
    # "6 cups / 2 days = 3 cups" means those of a day: a quotient may leave out what it is for.
    divides = any(token.text == "/" for token in (*left.tokens, *right.tokens))
    return _agree_with_points(left, right) or (divides and agree(bare(left), bare(right), roughly=roughly) is True)


def _is_nearest(left: Side, right: Side) -> bool:
    """Whether one side is a whole number beside the other: rounded up or down."""
    pairs = [*itertools.product(left.values, right.values), *itertools.product(right.values, left.values)]
    return any(
        whole.is_whole and whole.place is not None and other.powers == whole.powers and abs(whole.value - other.value) < whole.place
        for whole, other in pairs
    )


def _is_share(side: Side) -> bool:
    return side.values[0].scale == 1 and 0 < side.values[0].value < 1


def _agree_with_points(left: Side, right: Side) -> bool:
    """Whether the sides are equal where 1.500 stands for 1500."""
    tokens = [[token.with_points() for token in side.tokens] for side in (left, right)]
    if tokens == [left.tokens, right.tokens]:
        return False
    one, other = (read_side(side) for side in tokens)
    return one is not None and other is not None and any(agree(a, b, roughly=False) is True for a in one.values for b in other.values)
