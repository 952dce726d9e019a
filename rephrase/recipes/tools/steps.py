"""The steps that make a request, answer it by calls, and let a model judge the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from typing_extensions import override

from rephrase.engines.base import Completion, Message, Sampling
from rephrase.recipes.base import TRUNCATED, Parsed, Prompt, Row
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.prompts import fill
from rephrase.recipes.structured_step import ParsedStep, StructuredStep
from rephrase.recipes.template import fields_of
from rephrase.recipes.tools.calls import fault_of_calls, read_answer, schema_of_answer
from rephrase.recipes.tools.conversation import messages_of, text_of, told
from rephrase.recipes.tools.draws import Draw, Drawing
from rephrase.recipes.verdict_step import YES_OR_NO
from rephrase.text.passages import passage_spans
from rephrase.text.tokenizer import Tokenizer

_SECTIONS: dict[str, Any] = {"fields": ["request"]}


def functions_as_lines(draw: Draw, *, wanted: bool = False) -> str:
    """Functions as JSON, one a line: those that are declared, or those that the request is about."""
    shown = draw.wanted if wanted else draw.declared
    return "\n".join(orjson.dumps(function.tool["function"]).decode() for function in shown)


@dataclass(frozen=True)
class Requests(ParsedStep):
    """The request of a user, for functions that are drawn for each row, or for each passage of a document."""

    prompt: str
    asks: tuple[tuple[str, str], ...]
    """By kind, what the request is to be like."""
    drawing: Drawing
    passage_tokens: int | None = None
    """Of the passages of documents that requests come from; None where rows are drawn and hold nothing."""
    retries: int = field(default=2, kw_only=True)
    name = "request"
    parser_settings = _SECTIONS

    @property
    @override
    def load(self) -> str:
        return f"1 for each passage of {self.passage_tokens} tokens" if self.passage_tokens else "1 for each row"

    @property
    @override
    def passage_limit(self) -> int | None:
        return self.passage_tokens

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        document = row.document
        spans = [row.span]
        if self.passage_tokens is not None:
            spans = passage_spans(document.text, tokenizer, self.passage_tokens, document.language)
        for span in spans:
            draw = self.drawing.draw(key_of(row, span))
            ask = fill(dict(self.asks)[draw.kind].strip(), {"missing": draw.missing})
            values = {"ask": ask, "manner": draw.manner, "functions": functions_as_lines(draw, wanted=True)}
            text = fill(self.prompt, {**values, "passage": document.text[slice(*span)]})
            yield self.asking(Prompt.from_user(text, span, self.sampling, draw.kind))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        return self.read(completion, Context(tokenizer, prompt.values))

    @override
    def describe(self) -> dict[str, Any]:
        asked = {"prompt": self.prompt, "asks": dict(self.asks), "drawing": self.drawing.describe(), "sampling": self.sampling.fields()}
        return {**asked, "passage_tokens": self.passage_tokens, **self.held}

    @override
    def shown(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "asked by kind": dict(self.asks), **self.drawing.shown()}


def key_of(row: Row, span: tuple[int, int]) -> str:
    """What a row, or a passage of it, draws by."""
    return row.document.id if span == row.span else f"{row.document.id} {span[0]}"


@dataclass(frozen=True)
class Calls(StructuredStep):
    """The answer to a request: calls, or a reply where none can be made. The kind is not told; an answer that does not fit is refused."""

    system: str
    drawing: Drawing
    sampling: Sampling
    is_last: bool = True
    name = "call"
    per = "request"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for generation in row.good("request"):
            span = generation.span
            draw = self.drawing.draw(key_of(row, span))
            request = fields_of(generation)["request"]
            messages = (Message("system", fill(self.system, {"functions": functions_as_lines(draw)})), Message("user", request))
            schema = orjson.dumps(schema_of_answer(draw)).decode() if self.structured else None
            values = {"key": key_of(row, span), "request": request}
            yield Prompt(messages, span, self.sampling, generation.key, schema, (generation.id,), values)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        if completion.finish_reason == "length":
            return Parsed(error=TRUNCATED)
        answer = read_answer(completion.text)
        if answer is None:
            return Parsed(error="parse:json")
        calls, reply = answer
        draw = self.drawing.draw(prompt.values["key"])
        if fault := fault_of_calls(calls, reply, draw):
            return Parsed(
                error=fault[0], fields={"kind": draw.kind, "request": prompt.values["request"], "calls": calls, "reason": fault[1]}
            )
        fields = {**told(draw, messages_of(prompt.values["request"], calls, reply)), "calls": calls}
        return Parsed(text=text_of(fields) if self.is_last else None, fields=fields)

    @override
    def describe(self) -> dict[str, Any]:
        asked = {"system": self.system, "drawing": self.drawing.describe(), "sampling": self.sampling.fields(), "is_last": self.is_last}
        return {**asked, **self.held}

    @override
    def shown(self) -> dict[str, Any]:
        return {"system": self.system}


@dataclass(frozen=True)
class Verify(ParsedStep):
    """A model's verdict on what the rules have passed; what it refuses is `rejected:meaning`, with its reason."""

    prompt: str
    of: str
    """The step whose conversations are judged."""
    name = "verify"
    parser = "label"
    parser_settings = YES_OR_NO

    @property
    @override
    def load(self) -> str:
        return f"1 for each result of `{self.of}`"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for generation in row.good(self.of):
            fields = fields_of(generation)
            text = fill(self.prompt, {"conversation": text_of(fields)})
            yield self.asking(Prompt.from_user(text, generation.span, self.sampling, generation.key, (generation.id,), {"fields": fields}))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        parsed = self.read(completion, Context(tokenizer, prompt.values))
        if parsed.error:
            return parsed
        fields = prompt.values["fields"]
        if parsed.fields["label"] == "no":
            return Parsed(error="rejected:meaning", fields={**fields, "reason": completion.text.strip()})
        return Parsed(text=text_of(fields), fields=fields)

    @override
    def describe(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "of": self.of, "sampling": self.sampling.fields(), **self.held}
