"""The step that translates back the translations of a sample of documents, and tells how alike they and their sources are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Answer, Output, Parsed, Prompt, Row, Step
from rephrase.recipes.template import fields_of
from rephrase.recipes.translation import WHOLE, in_sample, limited, messages, translated_text
from rephrase.text.chrf import chrf
from rephrase.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class BackTranslation(Step):
    """Whole translations of the sample, chunk by chunk. The text of a document comes from here then, with `chrf` among its fields."""

    share: float  # of documents
    max_growth: float
    sampling: Sampling
    texts: Mapping[str, str]
    name = "back"

    @property
    @override
    def load(self) -> str:
        return f"1 for each chunk of {self.share:.3g} of the documents"

    @property
    @override
    def per_result(self) -> float:  # type: ignore[override]  # a constant in most steps
        """The share of the documents."""
        return self.share

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        made = [(generation, fields_of(generation)) for generation in row.good("translate")]
        whole = next((fields for _, fields in made if WHOLE in fields), None)
        if whole is None or not in_sample(row.document, self.share):
            return
        for chunk, fields in made:
            if WHOLE not in fields:
                passage = fields["translation"]
                turns = messages(self.texts, passage, whole["translated_to"], row.document.language or "")
                sampling = limited(self.sampling, tokenizer.count([passage])[0] * self.max_growth)
                span, values = chunk.span, {"passage": passage, "whole": whole}
                yield Prompt(turns, span, sampling, chunk.key, lineage=(chunk.id,), values=values)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        reply = translated_text(completion, prompt.values["passage"])
        return reply if reply.text is None else Parsed(fields={"back": reply.text})

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        yield from (Output(answer, answer.parsed) for answer in answers)
        good = [answer for answer in answers if not answer.parsed.error]
        if not good:
            return
        fields = dict(good[0].prompt.values["whole"])
        text = fields.pop(WHOLE)
        if len(good) == len(answers):
            back = "\n\n".join(answer.parsed.fields["back"] for answer in good)
            fields["chrf"] = round(chrf(back, row.document.text), 2)
        yield Output(good[-1], Parsed(text=text, fields=fields), part=1, span=row.span)

    @override
    def describe(self) -> dict[str, Any]:
        return {"share": self.share, "max_growth": self.max_growth, "texts": dict(self.texts), "sampling": self.sampling.fields()}
