"""Reasoning that a model writes around its answer, and how it is cut off."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from rephrase.text.reasoning_marks import Mark, marks, spellings

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
    starts = [place.start for place in places]
    return _outside(text, blocks), _joined(
        _inner(text, places[bisect_left(starts, start) : bisect_left(starts, end)], start, end) for start, end in blocks
    )


def _joined(parts: Iterable[str]) -> str | None:
    return "\n\n".join(part.strip() for part in parts if part.strip()) or None


def _inner(text: str, own: Sequence[Mark], start: int, end: int) -> str:
    """What stands in a block, between its own marks."""
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
    if "<|" not in text:
        return None
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
