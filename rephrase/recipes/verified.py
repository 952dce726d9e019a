"""Several answers to a problem, of which a verifier keeps the right ones: what such steps share."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Parsed, Prompt, Step, whole_text
from rephrase.recipes.lengths import Bounds
from rephrase.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Verified(Step):
    """A step whose completions are taken whole, and judged together in `outputs`."""

    prompt: str
    sampling: Sampling

    @override
    def longest_prompt(self, bounds: Bounds) -> int | None:
        return bounds.of_template(self.prompt, {}, {})

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        return self.read(whole_text(completion))

    def read(self, answer: Parsed) -> Parsed:
        """The answer with its parts as fields, or its error."""
        return answer
