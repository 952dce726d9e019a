"""One step of one recipe for one model: what it asks for, and the rows that its answers become."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import orjson

from rephrase.engines.base import Identity, Request, seed_of
from rephrase.recipes.base import Output, Prompt, Recipe, Row, Step
from rephrase.records import Generation, content_id
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa

NO_MODEL = "none"  # stands for the model where none was asked


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

    def request(self, row: Row, prompt: Prompt, sample: int, attempt: int) -> Request:
        """What asks for a sample of a prompt; `attempt` counts those before it that gave nothing."""
        origin = self._id(row, prompt, sample, 0)
        return Request(prompt.messages, prompt.sampling, prompt.schema, sample, attempt, seed_of(origin, attempt), origin)

    def record(self, row: Row, output: Output, request: Request, identity: Identity) -> dict[str, object]:
        """A GENERATION row of what a request came to. `identity` is that of the engine that was asked."""
        prompt, completion = output.answer.prompt, output.answer.completion
        start, end = output.span or prompt.span
        who = completion.identity or (identity if prompt.ready is None else Identity(NO_MODEL))
        if completion.attempt is not None:  # the row tells how its completion was drawn, not how it was asked for this time
            seed = seed_of(request.origin, completion.attempt) if completion.seed is None else completion.seed
            request = replace(request, attempt=completion.attempt, seed=seed)
        return {
            "id": self._id(row, prompt, output.answer.sample, output.part, output.span),
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
            "finish_reason": completion.finish_reason,
            "completion": completion.text,
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


def generations_of(table: pa.Table) -> list[tuple[str, Generation]]:
    """GENERATION rows as objects for a later step, each with its document's id."""
    names = ("document_id", *Generation.__dataclass_fields__)
    columns = [table.column(name).to_pylist() for name in names]
    return [(values[0], Generation(*values[1:])) for values in zip(*columns, strict=True)]
