"""Who speaks in a conversation: "Anna: …", "**李明**：…", "Teacher (smiling): …", or turns that begin with a dash and name nobody."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_LONGEST = 160  # characters of a line in which its speaker is named
_MOST_WORDS = 6
_SIGNS = "\u0300-\u036f\u064b-\u0652\u0900-\u0963\u0980-\u0eff\u1000-\u109f\u1780-\u17ff"  # of vowels and tones, no word characters
_PICTURES = "\u2600-\u27bf\U0001f300-\U0001faff\u200d\ufe0f"
_NAME = rf"[^\W\d_][\w.'’&/#\- {_SIGNS}]{{0,38}}?"
# The name, perhaps bold, in brackets or behind a number; how it is said in brackets; a colon; something said, there or below.
_NAMED = re.compile(
    rf"[ \t　>*_#\-•\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069{_PICTURES}]{{0,12}}+(?:\d{{1,3}}[.)][ \t]{{1,4}}+)?"
    r"(?:[\[(]?\d{1,2}:\d{2}(?::\d{2})?[\])]?[ \t]{0,2}(?:[–-][ \t])?)?"
    rf"[*_\[<(【「]{{0,4}}+(?P<name>{_NAME})"
    r"[ \t\xa0*_]{0,6}(?:[(\[（][^()\[\]（）\n]{1,60}[)\]）])?[\]>)】」*_ \t\xa0]{0,6}"
    r"(?:(?<!\d)[:：]|[:：](?!\d))(?!//)[ \t*_]{0,8}(?P<said>\S?)"
)
_DASHED = re.compile(rf"[ \t*_]{{0,6}}+(?P<name>{_NAME})[*_]{{0,3}}[ \t]{{1,3}}[—–][ \t]{{1,3}}\S")
_DASH = re.compile(r"[ \t]*+[—–―-][ \t]?(?=[\w\"“«¿¡…])")


def speakers(text: str) -> list[str]:
    """The speaker of each turn, in lower case. Turns behind dashes alone are by two speakers in turn, as in print."""
    lines = text.splitlines()
    turns = _named(lines)
    if len(set(turns)) > 1:
        return turns
    dashed = [match["name"].strip().lower() for line in lines if (match := _DASHED.match(line[:_LONGEST])) and _is_name(match["name"])]
    counts = Counter(dashed)
    if len(counts) > 1 and all(times > 1 for times in counts.values()):
        return dashed
    spoken = [line for line in lines if line.strip()]
    dashes = sum(_DASH.match(line) is not None and not line.lstrip().startswith("-") for line in spoken)
    if not turns and dashes > 1 and 2 * dashes >= len(spoken):
        return [("first", "second")[turn % 2] for turn in range(dashes)]
    return turns


def _named(lines: list[str]) -> list[str]:
    turns = []
    for number, line in enumerate(lines):
        match = _NAMED.match(line[:_LONGEST])
        if match is None or not _is_name(match["name"]):
            continue
        if match["said"] or any(below.strip() for below in lines[number + 1 : number + 3]):
            turns.append(" ".join(match["name"].split()).lower())
    return turns


def _is_name(name: str) -> bool:
    """Whether it begins as names do: with a capital, or in a script that has none."""
    return unicodedata.category(name[0]) in ("Lu", "Lt", "Lo") and len(name.split()) <= _MOST_WORDS
