"""What a call of the loop has done, and how far it is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from rephrase.notes import GenerationsNote

_NUMBER = re.compile(r"\d+")  # servers name token ids and lengths in their errors, which are one cause all the same


@dataclass
class Tally:
    """What a call of `generate` has done so far. Fields are those of `GenerationsNote`, but for `first_words`."""

    documents: int = 0
    passages: int = 0
    generations: int = 0
    requests: int = 0
    retried: int = 0
    engine_errors: int = 0
    parse_errors: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0  # of these
    reused: int = 0  # completions that an earlier run wrote, and their tokens; counted above too
    reused_tokens: int = 0
    errors: int = 0  # rows with an error of any kind
    seconds: float = 0.0
    causes: Counter[str] = field(default_factory=Counter)
    """Errors by code, with a # for each number."""
    first_words: dict[str, str] = field(default_factory=dict)
    """Of each cause, the first code, with its numbers."""

    def add_cause(self, code: str) -> None:
        """Count an error."""
        cause = _NUMBER.sub("#", code)
        self.causes[cause] += 1
        self.first_words.setdefault(cause, code)

    def note(self) -> GenerationsNote:
        """The counts as a note, which says nothing else yet."""
        counts = {name: value for name, value in vars(self).items() if name != "first_words"}
        return GenerationsNote(**{**counts, "causes": dict(self.causes), "seconds": round(self.seconds, 3)})


@dataclass
class UnderWay:
    """How far a call of `generate_together` is, which keeps it up to date. Other threads may read it at any time."""

    rows: int = 0
    """Of which all prompts have been asked."""
    rows_in_all: int = 0
    """Set by the caller; 0 where nobody knows."""
    asked: int = 0
    """Prompts, each once however often it is asked."""
    answered: int = 0
    """Of these, also in vain."""
    tallies: list[Tally] = field(default_factory=list)

    @property
    def taken(self) -> float:
        """The share of the rows whose prompts have all been asked; 0 where nobody knows how many there are."""
        return self.rows / self.rows_in_all if self.rows_in_all else 0.0

    @property
    def failed(self) -> int:
        """Of those that are answered, those to which the engine gave no answer."""
        return sum(tally.engine_errors for tally in self.tallies)

    @property
    def causes(self) -> Counter[str]:
        """Errors by code so far."""
        return sum((Counter(dict(tally.causes)) for tally in self.tallies), Counter[str]())
