"""The step that has a model answer a question from each document of its path alone, and from all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from rephrase.engines.base import Completion
from rephrase.recipes.base import Answer, Output, Parsed, Prompt, Row
from rephrase.recipes.graph.path import PathSettings
from rephrase.recipes.graph.questions import key_of, shown
from rephrase.recipes.graph.search import holds, normal_name
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.prompts import fill
from rephrase.recipes.structured_step import ParsedStep
from rephrase.recipes.template import fields_of
from rephrase.text.tokenizer import Tokenizer

_ANSWER: dict[str, Any] = {"fields": ["answer"]}
_ALL = "all"  # stands for all documents of a path where others are a number


@dataclass(frozen=True)
class Verify(ParsedStep):
    """Answers from each document alone and from all. A question is kept if these are right, and none of those is."""

    prompt: str
    text: str
    settings: PathSettings
    name = "verify"
    per = "document of a question, and 1 for all of them"
    parser_settings = _ANSWER

    @property
    @override
    def per_result(self) -> float:  # type: ignore[override]  # a constant in most steps
        """Each document of the longest path, and all of them."""
        return max(self.settings.hops) + 1

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        paths = {key_of(path): path for path in row.paths}
        for generation in row.good("question"):
            path, fields = paths[generation.key], fields_of(generation)
            for only in (*range(len(path.hops)), None):
                text = fill(self.prompt, {"documents": shown(path, only), "question": fields["question"]})
                key = f"{generation.key}/{_ALL if only is None else only + 1}"
                values = {"question": generation.key, "fields": fields, "only": only}
                yield self.asking(Prompt.from_user(text, generation.span, self.sampling, key, (generation.id,), values))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        return self.read(completion, Context(tokenizer, prompt.values))

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        del row
        by_question: dict[str, list[Answer]] = {}
        for answer in answers:
            by_question.setdefault(answer.prompt.values["question"], []).append(answer)
        for of_question in by_question.values():
            *alone, together = of_question
            yield from (Output(answer, Parsed(error=answer.parsed.error, fields=answer.parsed.fields)) for answer in alone)
            yield Output(together, self._verdict(alone, together))

    def _verdict(self, alone: Sequence[Answer], together: Answer) -> Parsed:
        fields = together.prompt.values["fields"]
        if failed := next((answer.parsed.error for answer in (*alone, together) if answer.parsed.error), None):
            return Parsed(error=failed, fields=fields)  # what nobody has answered proves nothing
        if not is_right(together.parsed.fields["answer"], fields["answer"]):
            reason = f"from all documents the answer is: {together.parsed.fields['answer']}"
            return Parsed(error="rejected:not_answered", fields={**fields, "reason": reason})
        for answer in alone:
            if is_right(answer.parsed.fields["answer"], fields["answer"]):
                reason = f"document {answer.prompt.values['only'] + 1} alone gives the answer"
                return Parsed(error="rejected:one_is_enough", fields={**fields, "reason": reason})
        return Parsed(text=fill(self.text, fields), fields=fields)

    @override
    def describe(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "text": self.text, "sampling": self.sampling.fields(), **self.held}


def is_right(answer: str, expected: str) -> bool:
    """Whether an answer says what is expected: all of its words in a row, or at least half of them and nothing else.

    >>> is_right("In the harbour of Brest.", "Brest"), is_right("Smeaton", "John Smeaton"), is_right("unknown", "Brest")
    (True, True, False)
    """
    said, wanted = normal_name(answer).split(), normal_name(expected).split()
    return holds(answer, expected) or (2 * len(said) >= len(wanted) and holds(expected, answer))
