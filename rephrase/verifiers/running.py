"""Chains that go on from a result, as pupils write them: "2 + 3 = 5 × 4 = 20" says that 2 + 3 is 5, and that 5 × 4 is 20."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rephrase.verifiers.arithmetic_sides import Side, read_side
from rephrase.verifiers.quantity_values import agree

_SIGNS = frozenset("+-–*/^")
_LONGEST = 9  # tokens of a result: a fraction with what it measures


@dataclass(frozen=True, slots=True)
class Running:
    """A side that begins with the result of the one before: the result as it is written, and the side with what it may be worth."""

    result: str
    side: Side


def goes_on(left: Side, right: Side, *, roughly: bool) -> Running | None:
    """The right side as one that goes on from the result of the left one; None where it does not begin with it."""
    for result in _results(right):
        if result.text == left.text:
            continue
        for value in left.values:
            if any(agree(value, other, roughly=roughly) for other in result.values):
                return Running(result.text, _with_result(right, result, left))
    return None


def _results(side: Side) -> Iterator[Side]:
    """What a side may begin with: a number, or a fraction, before a sign."""
    depth = 0
    for place, token in enumerate(side.tokens[: _LONGEST + 1]):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        is_sign = token.text in _SIGNS or token.text in ("x", "X")
        if place and depth == 0 and is_sign and side.tokens[place - 1].text not in _SIGNS:
            result = read_side(side.tokens[:place])
            if result is not None:
                yield result
            if token.text != "/":
                return


def _with_result(side: Side, result: Side, left: Side) -> Side:
    """The side, also with the values that it has if one reckons on with all digits of the result and not with those that are written."""
    number, written = result.tokens[0], result.values[0]
    if number.value is None or not written.value or any(token.kind == "number" for token in result.tokens[1:]):
        return side
    values = list(side.values)
    for value in left.values:
        if value.powers == written.powers:
            exact = read_side([replace(number, value=number.value * value.value / written.value), *side.tokens[1:]])
            values += exact.values if exact is not None else ()
    return replace(side, values=tuple(values))
