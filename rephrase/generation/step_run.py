"""One step of one recipe for one model: what it asks for, and the rows that its answers become."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import orjson

from rephrase.engines.base import PROMPT_FAILED, Completion, Identity, Request, Sampling, seed_of
from rephrase.engines.reasoning import apart
from rephrase.errors import UserError
from rephrase.recipes.answer_language import asking_for, language_of_answers
from rephrase.recipes.base import Answer, Output, Parsed, Prompt, Recipe, Row, Step
from rephrase.records import Generation, content_id
from rephrase.text.foreign import readable, readable_values
from rephrase.text.panics import panics_as_errors
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

NO_MODEL = "none"  # stands for the model where none was asked
_log = logging.getLogger(__name__)


def cleaned(completion: Completion) -> Completion:
    """The completion as it is parsed and stored, whatever engine wrote it: reasoning apart, no control characters or lone surrogates."""
    text = readable(completion.text)
    reasoning = readable(completion.reasoning).strip() or None if completion.reasoning else None
    if (text, reasoning) != (completion.text, completion.reasoning):
        completion = replace(completion, text=text, reasoning=reasoning)
    return apart(completion, opened=False)


def is_failed(prompt: Prompt) -> bool:
    """Whether there is no prompt, but the error that a step made none."""
    ready = getattr(prompt, "ready", None)  # what a user's step gives may be anything
    return getattr(ready, "error", None) is not None


@dataclass(frozen=True)
class StepRun:
    """One step of one recipe for one model: all that turns rows into generations, but for the engine itself."""

    recipe: Recipe
    step: Step
    tokenizer: Tokenizer
    model: str
    first_attempt: int = 0  # attempts before it were made in vain by earlier runs of the same rows
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", self.recipe.digest)  # asked for once a row

    # What a document or a completion makes a recipe's code do is foreign: no exception of it may end the run, and its neighbours live on.

    def prompts(self, row: Row) -> Iterator[Prompt]:
        """The step's prompts. Where it raises an exception, the last one is no prompt but the error `prompt:exception:NAME`."""
        number = 0
        try:
            with panics_as_errors():
                row = self._row(row)
                for number, prompt in enumerate(self.step.prompts(row, self.tokenizer), 1):  # noqa: B007  # tells where it failed
                    yield self._in_language(prompt, row)
        except Exception as error:  # noqa: BLE001  # whatever it is, it costs this row only
            yield self._failed(row, number, error)

    def asked(self, row: Row, number: int, prompt: Prompt, sample: int) -> tuple[Prompt, Request]:
        """The request for a sample of the prompt of this number; those of the error `prompt:exception:NAME` if it is not a whole prompt."""
        try:
            return prompt, self.request(row, prompt, sample, self.first_attempt)
        except Exception as error:  # noqa: BLE001  # as above
            failed = self._failed(row, number, error)
            return failed, self.request(row, failed, sample, self.first_attempt)

    def parse(self, prompt: Prompt, completion: Completion) -> Parsed:
        """What the step reads in a cleaned completion. An exception of the step is the error `parse:exception:NAME`."""
        try:
            with panics_as_errors():
                return _storable(self.step.parse(prompt, completion, self.tokenizer))
        except Exception as error:  # noqa: BLE001  # whatever it is, it costs this row only
            return self._fault(error)

    def follow(self, row: Row, answer: Answer) -> Prompt | Parsed | None:
        """The prompt to ask next; or an error, instead of what was parsed, where the step raised an exception."""
        if is_failed(answer.prompt):
            return None
        try:
            with panics_as_errors():
                row = self._row(row)
                prompt = self.step.follow(row, answer, self.tokenizer)
                return None if prompt is None else self._in_language(prompt, row)
        except Exception as error:  # noqa: BLE001  # as above
            return self._fault(error)

    def outputs(self, row: Row, answers: Sequence[Answer]) -> list[Output]:
        """The step's rows. Where it raises an exception, in a verifier for example, all answers of the row are errors."""
        failed = [Output(answer, answer.parsed) for answer in answers if is_failed(answer.prompt)]
        answers = [answer for answer in answers if not is_failed(answer.prompt)]
        try:
            with panics_as_errors():
                outputs = list(self.step.outputs(row, answers))
            parsed = {id(answer.parsed) for answer in answers}  # storable since it was parsed
            return [*(o if id(o.parsed) in parsed else replace(o, parsed=_storable(o.parsed)) for o in outputs), *failed]
        except Exception as error:  # noqa: BLE001  # as above
            fault = self._fault(error)
            return [*(Output(answer, answer.parsed if answer.parsed.error else fault) for answer in answers), *failed]

    def _row(self, row: Row) -> Row:
        language = language_of_answers(self.recipe.language, row.document)
        return row if language is None else replace(row, language=language)

    def _in_language(self, prompt: Prompt, row: Row) -> Prompt:
        return prompt if row.language is None else asking_for(prompt, row.language, self.step)

    def _failed(self, row: Row, number: int, error: Exception) -> Prompt:
        if isinstance(error, UserError):  # the settings are wrong, not the document
            raise error
        _log.warning("%s, step %s, document %s: %r", self.recipe.name, self.step.name, row.document.id, error)
        completion = Completion("", "error", error=f"{PROMPT_FAILED}:{type(error).__name__}")
        return Prompt((), row.span, Sampling(max_tokens=1), key=f"prompt {number}", ready=completion)

    def _fault(self, error: Exception) -> Parsed:
        if isinstance(error, UserError):  # the settings are wrong, not the completion
            raise error
        _log.warning("%s, step %s: %r", self.recipe.name, self.step.name, error)
        return Parsed(error=f"parse:exception:{type(error).__name__}")

    def request(self, row: Row, prompt: Prompt, sample: int, attempt: int) -> Request:
        """What asks for a sample of a prompt; `attempt` counts those before it that gave nothing."""
        origin = self._id(row, prompt, sample, 0)
        return Request(prompt.messages, prompt.sampling, prompt.schema, sample, attempt, seed_of(origin, attempt), origin)

    def record(self, row: Row, output: Output, request: Request, identity: Identity) -> dict[str, object]:
        """A GENERATION row of what a request came to. `identity` is that of the engine that was asked."""
        prompt, completion = output.answer.prompt, output.answer.completion
        start, end = output.span or prompt.span
        is_whole = output.span is None and not output.part  # the one row of its request, which is named as it is
        who = completion.identity or (identity if prompt.ready is None else Identity(NO_MODEL))
        if completion.attempt is not None:  # the row tells how its completion was drawn, not how it was asked for this time
            seed = seed_of(request.origin, completion.attempt) if completion.seed is None else completion.seed
            request = replace(request, attempt=completion.attempt, seed=seed)
        return {
            "id": request.origin if is_whole else self._id(row, prompt, output.answer.sample, output.part, output.span),
            "document_id": row.document.id,
            "span_start": start,
            "span_end": end,
            "recipe": self.recipe.name,
            "recipe_digest": self.digest,
            "step": self.step.name,
            "key": prompt.key,
            "sample": output.answer.sample,
            "model": self.model if prompt.ready is None else NO_MODEL,
            "model_revision": who.revision,
            "engine": who.engine,
            "template_digest": who.template,
            "sampling": prompt.sampling.json(),
            "seed": request.seed,
            "attempts": request.attempt + 1,
            "request_digest": request.digest,
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": completion.completion_tokens,
            "finish_reason": "length" if output.parsed.cut else completion.finish_reason,
            "completion": completion.text,
            "reasoning": completion.reasoning,
            "text": output.parsed.text,
            "fields": orjson.dumps(dict(output.parsed.fields), option=orjson.OPT_SORT_KEYS).decode() if output.parsed.fields else None,
            "error": output.parsed.error,
            "synthetic_depth": row.document.synthetic_depth + (prompt.ready is None),
            "lineage": list(prompt.lineage),
        }

    def _id(self, row: Row, prompt: Prompt, sample: int, part: int, span: tuple[int, int] | None = None) -> str:
        start, end = span or prompt.span
        place = f"{start}:{end}"
        numbers = (str(sample), str(part))
        return content_id(row.document.id, self.digest, self.step.name, place, prompt.key, *numbers, self.model, *prompt.lineage)


def _storable(parsed: Parsed) -> Parsed:
    """What was parsed as it can be written: JSON escapes, for example, may have brought in lone surrogates."""
    text = None if parsed.text is None else readable(parsed.text)
    fields = readable_values(dict(parsed.fields))
    orjson.dumps(fields)
    return Parsed(text, None if parsed.error is None else readable(parsed.error), fields, parsed.cut)


def generations_of(table: pa.Table) -> list[tuple[str, Generation]]:
    """GENERATION rows as objects for a later step, each with its document's id."""
    names = ("document_id", *Generation.__dataclass_fields__)
    columns = [table.column(name).to_pylist() for name in names]
    return [(values[0], Generation(*values[1:])) for values in zip(*columns, strict=True)]
