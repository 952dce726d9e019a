"""The steps that go on from calls: what the functions give, and the answer that is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import TRUNCATED, Parsed, Prompt, Row, Step, whole_text
from rephrase.recipes.prompts import fill
from rephrase.recipes.structured_step import StructuredStep
from rephrase.recipes.template import fields_of
from rephrase.recipes.tools.calls import Call
from rephrase.recipes.tools.conversation import messages_of, text_of
from rephrase.recipes.tools.draws import Drawing
from rephrase.recipes.tools.schemas import moved
from rephrase.recipes.tools.steps import key_of
from rephrase.text.lead_in import without_epilogue, without_lead_in
from rephrase.text.loose_json import read_json
from rephrase.text.scripts import whole_words
from rephrase.text.tokenizer import Tokenizer

_NUMBER = re.compile(r"(?<![\w.,])[-−]?\d(?:[\d.,' \u00a0\u202f]*\d)?|\d")
_THOUSANDS = re.compile(r"-?\d{1,3}(?:\.\d{3})+(?:,\d+)?")  # with points, as in 1.234,5
_SHORTEST = 2  # characters of a text whose use shows something
_MAY_BE_PART = 4  # characters of a text that may stand within a longer word: "rain" is told by "rainy", "ok" is not by "book"


def label_of_call(number: int) -> str:
    """The name of a call's result in the JSON that a model writes, from 1 on."""
    return f"call_{number}"


@dataclass(frozen=True)
class Results(StructuredStep):
    """What the called functions give, made up by a model; it must be JSON, have the shape that a function declares, and say something."""

    prompt: str
    drawing: Drawing
    sampling: Sampling
    retries: int = field(default=2, kw_only=True)
    name = "result"
    per = "result of `call` that has calls"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for generation in row.good("call"):
            fields = fields_of(generation)
            calls: list[Call] = fields["calls"]
            if not calls:
                continue
            span = generation.span
            draw = self.drawing.draw(key_of(row, span))
            called = [function for function in draw.declared if any(call["name"] == function.name for call in calls)]
            shapes = {
                function.name: {**function.tool["function"], **({"return": orjson.loads(function.result)} if function.result else {})}
                for function in called
            }
            labels = [label_of_call(number) for number in range(1, len(calls) + 1)]
            values = {
                "functions": "\n".join(orjson.dumps(shape).decode() for shape in shapes.values()),
                "calls": "\n".join(f"{label}: {orjson.dumps(call).decode()}" for label, call in zip(labels, calls, strict=True)),
                "shape": "{" + ", ".join(f'"{label}": …' for label in labels) + "}",
            }
            carried = {"key": key_of(row, span), "fields": fields}
            prompt = Prompt.from_user(fill(self.prompt, values), span, self.sampling, generation.key, (generation.id,), carried)
            yield replace(prompt, schema=self._schema(calls, labels, prompt)) if self.structured else prompt

    def _schema(self, calls: Sequence[Call], labels: Sequence[str], prompt: Prompt) -> str:
        draw = self.drawing.draw(prompt.values["key"])
        functions = [draw.find(call["name"]) for call in calls]
        fields = {
            label: moved(function.result, f"/properties/{label}") if function and function.result else {"type": "object"}
            for label, function in zip(labels, functions, strict=True)
        }
        return orjson.dumps({"type": "object", "properties": fields, "required": list(fields)}).decode()

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        if completion.finish_reason == "length":
            return Parsed(error=TRUNCATED)
        fields = prompt.values["fields"]
        labels = [label_of_call(number) for number in range(1, len(fields["calls"]) + 1)]
        data = read_json(completion.text, lambda value: isinstance(value, dict) and all(label in value for label in labels))
        if data is None:
            return Parsed(error="parse:json")
        draw = self.drawing.draw(prompt.values["key"])
        for label, call in zip(labels, fields["calls"], strict=True):
            function = draw.find(call["name"])
            if is_empty(data[label]) and not (function and function.gives_nothing):
                return Parsed(error="rejected:empty_result", fields={**fields, "reason": f"{call['name']} gives nothing"})
            if function and (reason := function.fault_of_result(data[label])):
                return Parsed(error="rejected:result", fields={**fields, "reason": f"{call['name']}: {reason}"})
        return Parsed(fields={**fields, "results": [data[label] for label in labels]})

    @override
    def describe(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "drawing": self.drawing.describe(), "sampling": self.sampling.fields(), **self.held}

    @override
    def shown(self) -> dict[str, Any]:
        return {"prompt": self.prompt}


@dataclass(frozen=True)
class Answers(Step):
    """The assistant's answer from the results; one that tells nothing of what a call gave is `rejected:unused_result`."""

    prompt: str
    sampling: Sampling
    is_last: bool = True
    name = "answer"
    per = "result of `result`"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for generation in row.good("result"):
            fields = fields_of(generation)
            pairs = zip(fields["calls"], fields["results"], strict=True)
            lines = [f"{orjson.dumps(call).decode()}\n{orjson.dumps(result).decode()}" for call, result in pairs]
            values = {"request": fields["messages"][0]["content"], "results": "\n\n".join(lines)}
            text = fill(self.prompt, values)
            yield Prompt.from_user(text, generation.span, self.sampling, generation.key, (generation.id,), {**values, "fields": fields})

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        source = prompt.values["request"]
        parsed = whole_text(completion, lambda text: without_epilogue(without_lead_in(text, source), source).strip())
        if parsed.text is None:
            return parsed
        fields = dict(prompt.values["fields"])
        request, calls, results = source, fields["calls"], fields.pop("results")
        for call, result in zip(calls, results, strict=True):
            if not uses(parsed.text, result, request, call["arguments"]):
                reason = f"nothing of the result of {call['name']} stands in the answer"
                return Parsed(error="rejected:unused_result", fields={**fields, "answer": parsed.text, "reason": reason})
        fields["messages"] = messages_of(request, calls, "", results, parsed.text)
        return Parsed(text=text_of(fields) if self.is_last else None, fields=fields)

    @override
    def describe(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "sampling": self.sampling.fields(), "is_last": self.is_last}


def is_empty(result: Any) -> bool:
    """Whether a result says nothing: null, an empty text or object, or an object of such alone. An empty list says that there is nothing.

    >>> is_empty({"temperature": None}), is_empty({}), is_empty([]), is_empty({"booked": False})
    (True, True, False, False)
    """
    if isinstance(result, Mapping):
        return all(is_empty(value) for value in result.values())
    return result is None or (isinstance(result, str) and not result.strip())


def uses(answer: str, result: Any, request: str, arguments: Any) -> bool:
    """Whether an answer tells a value of a result: one that the request and the arguments do not hold, where the result has such.

    A result without any value (an empty list, true or false alone) has nothing that could be told.

    >>> uses("It will be 21 degrees.", {"high": 21.0}, "How warm will it be?", {})
    True
    >>> uses("It will be warm.", {"high": 21.0}, "How warm will it be?", {})
    False
    """
    known = f"{request} {orjson.dumps(arguments).decode()}"
    values = list(_leaves(result))
    new = [value for value in values if not _holds(known, value)] or values
    return not new or any(_holds(answer, value) for value in new)


def _leaves(value: Any) -> Iterator[str | float]:
    if isinstance(value, Mapping):
        yield from (leaf for inner in value.values() for leaf in _leaves(inner))
    elif isinstance(value, list):
        yield from (leaf for inner in value for leaf in _leaves(inner))
    elif (isinstance(value, str) and len(value.strip()) >= _SHORTEST) or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield value


def _holds(text: str, value: str | float) -> bool:
    if isinstance(value, str):
        words, around = " ".join(value.casefold().split()), " ".join(text.casefold().split())
        return words in around if len(words) >= _MAY_BE_PART else re.search(whole_words(words), around) is not None
    spelled = {f"{value:.{places}f}" for places in range(3)} | {f"{value:g}"}
    return any(number in spelled and (not value or float(number)) for written in _NUMBER.findall(text) for number in _readings(written))


def _readings(written: str) -> Iterator[str]:
    """A number as it may be meant: with a comma or a point before its decimals, or between its thousands."""
    number = re.sub(r"[' \u00a0\u202f]", "", written.replace("−", "-")).rstrip(".,")
    yield number.replace(",", "")
    if _THOUSANDS.fullmatch(number) or (number.count(",") == 1 and "." not in number):
        yield (number.replace(".", "") if _THOUSANDS.fullmatch(number) else number).replace(",", ".")
