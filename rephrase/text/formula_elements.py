"""What an element of a page holds of a formula: its own LaTeX where it has that, else its MathML converted."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rephrase.text.intricacy import is_intricate
from rephrase.text.mathml import TooDeepError, latex_of
from rephrase.text.mathml_tokens import children_of, name_of, text_of

if TYPE_CHECKING:
    DOMElement = Any  # nodes of several kinds

_ENCODING = re.compile(r"(?:application/x-|text/(?:x-)?)?(?:la)?tex\b", re.IGNORECASE)
_LONGEST_SOURCE = 100_000  # characters of MathML in a script or an attribute
_LONGEST_ADDRESS = 5000  # characters
_SIGNS = re.compile(r"[\\^_{]")
_WORD = re.compile(r"[A-Za-z]{4}")

_IMAGE_CLASSES = re.compile(
    r"latex(?:img)?|tex|math|mwe-math-fallback-image-\w+|ql-img-(?:inline|displayed)-(?:formula|equation)", re.IGNORECASE
)
_DISPLAYED_CLASS = re.compile(r"display", re.IGNORECASE)
_IMAGE_QUERIES = (
    re.compile(r"latex\.php\?(?:[^#]*&)?latex=([^&#]+)"),  # WordPress
    re.compile(r"chart\?(?:[^#]*&)?cht=tx(?:&[^#]*)?&chl=([^&#]+)"),  # Google's charts
    re.compile(r"(?:latex\.codecogs\.com/[^?#]*|/(?:mathtex|mimetex|tex)\.cgi)\?([^#]+)"),
)
_SETTINGS = re.compile(r"(?:\\(?:dpi\s?\{\d+\}|inline|bg_\w+|fn_\w+|tiny|small|normal|large|Large|LARGE|huge)(?![A-Za-z])\s*)+")


def classes_of(element: DOMElement) -> list[str]:
    """The classes of an element."""
    return (element.getattr("class") or "").split()


def within(element: DOMElement) -> Iterator[DOMElement]:
    """The elements in an element at any depth, in their order."""
    pending = children_of(element)[::-1]
    while pending:
        inner = pending.pop()
        yield inner
        pending.extend(children_of(inner)[::-1])


def math_within(element: DOMElement) -> DOMElement | None:
    """The first `math` element in an element."""
    return next((inner for inner in within(element) if name_of(inner) == "math"), None)


def tex_of_math(math: DOMElement) -> str:
    """The LaTeX of a `math` element: its annotation, its alternative text if that is LaTeX, or its MathML converted; empty where none."""
    for inner in within(math):
        if name_of(inner) == "annotation" and _ENCODING.match(inner.getattr("encoding") or "") and (inner.text or "").strip():
            return inner.text or ""
    alternative: str = math.getattr("alttext") or ""
    if alternative.strip() and (_SIGNS.search(alternative) or not _WORD.search(alternative)):
        return alternative
    try:
        return latex_of(math)
    except TooDeepError:
        return ""


def tex_of_source(source: str) -> str:
    """The LaTeX of MathML that stands in a page as text; empty where it is no MathML, or too much."""
    from resiliparse.parse.html import HTMLTree

    if len(source) > _LONGEST_SOURCE or is_intricate(source):
        return ""
    body = HTMLTree.parse(source.replace("<![CDATA[", "").replace("]]>", "")).body
    math = math_within(body) if body else None
    return tex_of_math(math) if math else ""


def is_block(math: DOMElement) -> bool:
    """Whether a `math` element stands apart from its line."""
    return bool(math.getattr("display") == "block" or math.getattr("mode") == "display")


def tex_of_image(image: DOMElement) -> tuple[str, bool]:
    """The LaTeX of an image of a formula and whether its class says that it stands apart; empty for other images."""
    classes = classes_of(image)
    source = (image.getattr("src") or "")[:_LONGEST_ADDRESS]
    for query in _IMAGE_QUERIES:
        if match := query.search(source):
            tex = urllib.parse.unquote_plus(match[1]) if "latex=" in match[0] or "chl=" in match[0] else urllib.parse.unquote(match[1])
            return _SETTINGS.sub("", tex.replace("&space;", " "), count=1), False
    if any(_IMAGE_CLASSES.fullmatch(name) for name in classes):
        return image.getattr("alt") or "", any(_DISPLAYED_CLASS.search(name) for name in classes)
    return "", False


def equations(table: DOMElement) -> list[tuple[str, str]]:
    """The rows of a table of LaTeXML's equations: the LaTeX of each, with its number as a tag, or its words where it has no formula."""
    rows = []
    for row in _rows(table):
        parts = [_part(math) for math in within(row) if name_of(math) == "math"]
        number = next((text_of(inner) for inner in within(row) if "ltx_tag" in classes_of(inner)), "").strip("() ")
        tag = f" \\tag{{{number}}}" if number and parts else ""
        rows.append((" ".join(parts) + tag, "" if parts else text_of(row)))
    return rows


def _rows(table: DOMElement) -> Iterator[DOMElement]:
    """The rows of a table, but for those of tables in it."""
    for child in children_of(table):
        if name_of(child) == "tr":
            yield child
        else:
            yield from (row for row in children_of(child) if name_of(row) == "tr")


def _part(math: DOMElement) -> str:
    return tex_of_math(math).strip().removeprefix("\\displaystyle").strip()
