"""The tokens of MathML as LaTeX: identifiers, numbers, operators, words and spaces."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rephrase.text.math_symbols import functions, limits, symbols_of, table

if TYPE_CHECKING:
    DOMElement = Any  # nodes of several kinds

_TIGHT = frozenset("()[]|/.,;:!'")  # signs that need no spaces
_WIDE = re.compile(r"[1-9]\d*(?:\.\d*)?em")
_ESCAPED = re.compile(r"[\\{}$&#%_^~]")


def name_of(element: DOMElement) -> str:
    """The name of an element without the prefix of a namespace, as in `mml:math`."""
    tag: str = element.tag
    return tag.rpartition(":")[2]


def children_of(element: DOMElement) -> list[DOMElement]:
    """The elements in an element."""
    from resiliparse.parse.html import NodeType

    children = []
    child = element.first_child
    while child is not None:
        if child.type == NodeType.ELEMENT:  # no text, no comment, no instruction
            children.append(child)
        child = child.next
    return children


def text_of(element: DOMElement) -> str:
    """The text in an element, on one line."""
    return " ".join((element.text or "").split())


def _identifier(element: DOMElement) -> str:
    text = text_of(element)
    variant = element.getattr("mathvariant") or ""
    if text in functions():
        return f"\\{text} "
    command = table().variants.get(variant, "")
    if command == "\\mathrm" and not text.isascii():
        command = ""
    if len(text) > 1 and text.isascii() and text.isalpha() and command in ("", "\\mathrm"):
        return f"\\operatorname{{{text}}}"
    symbols = symbols_of(text)
    return f"{command}{{{symbols}}}" if command else symbols


def _number(element: DOMElement) -> str:
    text = symbols_of(text_of(element))
    command = table().variants.get(element.getattr("mathvariant") or "", "")
    return f"{command}{{{text}}}" if command and command != "\\mathrm" else text


def _operator(element: DOMElement) -> str:
    text = text_of(element)
    if len(text) > 1 and text.isascii() and text.isalpha():
        return f"\\{text} " if text in functions() else f"\\operatorname{{{text}}}"
    symbols = symbols_of(text)
    if not symbols or symbols in _TIGHT or symbols in ("\\{", "\\}", "\\|") or set(symbols) <= {"'"} or symbols in limits():
        return symbols
    return f" {symbols} "


def _words(element: DOMElement) -> str:
    text = (element.text or "").replace("\u00a0", " ")
    if not text.strip():
        return "\\ " if text else ""
    return f"\\text{{{_ESCAPED.sub(_escape, ' '.join(text.split()))}}}"


def _escape(match: re.Match[str]) -> str:
    return {"\\": "\\backslash", "^": "\\^{}", "~": "\\~{}"}.get(match[0], f"\\{match[0]}")


def _space(element: DOMElement) -> str:
    if element.getattr("linebreak") == "newline":
        return "\\\\ "
    width = (element.getattr("width") or "").strip()
    return "\\quad " if _WIDE.fullmatch(width) else "\\, " if width and not width.startswith(("0", "-")) else ""


TOKENS: dict[str, Callable[[DOMElement], str]] = {
    "mi": _identifier,
    "mn": _number,
    "mo": _operator,
    "mtext": _words,
    "ms": _words,
    "mspace": _space,
}
"""What makes LaTeX of an element that holds no others, by its name."""
