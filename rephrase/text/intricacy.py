"""How much work a page's markup makes, counted without parsing it.

Parsers and extractors take time in the square of how deep a page is nested, how many options a list has and attributes a tag. The counts
here are linear, and all but free for pages that have few tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What an extractor gets through in some seconds."""

    work: int
    """Ancestors of all elements, summed."""
    tags: int


RESILIPARSE = Limits(5_000_000, 2_000_000)
TRAFILATURA = Limits(500_000, 20_000)

_MOST_CHARACTERS = 1 << 24
_FEW_TAGS = 1_000  # take no time however they are nested
_UNCLOSED = 500  # elements that may be left open, breaks and images among them
_FEW_FORMATTING = 50  # elements that are left open
_MOST_WORK_A_TAG = 50  # of large pages: some 20 levels are usual
_MOST_ATTRIBUTES = 10_000  # of a tag

# What else parsers were measured to do, in the same unit of work: some 150 ns, the visit of an ancestor by resiliparse.
_FORMATTING_WORK = 25  # an open formatting element is made anew in every block that follows
_OPTION_WORK = 0.1  # an option is compared with each before it

_TAG = re.compile(r"<(/?)([a-z][^\s/>]*+)")
_ATTRIBUTES = re.compile(r"""<[a-zA-Z][^\s/>]*+((?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+)""")
_ATTRIBUTE = re.compile(r"""[^\s=/]++\s*+(?:=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"']++)?+)?+""")
_FLAT = (
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"),  # without content
    *("p", "li", "dt", "dd", "td", "th", "tr", "thead", "tbody", "tfoot", "option"),  # ended by the next of their kind
)
_OF_RUBY = ("rt", "rp")  # in a ruby element they are ended by the next, elsewhere by nothing
_FORMATTING = ("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
_INITIALS = "".join(sorted({name[0] for name in _FORMATTING[1:]}))  # looked at first: most tags have others
_FORMATTING_TAG = re.compile(rf"<(/?)(?=[{_INITIALS}])({'|'.join(_FORMATTING[1:])})[\s/>]", re.IGNORECASE)  # but links: the next ends one
_WEIGHTS = dict.fromkeys(_FLAT, 0) | dict.fromkeys(_FORMATTING, _FORMATTING_WORK)  # of all others 1


def is_intricate(html: str, limits: Limits = RESILIPARSE) -> bool:
    """Whether a page is so large, so deeply nested, or has so many attributes on a tag that its extraction would take several seconds."""
    starts = html.count("<")
    if len(html) > _MOST_CHARACTERS or starts > limits.tags:
        return True
    return (_may_be_deep(html, starts, limits.work) and _is_deep(html, limits.work)) or (
        _may_have_many_attributes(html) and _has_many_attributes(html)
    )


def _may_be_deep(html: str, starts: int, most_work: int) -> bool:
    if starts <= _FEW_TAGS:
        return False
    # As many would have to be nested one in the other; with formatting elements that are left open it takes fewer.
    return starts**2 > 3 * most_work or starts - 2 * html.count("</") > _UNCLOSED or _open_formatting(html) > _FEW_FORMATTING


def _open_formatting(html: str) -> int:
    """Formatting elements that are left open, whatever end tags of others stand between them."""
    is_open: dict[str, int] = {}
    for slash, name in _FORMATTING_TAG.findall(html):
        is_open[name] = max(0, is_open.get(name, 0) + (-1 if slash else 1))
    return sum(is_open.values())


def _is_deep(html: str, most_work: int) -> bool:
    """By the ancestors of all elements, summed."""
    tags = _TAG.findall(html.lower())
    limit = max(most_work, _MOST_WORK_A_TAG * len(tags))
    depth = work = 0
    is_open: dict[str, int] = {}
    for slash, name in tags:
        weight = _WEIGHTS.get(name, 1)
        if slash and name == "ruby":
            depth -= sum(is_open.pop(part, 0) for part in _OF_RUBY)
        if weight and not slash:
            is_open[name] = is_open.get(name, 0) + 1
            depth += weight
        elif weight and is_open.get(name):
            is_open[name] -= 1
            depth -= weight
        work += depth
        if work > limit:
            return True
    options = tags.count(("", "option"))
    return work + _OPTION_WORK * options**2 > limit


def _may_have_many_attributes(html: str) -> bool:
    """Whether there are as many equals signs, or so long a stretch that ends no tag."""
    if html.count("=") > _MOST_ATTRIBUTES:
        return True
    start, stretch = 0, 4 * _MOST_ATTRIBUTES
    while start + stretch < len(html):
        end = html.rfind(">", start, start + stretch)
        if end < 0:
            return True
        start = end + 1
    return False


def _has_many_attributes(html: str) -> bool:
    longest = max((match[1] for match in _ATTRIBUTES.finditer(html)), key=len, default="")
    return len(longest) > _MOST_ATTRIBUTES and len(_ATTRIBUTE.findall(longest)) > _MOST_ATTRIBUTES
