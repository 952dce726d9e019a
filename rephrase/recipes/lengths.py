"""What bounds the tokens of a step's prompts, before any is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rephrase.recipes.prompts import names_in
from rephrase.text.tokenizer import Tokenizer

HEADER = 256  # tokens of a title or a URL; a longer one finds room where the passage is shorter than it may be
_NUMBERED = 4  # times its tokens that a passage has with a number before each line


@dataclass(frozen=True)
class Bounds:
    """The most tokens that a passage of a recipe has, and a completion of each earlier step, by its name."""

    tokenizer: Tokenizer
    passage: int
    written: Mapping[str, int] = field(default_factory=dict)

    def of_texts(self, texts: Iterable[str]) -> int:
        """The tokens of texts that stand in a prompt."""
        return sum(self.tokenizer.count(list(texts)))

    def of_template(self, template: str, options: Mapping[str, Any], lists: Mapping[str, str]) -> int:
        """At most so many tokens a filled template has. `lists` are names that are filled by one item of the option each names."""
        names = names_in(template)
        return self.of_texts([template]) + sum(self._of_name(name, options, lists) for name in names)

    def _of_name(self, name: str, options: Mapping[str, Any], lists: Mapping[str, str]) -> int:
        if name in ("passage", "neighbour"):
            return self.passage
        if name == "lines":
            return _NUMBERED * self.passage
        if name in ("title", "url"):
            return HEADER
        if name in lists:
            return max(self.tokenizer.count([str(item) for item in options[lists[name]]]), default=0)
        if name in options:
            items = options[name] if isinstance(options[name], list) else [options[name]]
            return self.of_texts(f"- {item}\n" for item in items)
        # What an earlier step wrote, or a part of it or of the row: lists are written out anew with a bullet before each item.
        return 2 * max([self.passage, *self.written.values()])
