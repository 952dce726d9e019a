"""Questions with their answers in a completion, however they are labelled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rephrase.text.labels import Label, Labels
from rephrase.text.loose_json import read_json
from rephrase.text.table_rows import without_tables

Pair = tuple[str, str]

_LABELS = Labels(("question", "answer"), {"question": "q", "answer": "a"})
_SECOND_OPTION = re.compile(r"[\s>*_+-]{0,20}+(?:\d{1,2}[.)][\s*_]{0,3}+)?\(?[Bb][*_]{0,3}(?P<sign>[.):：-])")
_LISTED = re.compile(r"[\s>]{0,20}+(?:[-*+•]|\(?\d{1,3}[.)]|\(?[A-Ha-h][.):])[*_]{0,3}[ \t]")
# What may stand between two pairs and belongs to neither: a rule, a number or a heading's marks without words.
_BETWEEN = re.compile(r"[\s>*_#=-]*+(?:\(?\d{1,3}[.):][\s*_]*+)?")
_ASKS = re.compile(r".*[?？؟][\s*_\"”)]*+")


@dataclass(slots=True)
class _Block:
    """A question and all lines up to the next one, each with the label that it may have."""

    first: str
    lines: list[tuple[str, Label | None]] = field(default_factory=list)


def read_pairs(text: str) -> list[Pair]:
    """Pairs of question and answer in order. Lines before the first question are left out, and so are questions without an answer."""
    lines = list(_lines(without_tables(text, _LABELS)))
    if not any(label and label.name == "question" for _, label in lines):
        lines = _with_implied(lines)
    pairs = [pair for block in _blocks(lines) if (pair := _pair(block))]
    return pairs or _from_json(text)


def _lines(text: str) -> Iterator[tuple[str, Label | None]]:
    for line, label in _LABELS.lines(text):
        if label and label.name == "question":
            first, *more = _LABELS.apart(line).splitlines()  # the answer on the question's own line
            yield first, _LABELS.read(first) if more else label
            yield from ((part, _LABELS.read(part)) for part in more)
        else:
            yield line, label


def _with_implied(lines: list[tuple[str, Label | None]]) -> list[tuple[str, Label | None]]:
    """The lines with those for questions that ask something right before an answer's label: "1. Why?"."""
    implied = list(lines)
    for number, (_, label) in enumerate(lines):
        if label is None:
            continue
        before = next((n for n in range(number - 1, max(-1, number - 4), -1) if lines[n][0].strip()), None)
        if before is not None and lines[before][1] is None and _ASKS.fullmatch(lines[before][0]):
            text = _LISTED.sub("", lines[before][0]).strip(" \t*_#>")
            implied[before] = (lines[before][0], Label("question", text, "question", ":", counted=False))
    return implied


def _blocks(lines: list[tuple[str, Label | None]]) -> list[_Block]:
    blocks: list[_Block] = []
    for line, label in lines:
        if label and label.name == "question":
            blocks.append(_Block(label.rest))
        elif blocks:
            blocks[-1].lines.append((line, label))
    return blocks


def _pair(block: _Block) -> Pair | None:
    start = _start_of_answer(block)
    if start is None:
        return None
    question = block.first
    for line, _ in block.lines[:start]:
        if line.strip():
            question += ("\n" if _LISTED.match(line) else " ") + line.strip()
    answer = [label.rest if label and _answers(label) else line.rstrip() for line, label in block.lines[start + 1 :]]
    first = block.lines[start][1]
    answer.insert(0, first.rest if first else "")
    while len(answer) > 1 and _BETWEEN.fullmatch(answer[-1]):
        answer.pop()
    text = "\n".join(line for line in answer if line.strip()).strip()
    return (question.strip(), text) if question.strip() and text else None


def _answers(label: Label) -> bool:
    """Whether a label can be no option's: "Answer:", "A1."."""
    return label.name == "answer" and (not label.is_letter or label.counted)


def _start_of_answer(block: _Block) -> int | None:
    """The line on which the answer begins. A lone letter labels an answer where there is no second option, before or after it."""
    letters = []
    for number, (_, label) in enumerate(block.lines):
        if label and _answers(label):
            return number
        if label and label.is_letter:
            letters.append(number)
    options = {_plain(match["sign"]) for line, _ in block.lines if letters and (match := _SECOND_OPTION.match(line))}
    return next((number for number in letters if (label := block.lines[number][1]) and label.sign not in options), None)


def _plain(sign: str) -> str:
    return ":" if sign == "：" else sign


def _from_json(text: str) -> list[Pair]:
    """Pairs of a list of objects, or of one."""

    def pair_of(value: dict[str, Any]) -> Pair:
        values = {name.casefold(): content for name, content in value.items()}
        question, answer = values.get("question", values.get("q")), values.get("answer", values.get("a"))
        return (question.strip(), answer.strip()) if isinstance(question, str) and isinstance(answer, str) else ("", "")

    entries = read_json(text, lambda value: isinstance(value, list) and any(all(pair_of(entry)) for entry in value))
    return [pair for entry in entries or () if isinstance(entry, dict) and all(pair := pair_of(entry))]
