"""The text of a web page without a parser: its tags are left out, in time that grows as the page does."""

from __future__ import annotations

import html as entities
import re

_UNSEEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(head|script|style|noscript|template|svg|textarea|select|iframe)\b.*?(?:</\1\b[^>]*>?|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_TITLE = re.compile(r"<title\b[^>]{0,200}>([^<]{0,2000})", re.IGNORECASE)
_TAG = re.compile(r"""<(?:/?([a-zA-Z][^\s/>]*+)|[!?])(?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+>?""")
_INLINE = frozenset(
    [
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "nobr"),
        *("q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
    ]
)
_CELLS = frozenset(["td", "th", "img", "input", "button", "label"])


def strip(html: str) -> tuple[str, str]:
    """The text and the title of a page. Block elements begin a line; what readers do not see is left out as far as it can be told."""
    title = _TITLE.search(html)
    lines = _TAG.sub(_space, _UNSEEN.sub(" ", html)).split("\n")
    text = "\n".join(line for line in (_plain(line) for line in lines) if line)
    return text, _plain(title[1]) if title else ""


def _space(tag: re.Match[str]) -> str:
    name = (tag[1] or "").lower()
    if name in _INLINE:
        return ""
    return " " if name in _CELLS else "\n"


def _plain(line: str) -> str:
    return " ".join((entities.unescape(line) if "&" in line else line).split())
