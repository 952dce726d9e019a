"""One side of a relation with all its values: a text such as "100 + 10%" can be read in several ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rephrase.verifiers.arithmetic_reader import Reader
from rephrase.verifiers.arithmetic_tokens import Token
from rephrase.verifiers.quantity_values import NoValueError, Quantity

_MOST_TOKENS = 80


@dataclass(frozen=True, slots=True)
class Side:
    """What stands on one side of a relation; `values` has several where a text can be read in several ways."""

    text: str
    values: tuple[Quantity, ...]
    tokens: Sequence[Token]
    calculates: bool = False
    is_range: bool = False
    is_closed_up: bool = False  # its hyphens stand without spaces


def read_side(side: Sequence[Token]) -> Side | None:
    """A side with its values; None where it has none."""
    if not side or len(side) > _MOST_TOKENS:
        return None
    readings: list[Quantity] = []
    calculates = False
    for percent_of_left in (False, True):
        for tight in (False, True):
            reader = Reader(side, percent_of_left=percent_of_left, tight=tight)
            try:
                value = reader.whole()
            except (NoValueError, IndexError, OverflowError):
                continue
            calculates = calculates or reader.operations > 0
            if value not in readings:
                readings.append(value)
            if not reader.is_ambiguous:
                break
        if not readings or not any(token.text == "%" for token in side):
            break
    if not readings:
        return None
    text = " ".join(token.text for token in side)
    numbers = [token for token in side if token.kind == "number"]
    hyphens = [token for last, token in pairwise(side) if token.text in ("-", "–") and last.kind != "sign"]
    is_closed_up = bool(hyphens) and len(numbers) > 1 and all(token.is_close for token in [*hyphens, *numbers[1:]])
    # From less to more, or several hyphens: a range, a date, a number of a telephone.
    is_range = is_closed_up and (len(hyphens) > 1 or (numbers[0].value or 0) < (numbers[1].value or 0) or len(numbers[1].text) > 3)
    return Side(text, tuple(readings), side, calculates, is_range, is_closed_up)


def has_mixed_hyphen(side: Sequence[Token]) -> bool:
    """Whether a side may have a mixed number such as 1-1/2."""
    for at in range(len(side) - 4):
        whole, hyphen, top, over, bottom = side[at : at + 5]
        is_close = hyphen.is_close and top.is_close and over.is_close and bottom.is_close
        if (
            is_close
            and hyphen.text in ("-", "–")
            and over.text == "/"
            and whole.kind == "number"
            and (top.value or 0) < (bottom.value or 0)
        ):
            return True
    return False


def bare(side: Side) -> Quantity:
    """The number of a side without what it measures or counts."""
    try:
        return Reader(side.tokens, bare=True).whole()
    except (NoValueError, IndexError):
        return side.values[0]
