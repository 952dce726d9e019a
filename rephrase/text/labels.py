"""Labels: how the parts of a text are announced, as in "Question: …", "**Q1.** …" or "### Answer". One grammar for all that reads them.

The names, in many languages, are in labels.yaml beside this file.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from rephrase.settings.yaml_text import parse_yaml
from rephrase.text.foreign import narrow

_MARKS = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff"  # of the direction in which one reads, which nobody sees
# What may stand before a label: quotation and list signs, the marks of headings, a number of its own.
_BEFORE = (
    rf"[ \t\xa0　>|{_MARKS}]{{0,40}}+"
    r"(?P<heading>\#{1,6}+)?[ \t]{0,8}+(?:[-*+•–—▪●◦][ \t]{1,8}+)?"
    r"(?P<number>(?:[*_]{0,3}+\(?\d{1,3}[.):、][ \t]{0,8}+){0,2}+)(?P<open>[*_`~]{0,4}+)(?P<bracket>[\[(<【「])?+"
)
# What may stand behind its name: a number, a remark in brackets, the end of bold type, and a sign.
_COUNT = (
    r"(?:(?P<dotted>\.(?=\d))?+[ \t]{0,4}+(?:\#|№|no\.?|nr\.?|n[°º])?[ \t]{0,4}+"
    r"(?P<count>\(\d{1,4}\)|\d{1,4}|[ivx]{1,4}(?![\w]))(?:[ \t]?(?:of|/)[ \t]?\d{1,4})?)?+"
)
_REMARK = r"(?:[ \t]{0,4}+[(\[（][^()\[\]（）\n]{1,60}[)\]）])?+"
_SIGN = (
    rf"[{_MARKS}]{{0,2}}+"
    r"(?P<close>[*_`~]{0,4}+[\]>】」]?+[*_`~]{0,4}+)[ \t\xa0]{0,8}+(?P<sign>[:：﹕︰]|[.)、。|=]|(?P<dash>[-–—](?=[ \t]))|→)?+"
    r"(?P<after>[ \t]{0,4}+[*_`~]{0,4}+(?=\s|$)|[*_`~]{0,4}+)"
)
_END_TAG = re.compile(r"</[\w ]{1,40}>\Z")
_FENCE = re.compile(r"^[ \t]*+(?:```|~~~)", re.MULTILINE)
_BRACKETS = {"[": "]", "(": ")", "<": ">", "【": "】", "「": "」"}
_COLONS = ":：﹕︰"


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a line: the part that it names, what stands behind it on the line, and how it is written."""

    name: str
    rest: str
    written: str  # as it stands there, in lower case: "q", "frage"
    sign: str  # ":" for all colons, ".", ")", "-" or "" for a heading or bold line without any
    counted: bool  # whether it has a number

    @property
    def is_letter(self) -> bool:
        """Whether it is one letter, which may be that of an option, too: "A. Ships"."""
        return len(self.written) == 1 and self.written.isascii()


@functools.cache
def spellings() -> dict[str, tuple[str, ...]]:
    """Names of parts and how they are written, in lower case."""
    text = resources.files(__package__).joinpath("labels.yaml").read_text("utf-8")
    data: dict[str, Any] = parse_yaml(text, "labels.yaml")
    return {name: tuple(str(spelling).casefold() for spelling in several) for name, several in data.items()}


class Labels:
    """The labels of some parts. `letters` gives further short names: `{"question": "q"}`."""

    def __init__(self, names: Sequence[str], letters: dict[str, str] | None = None) -> None:
        """Names are as in labels.yaml, or others, which stand for themselves; underscores are spaces."""
        self._parts: dict[str, str] = {}
        for name in names:
            for spelling in (name.replace("_", " ").casefold(), *spellings().get(name.casefold(), ())):
                self._parts.setdefault(spelling, name)
        for name, letter in (letters or {}).items():
            self._parts.setdefault(letter.casefold(), name)
        several = sorted(self._parts, key=len, reverse=True)
        full = "|".join(re.escape(part) for part in several if len(part) > 1)
        short = "|".join(re.escape(part) for part in several if len(part) == 1) or "(?!)"
        # A letter alone is no label: a sign or a number follows.
        written = rf"{full.replace(chr(92) + ' ', '[ _]')}|(?:{short})(?=[ \t]?[^\w\s]|[ \t]?[\d_]|$)"
        self._inline = re.compile(
            rf"(?<=[.?!。？！\"”*_])[ \t]++(?=[*_]{{0,3}}+(?:{full})[*_ ]{{0,4}}+\d{{0,3}}+[*_ ]{{0,4}}+[:：])"
            rf"|(?:(?<=[?？])|(?<=[?？][*_])|(?<=[?？][*_][*_]))[ \t]++(?=[*_]{{0,3}}+(?:{short})\d{{0,3}}+[*_]{{0,3}}+[:：])",
            re.IGNORECASE,
        )
        self._pattern = re.compile(
            rf"^(?=[ \t]*+\S){_BEFORE}(?P<name>{written})(?![^\W\d_]){_COUNT}{_REMARK}{_SIGN}", re.IGNORECASE | re.MULTILINE
        )

    def read(self, line: str) -> Label | None:
        """The label that a line begins with, if it is clear that it is one."""
        match = self._pattern.match(narrow(line))
        return self._label(match, line[match.end() :]) if match else None

    def find(self, text: str) -> list[tuple[int, int, Label]]:
        """The labels of a text, each with the start and the end of its line in characters. Those in code fences do not count."""
        fences = [match.start() for match in _FENCE.finditer(text)]
        if len(fences) % 2:  # a fence that does not end is none
            fences.pop()
        labels = []
        for match in self._pattern.finditer(narrow(text)):
            end = text.find("\n", match.end())
            end = len(text) if end < 0 else end
            in_code = bisect.bisect_right(fences, match.start()) % 2
            if not in_code and (label := self._label(match, text[match.end() : end])):
                labels.append((match.start(), end, label))
        return labels

    def lines(self, text: str) -> Iterator[tuple[str, Label | None]]:
        """The lines of a text, each with the label that it begins with."""
        labels = {start: label for start, _, label in self.find(text)}
        start = 0
        for line in text.split("\n"):
            yield line, labels.get(start)
            start += len(line) + 1

    def _label(self, match: re.Match[str], behind: str) -> Label | None:
        written = re.sub(r"[ \t_]", " ", match["name"]).casefold()
        name = self._parts.get(written)
        if name is None:  # letters that match without being the same, as "ı" and "i"
            return None
        rest = behind.strip()
        sign = ":" if match["sign"] and match["sign"] in _COLONS else match["sign"] or ""
        counted = bool(match["count"])
        if not _is_clear(match, sign, rest, counted=counted):
            return None
        return Label(name, _without_end(rest, match), written, sign, counted)

    def apart(self, text: str) -> str:
        """The text with a line break before each label that follows a sentence on its line: "Question: Why? Answer: So."."""
        return self._inline.sub("\n", text)


def _is_clear(match: re.Match[str], sign: str, rest: str, *, counted: bool) -> bool:
    """Whether the name is used as a label, and not as a word of a sentence."""
    name = match["name"]
    bold = bool(match["open"]) and bool(match["close"] or match["after"].strip())
    if sign == ":":
        return not rest.startswith("//")
    if sign in (".", "、", "。", ")", "|"):
        return True
    if sign:  # dashes, arrows and the like are signs of sentences too
        return counted or bold or bool(match["heading"]) or (not name[0].islower() and bool(rest))
    if match["bracket"]:
        return match["close"].strip("*_`~") == _BRACKETS.get(match["bracket"])
    # A line of its own; before other words a heading with a number only.
    if rest:
        return counted and bool(match["heading"] or match["dotted"])
    return bool(match["heading"] or bold or counted or (len(name) > 1 and not name[0].islower()))


def _without_end(rest: str, match: re.Match[str]) -> str:
    """The text behind a label without the end of bold type, or of an element, that began before the label: "**Q: Why?**"."""
    opening = match["open"]
    if opening and not match["close"] and not match["after"].strip() and rest.endswith(opening[::-1]) and rest.count(opening) == 1:
        return rest[: -len(opening)].rstrip()
    end_tag = _END_TAG.search(rest, max(0, len(rest) - 50)) if match["bracket"] == "<" else None
    return rest[: end_tag.start()].rstrip() if end_tag else rest


def sections_of(text: str, labels: Labels) -> list[tuple[str, str]]:
    """The labelled parts of a text in order, each with its name and what it says. What stands before the first label is left out."""
    places = labels.find(text)
    ends = [*(start for start, _, _ in places[1:]), len(text)]
    return [
        (label.name, f"{label.rest}{text[line_end:end]}".strip()) for (_, line_end, label), end in zip(places, ends, strict=False)
    ]  # no labels, no ends
