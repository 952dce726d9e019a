"""MathML as LaTeX, element by element, after the table in mathml.yaml."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rephrase.text.math_symbols import joined, limits, symbols_of, table
from rephrase.text.mathml_tokens import TOKENS, children_of, name_of, text_of

if TYPE_CHECKING:
    DOMElement = Any  # nodes of several kinds

_DEEPEST = 60  # elements in each other; formulas of papers have some twenty
_ONE = re.compile(r"\\[A-Za-z]+|.|\\(?:math[a-z]+|operatorname|text)\{[^{}]*\}", re.DOTALL)
_NO_THICKNESS = re.compile(r"0(?:\.0*)?[a-z%]*")
_ENCLOSURES = {"box": "\\boxed", "radical": "\\sqrt", "strike": "\\cancel", "top": "\\overline", "bottom": "\\underline"}


class TooDeepError(ValueError):
    """The elements of a formula are nested deeper than any that a person wrote."""


def latex_of(element: DOMElement) -> str:
    """The LaTeX of a `math` element, without delimiters. Raises `TooDeepError` where its elements are nested too deep."""
    return _row(children_of(element), 0)


def _row(children: Sequence[DOMElement], depth: int) -> str:
    if depth > _DEEPEST:
        raise TooDeepError
    parts: list[str] = []
    at = 0
    while at < len(children):
        bracketed = _bracketed(children, at, depth)
        if bracketed:
            part, after = bracketed
        else:
            part, after = _latex(children[at], depth + 1), at + 1
        parts.append(part)
        at = after
    return joined(parts).strip() if len(parts) > 1 else "".join(parts).strip()


def _bracketed(children: Sequence[DOMElement], at: int, depth: int) -> tuple[str, int] | None:
    """A matrix, cases or binomial that begins with the bracket here, and where what follows it begins."""
    if at + 1 >= len(children) or name_of(children[at]) != "mo":
        return None
    opening = text_of(children[at])
    inner = _alone(children[at + 1])
    closing = text_of(children[at + 2]) if at + 2 < len(children) and name_of(children[at + 2]) == "mo" else ""
    if name_of(inner) == "mfrac" and opening + closing == "()" and _is_thin(inner):
        return f"\\binom{_arguments(children_of(inner), depth)}", at + 3
    environments = table().matrices
    if name_of(inner) == "mtable" and opening + closing in environments:
        return _matrix(inner, environments[opening + closing], depth), at + (3 if closing else 2)
    if name_of(inner) == "mtable" and opening in environments:
        ends_unseen = not closing and at + 2 < len(children) and name_of(children[at + 2]) == "mo"
        return _matrix(inner, environments[opening], depth), at + (3 if ends_unseen else 2)
    return None


def _alone(element: DOMElement) -> DOMElement:
    """The one element that a row holds, or the element itself."""
    for _ in range(_DEEPEST):
        if name_of(element) not in ("mrow", "mstyle", "mpadded"):
            break
        children = [child for child in children_of(element) if name_of(child) != "mspace"]
        if len(children) != 1:
            break
        element = children[0]
    return element


def _latex(element: DOMElement, depth: int) -> str:
    name = name_of(element)
    if name in TOKENS:
        return TOKENS[name](element)
    children = children_of(element)
    if name in _LAYOUTS:
        return _LAYOUTS[name](element, children, depth)
    if name in ("annotation", "annotation-xml", "none", "mprescripts", "maligngroup", "malignmark"):
        return ""
    if name in ("semantics", "maction"):
        return _row(children[:1], depth)
    return _row(children, depth) if children else symbols_of(text_of(element))


def _part(children: Sequence[DOMElement], index: int, depth: int) -> str:
    """A child as a row; empty where there is none."""
    return _row(children[index : index + 1], depth) if index < len(children) else ""


def _arguments(children: Sequence[DOMElement], depth: int) -> str:
    return "".join(f"{{{_part(children, index, depth + 1)}}}" for index in range(2))


def _base(latex: str) -> str:
    """What scripts are put on: one sign as it is, more in braces."""
    return latex if _ONE.fullmatch(latex) else f"{{{latex}}}"


def _scripted(base: str, below: str, above: str) -> str:
    if above and set(above) <= {"'"}:
        return f"{base}{above}{f'_{{{below}}}' if below else ''}"
    return f"{base}{f'_{{{below}}}' if below else ''}{f'^{{{above}}}' if above else ''}"


def _scripts(element: DOMElement, children: Sequence[DOMElement], depth: int) -> str:
    parts = [_part(children, index, depth + 1) for index in range(3)]
    name = name_of(element)
    below = parts[1] if name != "msup" else ""
    above = parts[2] if name == "msubsup" else parts[1] if name == "msup" else ""
    return _scripted(_base(parts[0]), below, above)


def _fraction(element: DOMElement, children: Sequence[DOMElement], depth: int) -> str:
    if element.getattr("bevelled") == "true":
        return f"{_base(_part(children, 0, depth + 1))}/{_base(_part(children, 1, depth + 1))}"
    if _is_thin(element):
        return f"{{{_part(children, 0, depth + 1)} \\atop {_part(children, 1, depth + 1)}}}"
    return f"\\frac{_arguments(children, depth)}"


def _is_thin(fraction: DOMElement) -> bool:
    return bool(_NO_THICKNESS.fullmatch((fraction.getattr("linethickness") or "").strip()))


def _root(element: DOMElement, children: Sequence[DOMElement], depth: int) -> str:
    if name_of(element) == "msqrt":
        return f"\\sqrt{{{_row(children, depth + 1)}}}"
    return f"\\sqrt[{_part(children, 1, depth + 1)}]{{{_part(children, 0, depth + 1)}}}"


def _over_and_under(element: DOMElement, children: Sequence[DOMElement], depth: int) -> str:
    name = name_of(element)
    base = _part(children, 0, depth + 1)
    under = children[1] if name != "mover" and len(children) > 1 else None
    over = children[-1] if name != "munder" and len(children) > 1 else None
    below = _row([under], depth + 1) if under is not None else ""
    above = _row([over], depth + 1) if over is not None else ""
    if base in limits() or base.startswith(("\\underbrace", "\\overbrace", "\\operatorname")):
        return _scripted(base, below, above)
    if base in table().arrows:
        return f"{table().arrows[base]}{f'[{below}]' if below else ''}{{{above}}}"
    index = 0 if _ONE.fullmatch(base) else 1
    for mark, marks, others in ((over, table().over, below), (under, table().under, above)):
        sign = text_of(_alone(mark)) if mark is not None else ""
        if sign in marks and not others:
            return f"{marks[sign][index]}{{{base}}}"
    latex = f"\\underset{{{below}}}{{{base}}}" if below else base
    return f"\\overset{{{above}}}{{{latex}}}" if above else latex


def _cells(row: DOMElement, depth: int) -> str:
    cells = children_of(row)
    if name_of(row) == "mlabeledtr":
        cells = cells[1:]
    return " & ".join(_row(children_of(cell), depth + 2) for cell in cells)


def _matrix(table: DOMElement, environment: str, depth: int) -> str:
    rows = " \\\\ ".join(_cells(row, depth) for row in children_of(table))
    return f"\\begin{{{environment}}} {rows} \\end{{{environment}}}"


def _grid(element: DOMElement, _: Sequence[DOMElement], depth: int) -> str:
    aligned = "right" in (element.getattr("columnalign") or "")
    return _matrix(element, "aligned" if aligned else "matrix", depth)


def _fenced(element: DOMElement, children: Sequence[DOMElement], depth: int) -> str:
    opening, closing = (element.getattr(name) for name in ("open", "close"))
    given = element.getattr("separators")
    separators = [sign for sign in ("," if given is None else given) if not sign.isspace()] or [""]
    parts = [_row([child], depth + 1) for child in children]
    inner = "".join(f"{separators[min(place, len(separators)) - 1] + ' ' if place else ''}{part}" for place, part in enumerate(parts))
    return f"{symbols_of('(' if opening is None else opening)}{inner}{symbols_of(')' if closing is None else closing)}"


def _enclosed(element: DOMElement, children: Sequence[DOMElement], depth: int) -> str:
    inner = _row(children, depth + 1)
    notation = element.getattr("notation") or "longdiv"
    for word, command in _ENCLOSURES.items():
        if word in notation:
            return f"{command}{{{inner}}}"
    return inner


def _many_scripts(_: DOMElement, children: Sequence[DOMElement], depth: int) -> str:
    names = [name_of(child) for child in children]
    split = names.index("mprescripts") if "mprescripts" in names else len(children)
    before, after = children[split + 1 :], children[1:split]

    def pairs(scripts: Sequence[DOMElement]) -> str:
        parts = [_row([script], depth + 1) for script in scripts]
        return "{}".join(_scripted("", *(*parts[place : place + 2], "")[:2]) for place in range(0, len(parts), 2))

    return f"{f'{{}}{pairs(before)}' if before else ''}{_base(_part(children, 0, depth + 1))}{pairs(after)}"


def _phantom(_: DOMElement, children: Sequence[DOMElement], depth: int) -> str:
    return f"\\phantom{{{_row(children, depth + 1)}}}"


_LAYOUTS: dict[str, Callable[[DOMElement, Sequence[DOMElement], int], str]] = {
    "mfrac": _fraction,
    "msqrt": _root,
    "mroot": _root,
    "msub": _scripts,
    "msup": _scripts,
    "msubsup": _scripts,
    "munder": _over_and_under,
    "mover": _over_and_under,
    "munderover": _over_and_under,
    "mtable": _grid,
    "mfenced": _fenced,
    "menclose": _enclosed,
    "mmultiscripts": _many_scripts,
    "mphantom": _phantom,
}
