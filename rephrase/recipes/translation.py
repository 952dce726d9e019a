"""The step that translates a document chunk after chunk, each with the end of what is translated before it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from typing_extensions import override

from rephrase.engines.base import Completion, Message, Sampling
from rephrase.recipes.base import Answer, Output, Parsed, Prompt, Row, Step, whole_text
from rephrase.recipes.bilingual import laid_out
from rephrase.recipes.parsing.common import own_text, without_fence
from rephrase.recipes.prompts import fill
from rephrase.recipes.translation_chunks import chunk_spans, with_gaps_of
from rephrase.records import TEXT_LANGUAGE, Document, content_id, unit_interval
from rephrase.text.blocks import has_blank_lines, paragraph_spans, paragraphs_of, same_form
from rephrase.text.code.languages import language_named
from rephrase.text.languages import SEVERAL, UNKNOWN, english_name, is_language, language_tag, same_language
from rephrase.text.sentences import Span
from rephrase.text.tokenizer import Tokenizer

WHOLE = "text"
"""The field that holds the text of a document whose translation is to be translated back before it is one."""
_COLONS = (":", "：")
_BRACKETS = "([（［【"
_LEAST_TOKENS = 256  # that an answer may have, however short its chunk


@dataclass(frozen=True)
class Translation(Step):
    """A document in another language; beside its source, where there are layouts for that."""

    to: tuple[str, ...]  # tags, of which one is drawn
    chunk_tokens: int
    context_tokens: int
    max_growth: float
    sampling: Sampling
    texts: Mapping[str, str]
    layouts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    check_back: float = 0  # the share of documents whose text is left to the step that translates them back
    name = "translate"
    retries = 2

    @property
    @override
    def load(self) -> str:
        return f"1 for each chunk of {self.chunk_tokens} tokens, one after the other"

    @property
    @override
    def passage_limit(self) -> int | None:
        return self.chunk_tokens

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        to = self._language_for(row.document)
        if to is None:
            why = f"the document is in {row.document.language}"
            yield Prompt((), row.span, self.sampling, values={"skipped": why}, ready=Completion("", "stop"))
            return
        spans = chunk_spans(row.document.text, tokenizer, self.chunk_tokens, row.document.language)
        if spans:
            yield self._prompt(row, tokenizer, to, spans, 0, "")

    @override
    def follow(self, row: Row, answer: Answer, tokenizer: Tokenizer) -> Prompt | None:
        values = answer.prompt.values
        number = values.get("number", 0) + 1
        if answer.parsed.error or number >= len(values.get("spans", ())):
            return None
        written = f"{values['written']}\n\n{answer.parsed.fields['translation']}".strip()
        starts = tokenizer.token_starts(written)
        if len(starts) > self.context_tokens:
            written = written[starts[len(starts) - self.context_tokens] :].strip() if self.context_tokens else ""
        return self._prompt(row, tokenizer, values["to"], values["spans"], number, written)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        if "skipped" in prompt.values:
            return Parsed(fields={"skipped": prompt.values["skipped"]})
        chunk, by_lines = prompt.values["passage"], prompt.values["by_lines"]
        reply = translated_text(completion, chunk)
        if reply.text is None:
            return reply
        spans = paragraph_spans(chunk, by_lines=by_lines)
        paragraphs = paragraphs_of(reply.text, by_lines=by_lines)
        sources = [chunk[start:end] for start, end in spans]
        if len(paragraphs) != len(spans) or not all(map(same_form, sources, paragraphs)) or _has_more_around(sources, paragraphs):
            return Parsed(error="parse:paragraphs")
        return Parsed(fields={"translation": with_gaps_of(chunk, spans, paragraphs, prompt.values["to"])})

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        yield from (Output(answer, answer.parsed) for answer in answers)
        last = answers[-1] if answers else None
        if last is None or last.parsed.error or len(answers) != len(last.prompt.values.get("spans", ())):
            return
        values, source = last.prompt.values, row.document.text
        parts = [answer.parsed.fields["translation"] for answer in answers]
        translation = with_gaps_of(source, values["spans"], parts, values["to"])
        fields = {**_known_language(row.document), "translated_to": values["to"], TEXT_LANGUAGE: values["to"]}
        text = translation
        if self.layouts:
            text, layout = laid_out(row.document, translation, values["to"], self.layouts)
            fields |= {TEXT_LANGUAGE: SEVERAL, "translation": translation, "layout": layout}
        whole = Parsed(fields={**fields, WHOLE: text}) if in_sample(row.document, self.check_back) else Parsed(text=text, fields=fields)
        yield Output(last, whole, part=1, span=row.span)

    @override
    def describe(self) -> dict[str, Any]:
        sizes = {name: getattr(self, name) for name in ("chunk_tokens", "context_tokens", "max_growth")}
        layouts = {"layouts": {name: dict(layout) for name, layout in self.layouts.items()}} if self.layouts else {}
        back = {"check_back": self.check_back} if self.check_back else {}
        return {"texts": dict(self.texts), "sampling": self.sampling.fields(), "to": self.to, **sizes, **layouts, **back}

    def _language_for(self, document: Document) -> str | None:
        """The language to translate into; None for a program, and for a document that is in it already."""
        others = [tag for tag in self.to if not same_language(tag, document.language)]
        if not others or language_named(document.language):
            return None
        return random.Random(content_id(document.id, self.name)).choice(others)  # not a secret

    def _prompt(self, row: Row, tokenizer: Tokenizer, to: str, spans: Sequence[Span], number: int, written: str) -> Prompt:
        passage = row.document.text[slice(*spans[number])]
        turns = messages(self.texts, passage, row.document.language, to, written if number else None)
        values = {"spans": spans, "number": number, "written": written, "to": to, "passage": passage}
        values["by_lines"] = not has_blank_lines(row.document.text)
        sampling = limited(self.sampling, tokenizer.count([passage])[0] * self.max_growth)
        return Prompt(turns, spans[number], sampling, key=str(number), values=values)


def in_sample(document: Document, share: float) -> bool:
    """Whether a document is of the share that is translated back, which its id decides: where its language is known."""
    return is_language(document.language or "") and unit_interval(document.id, "back") < share


def messages(texts: Mapping[str, str], passage: str, language: str | None, to: str, written: str | None = None) -> tuple[Message, ...]:
    """What asks for the translation of a passage. language: its own, where it is known. written: the end of what stands before it."""
    known = language_tag(language or "") != UNKNOWN and english_name(language or "") is not None
    origin = fill(texts["from"], {"language": named(language or "")}) if known else ""
    values = {"passage": passage, "to": named(to), "from": origin, "written": written or ""}
    request = texts["first"] if written is None or not written else texts["next"]
    return Message("system", fill(texts["system"], values)), Message("user", fill(request, values))


def named(language: str) -> str:
    """A language as prompts name it: `German (de)`."""
    return f"{english_name(language) or language} ({language_tag(language)})"


def limited(sampling: Sampling, tokens: float) -> Sampling:
    """The sampling with as few tokens as so many need. Of few sizes, so that requests of one size go to the engine together."""
    size = _LEAST_TOKENS
    while size < tokens:
        size *= 2
    return replace(sampling, max_tokens=min(size, sampling.max_tokens))


def translated_text(completion: Completion, source: str) -> Parsed:
    """What a completion says without what stands around it; an error if it was cut or says nothing."""
    text = whole_text(completion, lambda written: own_text(written, source))
    if text.text is None or "```" in source or "~~~" in source:
        return text
    inside = without_fence(text.text).strip()
    return Parsed(text=inside) if inside else Parsed(error="parse:empty")


def _has_more_around(sources: Sequence[str], paragraphs: Sequence[str]) -> bool:
    """Whether the first paragraph leads over to a text, or the last is a remark on it, where the source's are neither.

    Where as many paragraphs are left out, their number tells nothing.
    """
    leads = not sources[0].strip("*_ ").endswith(_COLONS) and paragraphs[0].strip("*_ ").endswith(_COLONS)
    return len(sources) > 1 and (leads or (paragraphs[-1][0] in _BRACKETS and sources[-1][0] not in _BRACKETS))


def _known_language(document: Document) -> dict[str, str]:
    tag = language_tag(document.language or "")
    return {} if tag == UNKNOWN else {"source_language": tag}
