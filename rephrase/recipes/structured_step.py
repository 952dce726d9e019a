"""Steps whose answers an engine can be held to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import TRUNCATED, Parsed, Prompt, Step
from rephrase.recipes.parsers import form_of, parser_of
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.parsing.form import Form
from rephrase.recipes.parsing.form_bounds import bounds


@dataclass(frozen=True)
class StructuredStep(Step):
    """A step that asks for JSON, or for more of it, where answers can be held to a schema."""

    structured: bool = field(default=False, kw_only=True)
    retries: int = field(default=1, kw_only=True)

    @override
    def held_to_form(self) -> Self:
        return replace(self, structured=True, retries=bounds().retries)

    @property
    def held(self) -> dict[str, Any]:
        """What `describe` says of it: nothing where answers are held to nothing."""
        return {"structured": True} if self.structured else {}


@dataclass(frozen=True)
class ParsedStep(StructuredStep):
    """One whose answers a parser reads, from text or from the JSON of the parser's form."""

    sampling: Sampling = field(kw_only=True)
    parser: ClassVar[str] = "sections"
    parser_settings: ClassVar[Mapping[str, Any]]

    @property
    def form(self) -> Form | None:
        """The JSON that answers are held to; None where they are text."""
        return form_of(self.parser, dict(self.parser_settings), self.sampling.max_tokens, self.name) if self.structured else None

    def asking(self, prompt: Prompt) -> Prompt:
        """A prompt of one turn, which asks for JSON where answers are held to it."""
        return asking_for(self.form, prompt)

    def read(self, completion: Completion, context: Context) -> Parsed:
        """What an answer says; an error if it was cut, or is not as asked for."""
        if completion.finish_reason == "length":
            return Parsed(error=TRUNCATED)
        form = self.form
        held = form.parse(completion.text, context) if form else None
        return parser_of(self.parser, dict(self.parser_settings), self.name)(completion.text, context) if held is None else held


def asking_for(form: Form | None, prompt: Prompt) -> Prompt:
    """A prompt of one turn that asks for the JSON of a form, where there is one."""
    if form is None:
        return prompt
    [turn] = prompt.messages
    return replace(prompt, messages=(replace(turn, content=f"{turn.content}\n\n{form.closing}"),), schema=form.schema_text)
