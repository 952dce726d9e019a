"""Steps that ask for one of a few words, to which an engine can hold them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

from typing_extensions import override

from rephrase.engines.base import Completion
from rephrase.recipes.base import Parsed, whole_text
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.structured_step import ParsedStep
from rephrase.text.tokenizer import Tokenizer

YES_OR_NO = {"labels": ["yes", "no"]}


@dataclass(frozen=True)
class VerdictStep(ParsedStep):
    """A step whose answers are verdicts. Of the words, the first counts that an answer may mean."""

    prompt: str
    retries: int = field(default=0, kw_only=True)
    parser = "label"
    parser_settings = YES_OR_NO

    @override
    def held_to_form(self) -> Self:
        return replace(self, structured=True)

    def verdict_of(self, completion: Completion, tokenizer: Tokenizer) -> str | Parsed:
        """The word that an answer says, or the error that it says none."""
        reply = whole_text(completion)
        if reply.text is None:
            return reply
        parsed = self.read(completion, Context(tokenizer))
        return parsed if parsed.error else str(parsed.fields["label"])

    @override
    def describe(self) -> dict[str, Any]:
        held = {"structured": {"closing": self.form.closing, "schema": self.form.schema_text}} if self.form else {}
        return {"prompt": self.prompt, "sampling": self.sampling.fields(), **held}
