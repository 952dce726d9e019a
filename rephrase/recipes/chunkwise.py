"""Long documents rewritten chunk by chunk, each after what was written before it (Kimi K2, arXiv 2507.20534, section 2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Message, Sampling
from rephrase.recipes.base import Answer, Output, Paper, Parsed, Prompt, Recipe, Row, Step, whole_text
from rephrase.recipes.parsing.common import own_text
from rephrase.recipes.part_step import PartStep
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.template import fields_of
from rephrase.recipes.verdict_step import VerdictStep
from rephrase.settings.section import Section
from rephrase.text.tokenizer import Tokenizer

NAME = "chunkwise/rewrite"


class Options(Section):
    """Options of the recipe `chunkwise`."""

    style: str = "in clear and lively prose, with sentences and an order of your own"
    """How chunks are rewritten; it ends the sentence that asks for it."""
    chunk_tokens: int = Field(default=1000, ge=1)
    """Tokens of a chunk."""
    context_tokens: int = Field(default=500, ge=0)
    """So many of the last tokens written are shown before the next chunk."""
    check: bool = True
    """Ask whether each chunk is faithful, and drop documents with one that is not."""

    @property
    def part_tokens(self) -> int:
        """Tokens of a chunk."""
        return self.chunk_tokens


@recipe(NAME, Options, file="chunkwise")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    texts = flow_prompts("chunkwise")
    base = sampling.over(Sampling(max_tokens=2048, temperature=0.7, top_p=0.95))
    steps: tuple[Step, ...] = (Chunks(options, base, texts),)
    if options.check:
        steps = (*steps, Fidelity(texts["fidelity"].strip(), sampling=sampling.over(Sampling(max_tokens=64, temperature=0.0))))
    summary = "A long document rewritten part by part, each part after what was written before it, checked against its source."
    return Recipe(NAME, Paper(**texts["paper"]), steps, summary)


@dataclass(frozen=True)
class Chunks(PartStep[Options]):
    """One chunk after the other: each prompt follows from the answer before it."""

    name = "rewrite"
    has_labels = False

    @property
    @override
    def load(self) -> str:
        return f"1 for each chunk of {self.options.chunk_tokens} tokens, one after the other"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        spans = [(passage.start, passage.end) for passage in self.parts(row, tokenizer)]
        if spans:
            yield self._prompt(row, spans, 0, "")

    @override
    def follow(self, row: Row, answer: Answer, tokenizer: Tokenizer) -> Prompt | None:
        values = answer.prompt.values
        number = values["number"] + 1
        if answer.parsed.error or number >= len(values["spans"]):
            return None
        context = f"{values['written']}\n\n{answer.parsed.fields['written']}"
        starts = tokenizer.token_starts(context)
        if len(starts) > self.options.context_tokens:
            context = context[starts[len(starts) - self.options.context_tokens] :] if self.options.context_tokens else ""
        return self._prompt(row, values["spans"], number, context.strip())

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        parsed = whole_text(completion, own_text)
        return parsed if parsed.text is None else Parsed(fields={"written": parsed.text})

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        if self.options.check:
            return [Output(answer, answer.parsed) for answer in answers]
        return _joined(row, answers, [answer.parsed.fields.get("written") for answer in answers])

    def _prompt(self, row: Row, spans: Sequence[tuple[int, int]], number: int, context: str) -> Prompt:
        start, end = spans[number]
        values = {"passage": row.document.text[start:end], "style": self.options.style, "written": context}
        text = fill(self.texts["next" if number else "first"].strip(), values)
        turns = (Message("system", self.texts["system"].strip()), Message("user", text))
        return Prompt(turns, (start, end), self.sampling, key=str(number), values={"spans": spans, "number": number, "written": context})


@dataclass(frozen=True)
class Fidelity(VerdictStep):
    """Each chunk against its source. A document of which all chunks are there and faithful gives one text."""

    name = "fidelity"
    per = "chunk"
    judges = True

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        chunks = row.earlier["rewrite"]
        if any(chunk.error for chunk in chunks):
            return
        for chunk in chunks:
            rewrite = fields_of(chunk)["written"]
            text = fill(self.prompt, {"passage": row.document.text[chunk.span_start : chunk.span_end], "written": rewrite})
            yield self.asking(Prompt.from_user(text, chunk.span, self.sampling, chunk.key, (chunk.id,), {"written": rewrite}))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt
        verdict = self.verdict_of(completion, tokenizer)
        if isinstance(verdict, Parsed):
            return verdict
        return Parsed(fields={"label": verdict}) if verdict == "yes" else Parsed(error="rejected:no")

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        return _joined(row, answers, [None if answer.parsed.error else answer.prompt.values["written"] for answer in answers])


def _joined(row: Row, answers: Sequence[Answer], texts: Sequence[str | None]) -> Iterable[Output]:
    """A row for each chunk, and one for the whole, if no chunk failed."""
    for answer in answers:
        yield Output(answer, Parsed(error=answer.parsed.error, fields=answer.parsed.fields))
    chunks = [text for text in texts if text]
    if answers and len(chunks) == len(answers) and answers[-1].prompt.span[1] >= len(row.document.text.rstrip()):
        yield Output(answers[-1], Parsed(text="\n\n".join(chunks)), part=1, span=(0, len(row.document.text)))
