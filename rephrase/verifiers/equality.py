"""Whether two answers are the same: numbers exactly, texts by their words, structures part by part, everything else by algebra."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rephrase.verifiers.algebra import same_expression
from rephrase.verifiers.evidence import boxes
from rephrase.verifiers.latex import simplify
from rephrase.verifiers.quantities import read_quantity, read_with_decimal_comma, same_quantity
from rephrase.verifiers.structures import Structure, read_structure

_LONGEST = 500  # characters of an answer
_DEEPEST = 8  # of structures in each other
_MOST_PARTS = 64
_ASSIGNED = re.compile(
    r"(?P<name>(?:[^\W\d_][^=<>+*/^\d(){}\[\],;]{0,40}?|\\[A-Za-z]+)(?:_(?:\{[^{}]{1,12}\}|\w))?'?(?:\s?\([^()=<>]{0,20}\))?"
    r"|\|?[A-Z]{1,4}\|?|\([A-Za-z](?:\s?,\s?[A-Za-z]){1,3}\))\s?(?:=|\\in(?![A-Za-z]))\s?(?P<value>[^=<>]+)"
)
_SYMBOL = re.compile(r"\\?[A-Za-z]+(?:_(?:\{\w+\}|\w))?")
_SPACE = re.compile(r"(?<![\dA-Za-z])\s+|\s+(?![\dA-Za-z])")
_IN_A_BASE = re.compile(r"\d\s?_|\\p?mod|(?<![A-Za-z])mod(?![A-Za-z])|\d\s?:\s?\d|\\not|\?")
_RELATION = re.compile(r"[<>]")
_COMMANDS = re.compile(r"\\[A-Za-z]+")
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
    return _same(first, second, 0)


def _simplified(answer: str) -> str:
    return simplify(next(boxes(answer), answer))


def _same(first: str, second: str, depth: int) -> bool:
    if _squeezed(first) == _squeezed(second):
        return True
    left, right = read_quantity(first), read_quantity(second)
    if left and right:
        return same_quantity(left, right)
    for number, other in ((left, second), (right, first)):
        comma = read_with_decimal_comma(other) if number and number.decimals else None
        if number and comma:
            return same_quantity(number, comma)
    if depth > _DEEPEST or _IN_A_BASE.search(first) or _IN_A_BASE.search(second):
        return False  # bases, remainders, ratios and times are compared as they are written
    names = [_assigned(text) for text in (first, second)]
    if names[0] and names[1]:
        same_name = _squeezed(names[0][0]) == _squeezed(names[1][0])
        return (same_name or not all(_SYMBOL.fullmatch(name) for name, _ in names if name)) and _same(names[0][1], names[1][1], depth + 1)
    if names[0] or names[1]:
        return _same(names[0][1] if names[0] else first, names[1][1] if names[1] else second, depth + 1)
    parts, others = (None if _MATRIX.search(text) else read_structure(text) for text in (first, second))
    if parts or others:
        return _same_structure(parts, others, first, second, depth)
    if _is_text(first) or _is_text(second):
        return False
    return _same_formula(first, second)


def _same_structure(first: Structure | None, second: Structure | None, one: str, other: str, depth: int) -> bool:
    if first is None or second is None:
        whole = first or second
        if whole and whole.kind in ("()", "{}") and len(whole.parts) == 1:  # brackets around one thing
            return _same(whole.parts[0] if first else one, whole.parts[0] if second else other, depth + 1)
        return bool(_RELATION.search(one) and _RELATION.search(other)) and _same_formula(one, other)
    if len(first.parts) != len(second.parts) or len(first.parts) > _MOST_PARTS:
        return False
    if first.kind != second.kind:
        kinds = {first.kind, second.kind}
        if "list" not in kinds or not kinds & {"()", "{}", "compound"}:
            return False
    if first.ordered or second.ordered:
        return all(_same(left, right, depth + 1) for left, right in zip(first.parts, second.parts, strict=True))
    return _same_in_any_order(first.parts, second.parts, depth + 1)


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
    equations = "=" in re.sub("[<>]=", "", first), "=" in re.sub("[<>]=", "", second)
    if equations[0] != equations[1]:
        # "3 + 4 = 7" says 7; "2x = 6" is not 6.
        solved = first if equations[0] else second
        left, _, value = solved.rpartition("=")
        if re.search(r"[A-Za-z]", _COMMANDS.sub("", left)) or not value.strip():
            return False
        pair = (value.strip(), second) if equations[0] else (first, value.strip())
        return _same(*pair, _DEEPEST)
    if any(equations) and not re.search(r"[A-Za-z]", _COMMANDS.sub("", first) + _COMMANDS.sub("", second)):
        return _same(first.rpartition("=")[2].strip(), second.rpartition("=")[2].strip(), _DEEPEST)
    return same_expression(first, second)


def _assigned(text: str) -> tuple[str, str] | None:
    r"""Name and value of `x = 5`, `f(x) = 2x`, `the area = 12` or `x \in [1, 2]`; the value of a chain is its end."""
    chain = re.split(r"(?<![<>!])=", text)
    if len(chain) > 2:
        text = f"{chain[0].strip()} = {chain[-1].strip()}"
    match = _ASSIGNED.fullmatch(text)
    return (match["name"].strip(), match["value"].strip()) if match else None


def _squeezed(text: str) -> str:
    """Without what does not tell answers apart: case, and spaces that part no two letters or digits."""
    return _SPACE.sub("", text.strip()).casefold().replace("\\{", "{").replace("\\}", "}")


def _is_text(text: str) -> bool:
    """Whether an answer is in words, which are no product of their letters."""
    bare = _COMMANDS.sub(" ", _MATRIX.sub(" ", text))
    return bool(_WORD.search(bare)) or bool(re.fullmatch(r"[^\W\d_]{2,}(?:\s[^\W\d_]+)*", bare.strip())) or not re.search(r"[\dA-Za-z\\]", text)
