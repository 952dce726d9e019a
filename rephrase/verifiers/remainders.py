"""Divisions with remainders, "17 ÷ 5 = 3 remainder 2", and whether they are right."""

from __future__ import annotations

import re
from collections.abc import Iterator

_DIVISION = re.compile(
    r"(?:(?<![\w.,/÷*×^+−-])(?<![/÷*×^+−-] )|(?<=^- )|(?<=^\*\*))"
    r"(?P<whole>\d{1,15}) ?(?:/|÷|∕|\\div|divided by) ?(?P<by>\d{1,15}) ?(?:=|is|equals) ?"
    r"(?P<quotient>\d{1,15})(?:,? ?\(?(?:(?:with|and|leaving) )?(?:an? |the )?(?:remainder|rem\.?)(?: of)?| ?[rR]\.?) ?"
    r"(?P<rest>\d{1,15})(?![\w/]|[.,]\d)",
    re.MULTILINE,
)


def divisions(text: str) -> Iterator[tuple[str, bool]]:
    """Each division with a remainder as it is written, and whether it is right; none where the rest is as large as the divisor."""
    for match in _DIVISION.finditer(text):
        whole, by, quotient, rest = (int(match[name]) for name in ("whole", "by", "quotient", "rest"))
        is_right = whole == by * quotient + rest
        if by and (rest < by or not is_right):
            yield match[0], is_right
