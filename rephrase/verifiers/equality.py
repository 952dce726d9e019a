"""Whether two answers are the same: numbers exactly, texts by their words, structures part by part, everything else by algebra."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from rephrase.verifiers.algebra import same_expression
from rephrase.verifiers.evidence import boxes
from rephrase.verifiers.latex import SYMBOL, has_variables, simplify, without_commands
from rephrase.verifiers.quantities import Quantity, read_quantity, read_with_decimal_comma, same_quantity, unit_apart, units_go_together
from rephrase.verifiers.structures import Structure, read_structure, split_at

_LONGEST = 500  # characters of an answer
_DEEPEST = 8  # of structures in each other
_MOST_PARTS = 64
_NAME = re.compile(r"(?:[^\d=<>+*/^;,_()-]|_(?:\{[^{}=<>]{1,12}\}|\w)|\([^()=<>]{0,20}\)){1,60}")
_LETTER = re.compile(r"[A-Za-z]")
_SYMBOL = re.compile(rf"({SYMBOL})(?:\([A-Za-z]\))?")
_SPACE = re.compile(r"(?<![\dA-Za-z])\s+|\s+(?![\dA-Za-z])")
_AS_WRITTEN = re.compile(
    r"\d\s?_|\\p?mod|(?<![A-Za-z])mod(?![A-Za-z])|\d\s?:\s?\d|\\(?:not|ldots|prime|ne)(?![A-Za-z])|\^\s?\{?\s?(?:T|\\top)|[?'\"#]"
)
_NO_UNIT = Quantity(Fraction(0))
_RELATION = re.compile(r"[<>]")
_ELEMENT = re.compile(r"\\in(?![A-Za-z])")
_SEVERAL_LETTERS = re.compile(r"[^\W\d_]{3,}")
_WORD = re.compile(r"[^\W\d_]{4,}")
_MATRIX = re.compile(r"\\(?:begin|end)\s?\{\s?[A-Za-z]*matrix\s?\}|\\begin\s?\{array\}\s?\{[lcr|]*\}|\\end\s?\{array\}")


def same_answer(answer: str, gold: str) -> bool:
    r"""Whether an answer is the right one: numbers with or without units, fractions, percentages, texts, lists, intervals, expressions.

    A percentage equals the number with the sign left out, and its hundredth: sources differ in what they leave out. A name before the
    answer may be left out (`x = 5`), brackets may not. In doubt two answers are not the same.
    """
    if len(answer) > 2 * _LONGEST or len(gold) > 2 * _LONGEST:
        return False
    first, second = _simplified(answer), _simplified(gold)
    if not first or not second or len(first) > _LONGEST or len(second) > _LONGEST:
        return False
    if _ELEMENT.search(second) and _RELATION.search(first) and not _RELATION.search(second):
        return False  # Math-Verify says so too: who is asked for a set gives one
    return _same(first, second, 0)


def _simplified(answer: str) -> str:
    return simplify(next(boxes(answer), answer))


def _same(first: str, second: str, depth: int) -> bool:  # noqa: PLR0911  # a case for each kind of answer
    left, right = read_quantity(first), read_quantity(second)
    if left and right:
        return same_quantity(left, right)
    if _squeezed(first) == _squeezed(second):
        return True
    for number, other in ((left, second), (right, first)):
        comma = read_with_decimal_comma(other) if number and number.decimals else None
        if number and comma:
            return same_quantity(number, comma)
    if depth > _DEEPEST:
        return False
    parts, others = (None if _MATRIX.search(text) else read_structure(text) for text in (first, second))
    if parts and others:
        return _same_structure(parts, others, depth)
    names = (None if parts else assigned(first), None if others else assigned(second))  # several values are no one's
    if any(names):
        return _same_assigned(first, second, names, depth)
    if parts or others:
        return _same_as_whole(first, second, parts, others, depth)
    expressions = unit_apart(first), unit_apart(second)
    if any(expressions):
        return _same_with_units(first, second, expressions, depth)
    if _AS_WRITTEN.search(first) or _AS_WRITTEN.search(second) or _is_text(first) or _is_text(second):
        return False  # bases, remainders, ratios, times and texts are compared as they are written
    return _same_formula(_exact(left) or first, _exact(right) or second)


def _exact(number: Quantity | None) -> str:
    """A number that was written as a fraction, for an algebra that would take `1 1/2` for a product; nothing for others."""
    if number is None or number.decimals is not None or number.value.denominator == 1:
        return ""
    return f"\\frac{{{number.value.numerator}}}{{{number.value.denominator}}}"


def _same_assigned(first: str, second: str, names: tuple[tuple[str, str] | None, tuple[str, str] | None], depth: int) -> bool:
    """Compare where a name stands before one answer or both: a name may be left out, but is no other name."""
    left, right = names
    if left and right:
        symbols = _SYMBOL.fullmatch(left[0]), _SYMBOL.fullmatch(right[0])
        differ = symbols[0] and symbols[1] and _squeezed(symbols[0][1]) != _squeezed(symbols[1][1])
        return not differ and _same(left[1], right[1], depth + 1)
    if "=" in first and "=" in second:
        return _same_formula(first, second)
    return _same(left[1] if left else first, right[1] if right else second, depth + 1)


def _same_with_units(
    first: str, second: str, expressions: tuple[tuple[str, Quantity] | None, tuple[str, Quantity] | None], depth: int
) -> bool:
    """Compare where a unit follows one expression or both: it may be left out, but is no other unit."""
    numbers = read_quantity(first), read_quantity(second)
    units = [one[1] if one else number or _NO_UNIT for one, number in zip(expressions, numbers, strict=True)]
    bare = [
        one[0] if one else str(number.value) if number else text
        for one, number, text in zip(expressions, numbers, (first, second), strict=True)
    ]
    return units_go_together(*units) and _same(bare[0], bare[1], depth + 1)


def _same_as_whole(first: str, second: str, parts: Structure | None, others: Structure | None, depth: int) -> bool:
    """Compare a structure with what is none: brackets around one thing may be left out, and inequalities be written in many ways."""
    whole = parts or others
    if whole and whole.kind in ("()", "[]", "{}") and len(whole.parts) == 1 and whole.parts != ("\\emptyset",):
        return _same(whole.parts[0] if parts else first, whole.parts[0] if others else second, depth + 1)
    return bool(_RELATION.search(first) and _RELATION.search(second)) and _same_formula(first, second)


def _same_structure(first: Structure, second: Structure, depth: int) -> bool:
    first, second = _without_repeats(first), _without_repeats(second)
    if len(first.parts) != len(second.parts) or len(first.parts) > _MOST_PARTS:
        return False
    if first.variable and second.variable and _squeezed(first.variable) != _squeezed(second.variable):
        return False
    if first.kind != second.kind:
        kinds = {first.kind, second.kind}
        if "list" not in kinds or not kinds & {"()", "{}", "compound"}:
            return False
    if first.ordered or second.ordered:
        return all(_same(left, right, depth + 1) for left, right in zip(first.parts, second.parts, strict=True))
    return _same_in_any_order(first.parts, second.parts, depth + 1)


def _without_repeats(structure: Structure) -> Structure:
    """A set, or a list of points, holds each only once; a list of numbers may hold one twice."""
    several = structure.kind == "{}" or (structure.kind == "list" and all(part.startswith("(") for part in structure.parts))
    return replace(structure, parts=tuple({_squeezed(part): part for part in structure.parts}.values())) if several else structure


def _same_in_any_order(first: Sequence[str], second: Sequence[str], depth: int) -> bool:
    rest = list(second)
    for part in first:
        partner = next((other for other in rest if _squeezed(other) == _squeezed(part)), None)
        partner = partner or next((other for other in rest if _same(part, other, depth)), None)
        if partner is None:
            return False
        rest.remove(partner)
    return True


def _same_formula(first: str, second: str) -> bool:
    letters, others = (set(without_commands(side)) for side in (first, second))
    if any(letter.swapcase() in others - letters for letter in letters - others if letter.isalpha()):
        return False  # N is not n, though to Math-Verify it is
    chains = split_at(first, "="), split_at(second, "=")
    if not any(chains):
        return same_expression(first, second)
    # "3 + 4 = 7" says 7, but "2x = 6" is not 6.
    solved = [chain[-1] if chain and not _RELATION.search("".join(chain)) and not has_variables("".join(chain)) else "" for chain in chains]
    if any(solved):
        return _same(solved[0] or first, solved[1] or second, _DEEPEST)
    return all(chains) and same_expression(first, second)


def assigned(text: str) -> tuple[str, str] | None:
    r"""Name and value of `x = 5`, `f(x) = 2x`, `the area = 12` or `x \in [1, 2]`; the value of a chain is its end."""
    if _RELATION.search(text):
        return None
    chain = split_at(text, "=") or split_at(text, "\\in")
    return (chain[0], chain[-1]) if len(chain) > 1 and _NAME.fullmatch(chain[0]) and _LETTER.search(chain[0]) else None


def _squeezed(text: str) -> str:
    """Without what does not tell answers apart: spaces that part no two letters or digits, and the case of words and lone letters."""
    squeezed = _SPACE.sub("", text.strip()).replace("\\{", "{").replace("\\}", "}")
    return squeezed.casefold() if squeezed.isalpha() or _SEVERAL_LETTERS.search(without_commands(squeezed)) else squeezed


def _is_text(text: str) -> bool:
    """Whether an answer is in words, which are no product of their letters."""
    bare = without_commands(_MATRIX.sub(" ", text))
    words_alone = _WORD.search(bare) or re.fullmatch(r"[^\W\d_]{2,}(?:\s[^\W\d_]+)*", bare.strip())
    return bool(words_alone) or not re.search(r"[\dA-Za-z\\]", text)
