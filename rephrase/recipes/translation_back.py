"""The step that translates back the translations of a sample of documents, and tells how alike they and their sources are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Answer, Output, Parsed, Prompt, Row, Step
from rephrase.recipes.template import fields_of
from rephrase.recipes.translation import limited, messages, translated_text
from rephrase.records import unit_interval
from rephrase.text.chrf import chrf
from rephrase.text.languages import is_language
from rephrase.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class BackTranslation(Step):
    """Whole translations of the sample, chunk by chunk. Its rows have no text; one for each document has `chrf` among its fields."""

    share: float  # of documents
    max_growth: float
    sampling: Sampling
    texts: Mapping[str, str]
    name = "back"

    @property
    @override
    def load(self) -> str:
        return f"1 for each chunk of {self.share:.3g} of the documents"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        made = row.earlier["translate"]
        whole = next((generation for generation in made if generation.text is not None), None)
        language = row.document.language
        if whole is None or not language or not is_language(language) or unit_interval(row.document.id, self.name) >= self.share:
            return
        to = fields_of(whole)["translated_to"]
        for chunk in made:
            if chunk.text is None:
                translation = fields_of(chunk)["translation"]
                turns = messages(self.texts, translation, to, language)
                sampling = limited(self.sampling, tokenizer.count([translation])[0] * self.max_growth)
                values = {"passage": translation, "to": to}
                yield Prompt(turns, (chunk.span_start, chunk.span_end), sampling, chunk.key, lineage=(chunk.id,), values=values)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        reply = translated_text(completion, prompt.values["passage"])
        return reply if reply.text is None else Parsed(fields={"back": reply.text})

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        yield from (Output(answer, answer.parsed) for answer in answers)
        if answers and not any(answer.parsed.error for answer in answers):
            back = "\n\n".join(answer.parsed.fields["back"] for answer in answers)
            fields = {"chrf": round(chrf(back, row.document.text), 2), "translated_to": answers[0].prompt.values["to"]}
            yield Output(answers[-1], Parsed(fields=fields), part=1, span=row.span)

    @override
    def describe(self) -> dict[str, Any]:
        return {"share": self.share, "max_growth": self.max_growth, "texts": dict(self.texts), "sampling": self.sampling.fields()}
