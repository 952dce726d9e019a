"""Reasoning that a model writes around its answer: how it is marked, by reasoning.yaml beside this file, and how it is cut off."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml

# OpenAI's Harmony format: messages, each behind its channel. The answer is what stands in the channel `final`.
_MESSAGE = re.compile(
    r"<\|channel\|>\s{0,4}(\w{1,20})(?:(?!<\|)[^\n]){0,200}(?:<\|constrain\|>\w{0,20})?\s{0,4}<\|message\|>", re.IGNORECASE
)
_MESSAGE_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>", re.IGNORECASE)
# White space, with the marks of byte order and the spaces of no width that decoders leave; and who speaks, as templates and models tell it.
_SPACE = re.compile(r"[\s\ufeff\u200b]*+")
_HEAD = re.compile(
    rf"{_SPACE.pattern}(?:(?:<s>|<[|｜]\w{{1,24}}[|｜]>|(?:assistant|model)(?:\s{{0,2}}:|(?=\s))){_SPACE.pattern}){{0,4}}+", re.IGNORECASE
)
_NEAR = 80  # characters of a line that are looked at beside a mark
_HARMONY_START = re.compile(r"\s*+(?:<\|start\|>\s{0,4}\w{0,20}\s{0,4})?<\|channel\|>", re.IGNORECASE)


class Pair(Section):
    """What opens reasoning, and what ends it."""

    open: str
    close: str


class Spellings(Section):
    """The data of reasoning.yaml."""

    names: tuple[str, ...]
    opening_brackets: tuple[str, ...]
    closing_brackets: tuple[str, ...]
    pairs: tuple[Pair, ...]
    phrases: tuple[Pair, ...]
    answer_marks: tuple[str, ...]
    residues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place where reasoning begins or ends, in characters; `void` is a mark that opens and closes at once."""

    kind: Literal["open", "close", "void"]
    start: int
    end: int
    family: int  # marks of one family close each other: -1 for bracketed names, else the number of the pair
    sure: bool  # an opening mark that counts even where nothing closes it


@functools.cache
def spellings() -> Spellings:
    """How reasoning is marked."""
    text = resources.files(__package__).joinpath("reasoning.yaml").read_text("utf-8")
    table: Spellings = validate(Spellings, parse_yaml(text, "reasoning.yaml"), "reasoning.yaml")
    return table


def _any_of(texts: tuple[str, ...]) -> str:
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))


def _names() -> str:
    """Names as they stand in brackets. One of several words is written with an underscore, a hyphen, a space, or as one."""
    names = _any_of(spellings().names).replace("_", r"[_ \t-]?")
    return rf"(?:(?P<before>begin|start|end)_(?:of_)?)?(?P<name>{names})(?:_(?P<behind>begin|start|end))?"


@functools.cache
def _pattern() -> re.Pattern[str]:
    table = spellings()
    opening, closing = _any_of(table.opening_brackets), _any_of(table.closing_brackets)
    bracketed = (
        rf"(?P<bracket>{opening})[ \t]?(?P<slash>[/\\]?)[ \t]?(?:\w{{1,20}}:)?{_names()}"
        rf"(?:[ \t][^<>\[\]\n]{{0,200}}?)?(?P<void>/?)[ \t]?(?:{closing})"
    )
    opens, closes = _any_of(tuple(pair.open for pair in table.pairs)), _any_of(tuple(pair.close for pair in table.pairs))
    return re.compile(rf"{bracketed}|(?P<opens>{opens})|(?P<closes>{closes})", re.IGNORECASE)


@functools.cache
def _families() -> dict[str, int]:
    return {mark.lower(): number for number, pair in enumerate(spellings().pairs) for mark in (pair.open, pair.close)}


@functools.cache
def marks_pattern() -> str:
    """A regular expression of each mark that opens or closes reasoning. It has no groups, and is for a text in lower case.

    Of names in square brackets only `[think]` is one: others are rather stage directions.
    """
    table = spellings()
    # Quantifiers are bounded: a text of nothing but brackets takes linear time. Each alternative begins with a sign of its own.
    names = re.sub(r"\?P<\w+>", "?:", _names())
    element = rf"\s?[|｜]?[/／\\]?\s?(?:\w{{1,20}}:)?{names}(?:\s[^<>\n]{{0,100}})?\s?/?[|｜]?(?:>|&gt;|＞|▷)"
    signs = sorted({mark.lower() for pair in table.pairs for mark in (pair.open, pair.close)}, key=len, reverse=True)
    harmony = r"<\|channel\|>\s{0,4}(?:analysis|commentary)"
    elements = [f"{sign}{element}" for sign in ("<", "&lt;", "＜", "◁")]
    return "|".join([*elements, r"\[\s?/?\s?think\s?\]", harmony, *map(re.escape, signs)])


def marks(text: str) -> list[Mark]:
    """All places of a text that are spelled like the beginning or the end of reasoning."""
    return [_mark(match) for match in _pattern().finditer(text)]


def _mark(match: re.Match[str]) -> Mark:
    if not match["name"]:
        return Mark("open" if match["opens"] else "close", *match.span(), _families()[match[0].lower()], sure=True)
    ends = match["slash"] or "end" in ((match["before"] or "").lower(), (match["behind"] or "").lower())
    kind: Literal["open", "close", "void"] = "close" if ends else "void" if match["void"] else "open"
    # Square brackets around a lower-case word are rather a stage direction: "[thinking] Well …".
    return Mark(kind, *match.span(), -1, sure=match["bracket"] != "[" or match["name"].isupper())


def opens_reasoning(prompt: str) -> bool:
    """Whether a rendered prompt ends inside reasoning, so that the completion begins there."""
    text = prompt.rstrip()
    last = next(iter(reversed(marks(text[-200:]))), None)
    return last is not None and last.kind == "open" and last.sure and last.end == len(text[-200:])


def without_reasoning(text: str, *, opened: bool | None) -> str:
    r"""The answer of a completion without reasoning before it, and without such of its later parts that are clearly reasoning.

    Empty where the reasoning before it does not end. Blocks may nest and may come again; a text that only mentions a mark stays whole.
    opened: whether the prompt itself ended inside reasoning, so that the text begins in it; None if nobody knows, and then a closing mark
    alone says so.

    >>> without_reasoning("<think>The sea …</think>\n\nThe tide rises.", opened=False)
    'The tide rises.'
    """
    return split_reasoning(text, opened=opened)[0]


def split_reasoning(text: str, *, opened: bool | None) -> tuple[str, str | None]:
    r"""The answer of a completion, as `without_reasoning` gives it, and the reasoning that was taken out of it, without its marks.

    Several blocks are joined by an empty line. None where there is no reasoning, or nothing in it.

    >>> split_reasoning("<think>The sea …</think>\n\nThe tide rises.", opened=False)
    ('The tide rises.', 'The sea …')
    """
    if (channels := _channels(text)) is not None:
        return channels
    places = marks(text)
    if not places:
        return ("", text.strip() or None) if opened else (text, None)
    inside = bool(opened) or (opened is None and places[0].kind == "close")
    blocks = _blocks(text, places, inside=inside)
    if not blocks:
        return text, None
    return _outside(text, blocks), _joined(_inner(text, places, block) for block in blocks)


def _joined(parts: Iterable[str]) -> str | None:
    return "\n\n".join(part.strip() for part in parts if part.strip()) or None


def _inner(text: str, places: list[Mark], block: tuple[int, int]) -> str:
    """What stands in a block, between its own marks."""
    start, end = block
    own = [place for place in places if start <= place.start and place.end <= end]
    if own and own[0].start == start and own[0].kind != "close":
        start = own[0].end
    if own and own[-1].end == end and own[-1].kind == "close":
        end = own[-1].start
    return text[start:end]


def _outside(text: str, blocks: list[tuple[int, int]]) -> str:
    kept = [
        text[end:start] for end, start in zip([0, *(end for _, end in blocks)], [*(start for start, _ in blocks), len(text)], strict=True)
    ]
    leads = _HEAD.fullmatch(kept[0])
    answer = "".join(kept[1:] if leads else kept)
    for mark in spellings().answer_marks:
        answer = answer.replace(mark, "")
    return _SPACE.sub("", answer, count=1) if leads else answer


def _channels(text: str) -> tuple[str, str | None] | None:
    """What stands in the final channel of a text in the Harmony format, or behind a phrase, and what stands in the other channels.

    None for texts of neither kind.
    """
    start = text.lstrip()
    for phrase in spellings().phrases:
        if start.startswith(phrase.open) and phrase.close in start:
            reasoning, _, answer = start.removeprefix(phrase.open).rpartition(phrase.close)
            return answer.strip(), _joined([reasoning])
    messages = list(_MESSAGE.finditer(text))
    finals = [message for message in messages if message[1].lower() == "final"]
    if not finals and not _HARMONY_START.match(text):
        return None
    before = text[: messages[0].start()] if messages else ""  # of a message that the prompt began
    ended = _MESSAGE_END.search(before)
    parts: dict[bool, list[str]] = {True: [], False: [before[: ended.start()]] if ended else []}  # by whether they are the answer's
    for message in messages:
        end = _MESSAGE_END.search(text, message.end())
        parts[message in finals].append(text[message.end() : end.start() if end else len(text)].strip())
    return "\n\n".join(parts[True]), _joined(parts[False])


def _blocks(text: str, places: list[Mark], *, inside: bool) -> list[tuple[int, int]]:
    """The spans to cut, in order and apart."""
    partners = _partners(places, inside=inside)
    blocks: list[tuple[int, int]] = []
    end, thinks = 0, inside  # of the last block; whether the text has begun with reasoning
    if inside:
        if -1 not in partners:
            return [(0, len(text))]
        end = places[partners[-1]].end
        blocks.append((0, end))
    leading = _leading(text, end)
    for number, place in enumerate(places):
        if place.start < end or place.kind == "close":
            continue
        leads = place.start <= leading and (end == 0 or thinks)
        span = _span(text, places, number, partners.get(number), leads=leads, thinks=thinks)
        if span:
            blocks.append(span)
            end, thinks = span[1], thinks or leads
            leading = _leading(text, end)
    return blocks


def _leading(text: str, end: int) -> int:
    """Where a text begins, or goes on after reasoning that ends at a place: a mark that opens may be part of what stands before."""
    match = _SPACE.match(text, end) if end else _HEAD.match(text)
    return match.end() if match else end


def _span(text: str, places: list[Mark], number: int, close: int | None, *, leads: bool, thinks: bool) -> tuple[int, int] | None:
    """What to cut at an opening mark, if it is clear that reasoning stands there."""
    place = places[number]
    if place.kind == "void":
        return (place.start, place.end) if leads or thinks else None
    if close is None and leads and places[-1].kind == "close" and places[-1].start > place.start:
        close = len(places) - 1  # the reasoning itself mentioned an opening mark
    begins_line = not text[max(0, place.start - _NEAR) : place.start].rpartition("\n")[2].strip()
    if close is not None:
        after = places[close].end
        ends_line = not text[after : after + _NEAR].partition("\n")[0].strip()
        return (place.start, after) if leads or thinks or (begins_line and ends_line) else None
    own_line = begins_line and not text[place.end : place.end + 1].strip()
    return (place.start, len(text)) if place.sure and (leads or (begins_line and (thinks or own_line))) else None


def _partners(places: list[Mark], *, inside: bool) -> dict[int, int]:
    """Which closing mark ends which opening one, by their places in the list; -1 is the prompt's own."""
    partners: dict[int, int] = {}
    stacks: dict[int, list[int]] = defaultdict(list)
    first = next((place.family for place in places if place.kind == "close"), -1)
    if inside:
        stacks[first].append(-1)
    for number, place in enumerate(places):
        if place.kind == "open":
            stacks[place.family].append(number)
        elif place.kind == "close" and stacks[place.family]:
            partners[stacks[place.family].pop()] = number
    closes = [number for number, place in enumerate(places) if place.kind == "close"]
    if inside and -1 not in partners and closes:
        partners[-1] = closes[-1]
    return partners
