"""Steps on the parts of a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from typing_extensions import override

from rephrase.engines.base import Sampling
from rephrase.recipes.base import Row, Step
from rephrase.text.passages import Passage, split_passages
from rephrase.text.tokenizer import Tokenizer


class PartOptions(Protocol):
    """Options that say how long a part is."""

    @property
    def part_tokens(self) -> int:
        """Tokens of a part, at most."""

    def model_dump(self) -> dict[str, Any]:
        """All options as JSON values."""


Options = TypeVar("Options", bound=PartOptions)


@dataclass(frozen=True)
class PartStep(Step, Generic[Options]):
    """A step with a prompt for each part of a document, unless it says otherwise, and its texts from a file of prompts."""

    options: Options
    sampling: Sampling
    texts: dict[str, Any]

    @property
    @override
    def load(self) -> str:
        return f"1 for each part of {self.options.part_tokens} tokens"

    @property
    @override
    def passage_limit(self) -> int | None:
        return self.options.part_tokens

    def parts(self, row: Row, tokenizer: Tokenizer) -> list[Passage]:
        """The parts of a row's document."""
        return split_passages(row.document.text, tokenizer, self.options.part_tokens, row.document.language)

    @override
    def describe(self) -> dict[str, Any]:
        return {"texts": self.texts, "sampling": self.sampling.fields(), "options": self.options.model_dump()}
