"""The parser of verdicts on the items of a list: one of a few words for each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from rephrase.recipes.base import Parsed
from rephrase.recipes.parsing.common import LONGEST, Context, Parser
from rephrase.settings.section import Section
from rephrase.text.lists import without_bullet
from rephrase.text.verdicts import read_verdict

_NUMBERED = re.compile(r"[\s*_#>|\[(-]{0,12}+(?:point|item|no\.?)?[ \t]?#?(\d{1,3})[\]).:*_|\s-]{1,8}+(?=\S)", re.IGNORECASE)
_LOOKED_AT = 400  # characters of a line: the verdict stands at its beginning or its end
_ERROR = "parse:no_verdicts"


class VerdictsSettings(Section):
    """Settings of the parser `verdicts`."""

    of: str
    """The earlier step, or field, whose lines are judged."""
    labels: list[str] = Field(min_length=1)
    """The words that a verdict may be, in small letters, the good one first."""


def verdicts(settings: VerdictsSettings) -> Parser:
    """A verdict for each line of an earlier step, by its number ("3. kept"), or in order.

    Fields: how many lines have each label, by the label; `score`, the share of the first one; and `verdicts`, the lines with theirs. An
    answer that does not say it of each line, or says two things of one, is the error `parse:no_verdicts`.
    """
    labels = tuple(settings.labels)

    def parse(completion: str, context: Context) -> Parsed:
        if len(completion) > LONGEST:
            return Parsed(error="parse:too_long")
        return verdicts_of(_given(completion, labels), judged_items(settings, context.values), settings)

    return parse


def judged_items(settings: VerdictsSettings, values: Mapping[str, Any]) -> list[str]:
    """The lines that are judged, of those values that the prompt was filled with."""
    return [without_bullet(line).strip() for line in str(values.get(settings.of, "")).splitlines() if line.strip()]


def verdicts_of(given: Mapping[int, str], items: Sequence[str], settings: VerdictsSettings) -> Parsed:
    """Verdicts by the number of the item, from 1, as fields, if there is one for each item."""
    if not items or set(given) != set(range(1, len(items) + 1)):
        return Parsed(error=_ERROR)
    named = [given[number] for number in range(1, len(items) + 1)]
    counts: dict[str, int] = {label: named.count(label) for label in settings.labels}
    pairs = [{"item": item, "verdict": label} for item, label in zip(items, named, strict=True)]
    return Parsed(fields={**counts, "score": counts[settings.labels[0]] / len(items), "verdicts": pairs})


def _given(completion: str, labels: tuple[str, ...]) -> dict[int, str]:
    """The verdicts by number, or in order where no line has a number; none where two lines of a number differ."""
    by_number: dict[int, str] = {}
    in_order: list[str] = []
    for line in completion.splitlines():
        number = _NUMBERED.match(line)
        label = read_verdict(_ends(line[number.end() :] if number else line), labels) if line.strip() else None
        if number and label and by_number.setdefault(int(number[1]), label) != label:
            return {}
        if label and not number:
            in_order.append(label)
    return by_number or dict(enumerate(in_order, 1))


def _ends(line: str) -> str:
    return line if len(line) <= _LOOKED_AT else f"{line[: _LOOKED_AT // 2]}\n{line[-_LOOKED_AT // 2 :]}"
