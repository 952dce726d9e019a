"""Steps that ask for one of a few words, to which an engine can hold them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Parsed, Prompt, Step, whole_text
from rephrase.recipes.parsers import form_of
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.parsing.form import Form
from rephrase.text.tokenizer import Tokenizer
from rephrase.text.verdicts import read_verdict


@dataclass(frozen=True)
class VerdictStep(Step):
    """A step whose answers are verdicts."""

    prompt: str
    sampling: Sampling
    structured: bool = field(default=False, kw_only=True)
    labels: ClassVar[tuple[str, ...]]
    """The words, of which the first counts that an answer may mean."""

    @override
    def held_to_form(self) -> Self:
        return replace(self, structured=True)

    @property
    def form(self) -> Form | None:
        """The JSON that answers are held to; None where they are text."""
        return form_of("label", {"labels": list(self.labels)}, self.sampling.max_tokens, self.name) if self.structured else None

    def asking(self, prompt: Prompt) -> Prompt:
        """A prompt of one turn, which asks for JSON where answers are held to it."""
        if (form := self.form) is None:
            return prompt
        [turn] = prompt.messages
        return replace(prompt, messages=(replace(turn, content=f"{turn.content}\n\n{form.closing}"),), schema=form.schema_text)

    def verdict_of(self, completion: Completion, tokenizer: Tokenizer) -> str | Parsed:
        """The word that an answer says, or the error that it says none."""
        reply = whole_text(completion)
        if reply.text is None:
            return reply
        held = self.form.parse(reply.text, Context(tokenizer)) if self.form else None
        if held is not None:
            return held if held.error else str(held.fields["label"])
        return read_verdict(reply.text, self.labels) or Parsed(error="parse:no_label")

    @override
    def describe(self) -> dict[str, Any]:
        held = {"structured": {"closing": self.form.closing, "schema": self.form.schema_text}} if self.form else {}
        return {"prompt": self.prompt, "sampling": self.sampling.fields(), **held}
