"""Recipes as a YAML file describes them: prompts for passages, or for what an earlier step made. WRAP, MIND, and whatever users write."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from typing_extensions import override

from rephrase.engines.base import Completion, Message, Sampling
from rephrase.errors import UserError
from rephrase.recipes.base import TRUNCATED, Parsed, Prompt, Row, Step
from rephrase.recipes.edits import numbered
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.parsers import FORMS, form_of, parser_of
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.parsing.form import Form
from rephrase.recipes.parsing.form_bounds import bounds
from rephrase.recipes.prompts import fill
from rephrase.recipes.spans import beginning_of, spans_of
from rephrase.recipes.values import fields_of, handed_on, texts_of
from rephrase.records import Document, content_id
from rephrase.text.tokenizer import Tokenizer

__all__ = ["REASONING", "TemplateStep", "fields_of"]

_ABOVE = "(the text above the line)"
_JUDGES = ("score", "label", "verdicts", "edits")  # parsers
_UNLABELLED = ("paraphrase", "plain", "bullets", "items", "dialogue")  # parsers that read what is written by its shape alone
REASONING = "reasoning"  # the name by which the text of a step asks for what its model wrote before the answer


@dataclass(frozen=True)
class TemplateStep(Step):
    """Prompts filled from passages, from options, from random draws, and from what an earlier step made."""

    prompt: str
    sampling: Sampling
    passage_tokens: int | None = None  # None: each document whole
    system: str | None = None
    name: str = "rewrite"
    parser: str = "paraphrase"
    parser_settings: Mapping[str, Any] = field(default_factory=dict)
    retries: int = 0
    samples: int = 1
    of: str | None = None  # the step whose results are taken up; None: passages
    each: bool = False  # a prompt for each item of that step's list
    examples: tuple[tuple[str, str], ...] = ()  # worked examples: what a user says, what is answered
    raw: bool = False  # plain text for a model without a chat template
    choose: tuple[tuple[str, str], ...] = ()  # names to fill, and the list that each is drawn from
    draws: int = 1  # prompts, each with its own draw
    options: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None  # the training text, filled from all that is known by then; None: none, the step prepares others
    with_reasoning: bool = False  # `{reasoning}` in `text` is what the model wrote before its answer, and no field of that name
    keep: tuple[tuple[str, float], ...] = ()  # fields with the least value that is not rejected
    drop_truncated: bool = False  # steps without training text always do
    only_first: bool = False  # of a document's passages
    min_passage_tokens: int = 0  # shorter passages are left out
    first_characters: int | None = None  # of a document, up to the end of a word: its one passage
    structured: bool = False  # completions are held to the parser's JSON form
    metadata: tuple[str, ...] = ()  # keys that each document must have, for names of the prompt

    @property
    @override
    def fans_out(self) -> bool:  # type: ignore[override]  # a constant in other steps
        """Lists of an earlier step make many prompts."""
        return self.each

    @property
    @override
    def per_result(self) -> float:  # type: ignore[override]  # a constant in most steps
        """The draws of each."""
        return self.draws

    @property
    @override
    def prefix(self) -> str | None:
        if self.of is not None or self.system or self.examples or not self.prompt.startswith("{passage}"):
            return None
        return f"passage {self.passage_tokens}"

    @property
    @override
    def chat(self) -> bool:
        return not self.raw

    @property
    @override
    def judges(self) -> bool:  # type: ignore[override]  # a constant in other steps
        """Parsers of grades and the like, and what is dropped by a grade."""
        return bool(self.keep) or self.parser in _JUDGES

    @property
    @override
    def has_labels(self) -> bool:  # type: ignore[override]  # a constant in other steps
        """Parsers that go by labels, tags or JSON."""
        return self.structured or self.parser not in _UNLABELLED or bool(self.parser_settings.get("speakers"))

    @property
    @override
    def load(self) -> str:
        if self.of is not None:
            load = f"1 for each item of `{self.of}`" if self.each else f"1 for each result of `{self.of}`"
        else:
            which = "document, on its first" if self.only_first else "passage of"
            load = f"1 for each {which} {self.passage_tokens} tokens" if self.passage_tokens else "1 for each document"
            load += f", on its first {self.first_characters} characters" if self.first_characters else ""
        times = self.draws * self.samples
        return load if times == 1 else f"{times}{load[1:]}"

    @property
    @override
    def passage_limit(self) -> int | None:
        return self.passage_tokens

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        drawn = dict(self.choose)
        filled = [bounds.of_template(text, self.options, drawn) for text in (self.system, self.prompt) if text]
        closing = (self.form.closing,) if self.form else ()
        return sum(filled) + bounds.of_texts((*closing, *(text for turns in self.examples for text in turns)))

    def document_first(self) -> TemplateStep:
        """The same step with its passage at the very beginning of the prompt, and all that is said about it after a line."""
        if self.prefix or self.of is not None or "{passage}" not in self.prompt or self.examples or self.raw:
            return self
        instruction = "\n\n".join(filter(None, [self.system, self.prompt.replace("{passage}", _ABOVE)]))
        return replace(self, system=None, prompt=f"{{passage}}\n\n---\n{instruction}")

    @override
    def held_to_form(self) -> TemplateStep:
        """The same step with its completions held to JSON, if it has a parser that reads such and asks in a chat."""
        if self.parser not in FORMS or self.raw:
            return self
        return replace(self, structured=True, retries=max(self.retries, bounds().retries))

    @property
    def form(self) -> Form | None:
        """The JSON that completions are held to; None where they are text."""
        return form_of(self.parser, dict(self.parser_settings), self.sampling.max_tokens, self.name) if self.structured else None

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        if self.of is None:
            if missing := next((name for name in self.metadata if not row.document.metadata.get(name)), None):
                what = f"the document has no `{missing}` in its metadata, which the prompts of the recipe use"
                cure = "keep that field by `input.fields.also`, in a preview by `--also`"
                raise UserError(what, where=f"document {row.document.id}", cure=cure)
            for span in spans_of(
                row.document,
                tokenizer,
                passage_tokens=self.passage_tokens,
                fewest_tokens=self.min_passage_tokens,
                only_first=self.only_first,
                first_characters=self.first_characters,
            ):
                yield from self._prompts_of_span(row, span, {}, "", (), tokenizer)
            return
        for generation in row.earlier.get(self.of, ()):
            # The filter sees only how the last completion ended. Items that were read of a list that was cut are whole.
            if generation.error or (generation.finish_reason == "length" and not self.each):
                continue
            fields = fields_of(generation)
            lineage = (generation.id,)
            span = generation.span
            if not self.each:
                yield from self._prompts_of_span(row, span, fields, generation.key, lineage, tokenizer)
                continue
            for number, item in enumerate(fields.pop("items", ())):
                values = {**fields, **(item if isinstance(item, dict) else {"item": item})}
                key = f"{generation.key}/{number}" if generation.key else str(number)
                yield from self._prompts_of_span(row, span, values, key, lineage, tokenizer)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        turns = (*(message.content for message in prompt.messages), completion.text)
        context = Context(tokenizer, prompt.values, turns, completion.reasoning, prompt.language)
        form, cut = self.form, completion.finish_reason == "length"
        parsed = (form.parse_cut if cut else form.parse)(completion.text, context) if form else None
        # What only prepares a later step is dropped here, and so is JSON without its end. A verdict that was cut is none: the last word may
        # have been another.
        if parsed is None and cut and (self.drop_truncated or self.structured or self.text is None or self.judges):
            return Parsed(error=TRUNCATED)
        if parsed is None:
            parsed = parser_of(self.parser, dict(self.parser_settings), self.name)(completion.text, context)
        if parsed.error:
            return parsed
        for name, least in self.keep:
            if not parsed.fields.get(name, 0) >= least:
                return Parsed(error=f"rejected:{name}")
        own = {self.name: parsed.text} if parsed.text is not None else {}
        fields = {**handed_on(prompt.values, self.options), **parsed.fields, **own}
        if self.text is None:
            return Parsed(fields=fields)
        if self.with_reasoning and not completion.reasoning:
            return Parsed(error="parse:no_reasoning")
        if plain := self.text == f"{{{self.name}}}":
            text = parsed.text
        else:
            told = {REASONING: completion.reasoning or ""} if self.with_reasoning else {}
            text = fill(self.text, {**texts_of(prompt.values), **texts_of(fields), **told}).strip()
        carried = {key: value for key, value in fields.items() if not (plain and key == self.name)}
        return Parsed(text=text, fields=carried, cut=parsed.cut) if text else Parsed(error="parse:empty")

    @override
    def describe(self) -> dict[str, Any]:
        required = {
            "system": self.system,
            "prompt": self.prompt,
            "passage_tokens": self.passage_tokens,
            "sampling": self.sampling.fields(),
            "parser": {self.parser: dict(self.parser_settings)},
        }
        optional: dict[str, Any] = {
            "of": self.of,
            "each": self.each,
            "examples": self.examples,
            "raw": self.raw,
            "choose": self.choose,
            "draws": self.draws,
        }
        optional |= {
            "options": dict(self.options),
            "text": self.text,
            "keep": self.keep,
            "drop_truncated": self.drop_truncated,
            "only_first": self.only_first,
            "min_passage_tokens": self.min_passage_tokens,
            "first_characters": self.first_characters,
            "structured": self.form and {"closing": self.form.closing, "schema": self.form.schema_text},
            "metadata": self.metadata,
        }
        return {**required, **{key: value for key, value in optional.items() if value}}

    @override
    def shown(self) -> dict[str, Any]:
        """The texts first, with the names that they are filled with."""
        texts = {"system": self.system, "examples": self.examples, "prompt": self.prompt, "text": self.text}
        drawn = {f"{{{name}}}": f"drawn from the option `{source}`" for name, source in self.choose}
        settings = {**self.parser_settings}
        return {**texts, "drawn": drawn, "parser": self.parser, f"{self.parser} with": settings, "kept from": dict(self.keep)}

    def _prompts_of_span(
        self, row: Row, span: tuple[int, int], fields: Mapping[str, Any], key: str, lineage: tuple[str, ...], tokenizer: Tokenizer
    ) -> Iterator[Prompt]:
        document = row.document
        base = {"passage": document.text[span[0] : span[1]], "title": document.metadata.get("title", ""), "url": document.url or ""}
        if "{neighbour}" in self.prompt:
            if not row.neighbours:
                return
            base["neighbour"] = beginning_of(row.neighbours[0], self.passage_tokens, tokenizer)
        if "{lines}" in self.prompt:
            base["lines"] = numbered(base["passage"])
        for draw in range(self.draws):
            values = {**document.metadata, **self.options, **fields, **base}
            values |= self._draw(document, span, key, draw)
            name = f"{key}#{draw}" if self.draws > 1 else key
            schema = self.form.schema_text_in(row.language or document.language, values) if self.form else None
            yield Prompt(self._messages(texts_of(values)), span, self.sampling, name, schema, lineage, values)

    def _draw(self, document: Document, span: tuple[int, int], key: str, draw: int) -> dict[str, str]:
        values: dict[str, str] = {}
        for name, source in self.choose:
            rng = random.Random(content_id(document.id, str(span), key, str(draw), self.name, name))  # not a secret
            pool = [item for item in self.options[source] if item not in values.values()]
            values[name] = rng.choice(pool or self.options[source])
        return values

    def _messages(self, values: Mapping[str, str]) -> tuple[Message, ...]:
        if self.raw:
            return (Message("text", fill(self.prompt, values)),)
        turns = [Message("system", fill(self.system, values))] if self.system else []
        for question, answer in self.examples:
            turns += [Message("user", question), Message("assistant", answer)]
        request = fill(self.prompt, values)
        return (*turns, Message("user", f"{request}\n\n{self.form.closing}" if self.form else request))
