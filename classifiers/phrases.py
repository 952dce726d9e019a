"""Phrases that give away a text's origin, as rules: a regular expression, and the place of the text where it counts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pydantic import field_validator

from rephrase.settings.faults import fault
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section

_HEAD = 400  # characters at the start, and at the end, that openings and endings are looked for in
_MOST_PHRASES = 200  # different ones of a rule that are looked for in the source
# What may stand between the place and the phrase: spaces and Markdown signs. No quotation marks: those begin speech.
_DRESS = r"[ \t*#>_\-(]*"
# A sentence begins behind a mark, a line break or bold type. Patterns begin with a set of characters: Python's engine skips to the next.
_SENTENCE = r"[\n.!?:*。！？：।؟۔][\s*#>_\-(]*+(?![.!?:。！？：।؟۔])"
# Small models write line breaks and signs without end. A sentence is looked for from each of them: so of a longer run the middle goes.
_LONG_RUN = re.compile(r"[\s*#>_\-(]{65,}")
_KEPT_OF_RUN = 32
_PLACES = {
    "start": r"\A\s*" + _DRESS,
    "line": r"\n" + _DRESS,
    "last_line": r"\A" + _DRESS,
    "ending": r"(?:\A|[.!?।؟۔]\s+|[。！？])" + _DRESS,
    "sentence": _SENTENCE,
    "anywhere": "",
}
_Part = Literal["start", "last", "all"]
_PART_OF: dict[str, _Part] = {"start": "start", "last_line": "last", "ending": "last"}


class Phrase(Section):
    """A phrase, and where it counts."""

    name: str
    where: Literal["start", "line", "last_line", "ending", "sentence", "anywhere"]
    pattern: str
    """A regular expression over the text in lower case, with straight apostrophes. Its lines are joined. It begins with a letter: spaces
    and Markdown signs before it are read already."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        pattern = "".join(line.strip() for line in pattern.splitlines())
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if groups:  # rules are joined into one expression, where the numbers of groups would shift
            raise ValueError("write groups as (?:…)")
        return pattern


Rule = TypeVar("Rule", bound=Phrase)


def known_rules(names: tuple[str, ...], rules: Sequence[Phrase]) -> tuple[str, ...]:
    """The names. Raises a `fault`, with the nearest right one, for a name that no rule has."""
    known = [rule.name for rule in rules]
    for number, name in enumerate(names):
        if name not in known:
            raise fault(f"there is no rule `{name}`", nearest(name, known), (number,), name)
    return names


@dataclass(frozen=True, slots=True)
class _Search(Generic[Rule]):
    """The rules of one place. The gate is all of them in one expression: most texts need no more than that."""

    part: _Part
    gate: re.Pattern[str]
    rules: tuple[tuple[Rule, re.Pattern[str]], ...]


class Finder(Generic[Rule]):
    """Finds the phrases of rules in texts. A rule costs time that grows with the text's length and no faster, if its own pattern does."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._searches: list[_Search[Rule]] = []
        for place, before in _PLACES.items():
            of_place = [rule for rule in rules if rule.where == place]
            # Without a place before them, rules are searched one by one: each for the characters that it begins with.
            for chosen in [[rule] for rule in of_place] if place == "anywhere" else [of_place] if of_place else []:
                gate = re.compile(before + "(?:" + "|".join(f"(?:{rule.pattern})" for rule in chosen) + ")")
                patterns = tuple((rule, re.compile(f"{before}(?P<phrase>{rule.pattern})")) for rule in chosen)
                self._searches.append(_Search(_PART_OF.get(place, "all"), gate, patterns))

    def find(self, text: str, source: str) -> list[Rule]:
        """The rules with a phrase in the text that does not stand in the source: what does is the document's own."""
        text = _plain(text.strip())
        parts: dict[_Part, str] = {"start": text[:_HEAD], "last": text[-_HEAD:].rsplit("\n", 1)[-1], "all": f"\n{text}"}
        rules: list[Rule] = []
        plain_source: str | None = None
        for search in self._searches:
            part = parts[search.part]
            if not search.gate.search(part):
                continue
            plain_source = _plain(source) if plain_source is None else plain_source
            for rule, regex in search.rules:
                phrases = dict.fromkeys(hit["phrase"] for hit in regex.finditer(part))
                if any(phrase not in plain_source for phrase in itertools.islice(phrases, _MOST_PHRASES)):
                    rules.append(rule)
        return rules


def _plain(text: str) -> str:
    return _LONG_RUN.sub(_ends, text.lower().replace("’", "'"))


def _ends(run: re.Match[str]) -> str:
    return run[0][:_KEPT_OF_RUN] + ("\n" if "\n" in run[0] else "") + run[0][-_KEPT_OF_RUN:]
