"""Questions on a long document that take two places of it, far apart, each shown by a quote that we find there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Literal

import orjson
from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Answer, Output, Paper, Parsed, Prompt, Recipe, Row, Step
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.long.places import distant_pairs, find_quote, tokens_between, with_insertions
from rephrase.recipes.parsing.form_bounds import TEXT, list_of, object_of
from rephrase.recipes.part_step import PartStep
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.template import fields_of
from rephrase.recipes.verdict_step import VerdictStep
from rephrase.records import content_id
from rephrase.settings.section import Section
from rephrase.text.loose_json import read_json
from rephrase.text.passages import split_passages
from rephrase.text.tokenizer import Tokenizer

NAME = "long/qa"
Layout = Literal["inside", "behind"]
_KEYS = ("question", "answer", "first_quote", "second_quote")


class Options(Section):
    """Options of the recipe `long/qa`."""

    part_tokens: int = Field(default=1000, ge=1)
    """Tokens of each of the two parts that a prompt shows."""
    least_distance: int = Field(default=2048, ge=0)
    """Tokens between the two quotes of a question, at least. A document that has no two parts so far apart gives nothing."""
    pairs: int = Field(default=4, ge=1)
    """Pairs of parts of a document."""
    questions: int = Field(default=3, ge=1)
    """Asked for on each pair, at most."""
    quote_characters: int = Field(default=12, ge=1)
    """Of a quote without white space, at least."""
    layouts: list[Layout] = Field(default=["inside", "behind"], min_length=1)
    """One is drawn for each document: questions behind the later of their two parts, or all behind the document."""
    check: bool = True
    """Ask of each question whether its answer is right and takes both parts, and drop it if not."""


@recipe(NAME, Options, file="long/qa")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    texts = flow_prompts("long/qa")
    base = sampling.over(Sampling(max_tokens=1536, temperature=0.7, top_p=0.95))
    steps: tuple[Step, ...] = (Ask(options, base, texts),)
    if options.check:
        exact = sampling.over(Sampling(max_tokens=64, temperature=0.0))
        steps = (*steps, Check(texts["judge"], options, texts, sampling=exact))
    summary = "A long document with questions that take two places of it far apart; quotes are looked up, and a judge sees each."
    return Recipe(NAME, Paper(**texts["paper"]), steps, summary)


@dataclass(frozen=True)
class Ask(PartStep[Options]):
    """Questions on two parts that lie far apart."""

    name = "ask"

    @property
    @override
    def load(self) -> str:
        return f"1 for each of up to {self.options.pairs} pairs of parts of {self.options.part_tokens} tokens"

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        return bounds.of_texts([self.texts["ask"]]) + 2 * bounds.passage

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        document, options = row.document, self.options
        passages = self.parts(row, tokenizer)
        texts = [document.text[passage.start : passage.end] for passage in passages]
        ends = list(accumulate(passage.n_tokens for passage in passages))
        schema = _schema(options.questions)
        for first, second in distant_pairs(texts, passages, options.least_distance, options.pairs, document.id):
            shown = {"first": texts[first], "second": texts[second]}
            places = {
                "first_start": passages[first].start,
                "second_start": passages[second].start,
                "second_end": passages[second].end,
                "between": tokens_between(ends, passages, first, second),
            }
            text = fill(self.texts["ask"].strip(), {**shown, "count": str(options.questions)})
            span = (passages[first].start, passages[second].end)
            yield replace(Prompt.from_user(text, span, self.sampling, f"{first}:{second}", values={**shown, **places}), schema=schema)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        found, errors = [], []
        for entry in _entries(completion.text)[: self.options.questions]:
            place = _evidence(entry, prompt.values, tokenizer, self.options)
            if isinstance(place, str):
                errors.append(place)
            else:
                found.append({key: entry[key].strip() for key in _KEYS} | place)
        if not found:
            return Parsed(error=errors[0] if errors else "parse:no_questions")
        return Parsed(fields={"questions": found, "second_end": prompt.values["second_end"], "dropped": len(errors)})

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        yield from (Output(answer, answer.parsed) for answer in answers)
        good = [answer for answer in answers if not answer.parsed.error]
        if good and not self.options.check:
            questions = [(answer.parsed.fields["second_end"], entry) for answer in good for entry in answer.parsed.fields["questions"]]
            yield _with_questions(row, good[-1], questions, self.options, self.texts)


@dataclass(frozen=True)
class Check(VerdictStep):
    """Each question with its two parts before a judge, and the document with those that passed."""

    options: Options
    texts: dict[str, Any]
    name = "check"
    per = "question"
    judges = True

    @property
    @override
    def per_result(self) -> float:  # type: ignore[override]  # a constant in most steps
        """The questions of an answer, at most."""
        return self.options.questions

    @property
    @override
    def passage_limit(self) -> int | None:
        return self.options.part_tokens

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        closing = [self.form.closing] if self.form else []
        return bounds.of_texts([self.prompt, *closing]) + 2 * bounds.passage + max(bounds.written.values(), default=0)

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        passages = split_passages(row.document.text, tokenizer, self.options.part_tokens, row.document.language)
        texts = [row.document.text[passage.start : passage.end] for passage in passages]
        for generation in row.good("ask"):
            first, second = map(int, generation.key.split(":"))
            fields = fields_of(generation)
            for number, entry in enumerate(fields["questions"]):
                shown = {"first": texts[first], "second": texts[second], "question": entry["question"], "answer": entry["answer"]}
                text, key = fill(self.prompt.strip(), shown), f"{generation.key}:{number}"
                values = {"entry": entry, "place": fields["second_end"]}
                yield self.asking(Prompt.from_user(text, generation.span, self.sampling, key, (generation.id,), values))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        verdict = self.verdict_of(completion, tokenizer)
        if isinstance(verdict, Parsed):
            return verdict
        return Parsed(fields=prompt.values["entry"]) if verdict == "yes" else Parsed(error="rejected:no")

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        yield from (Output(answer, answer.parsed) for answer in answers)
        good = [answer for answer in answers if not answer.parsed.error]
        if good:
            questions = [(answer.prompt.values["place"], answer.parsed.fields) for answer in good]
            yield _with_questions(row, good[-1], questions, self.options, self.texts)


def _schema(most: int) -> str:
    entry = object_of(**{key: {**TEXT, "minLength": 1} for key in _KEYS})
    return orjson.dumps(object_of(questions=list_of(entry, 1, most))).decode()


def _entries(completion: str) -> list[dict[str, str]]:
    def whole(entry: Any) -> bool:
        return isinstance(entry, dict) and all(isinstance(entry.get(key), str) and entry[key].strip() for key in _KEYS)

    entries = read_json(completion, lambda value: isinstance(value, list) and any(map(whole, value)))
    return [entry for entry in entries or () if whole(entry)]


def _evidence(entry: Mapping[str, str], values: Mapping[str, Any], tokenizer: Tokenizer, options: Options) -> dict[str, Any] | str:
    """Where the quotes stand in the document, in characters, and the tokens between them; or what is wrong."""
    first = find_quote(entry["first_quote"], values["first"], options.quote_characters)
    second = find_quote(entry["second_quote"], values["second"], options.quote_characters)
    if first is None or second is None:
        return "rejected:no_evidence"
    after, before = tokenizer.count([values["first"][first[1] :], values["second"][: second[0]]])
    distance = after + values["between"] + before
    if distance < options.least_distance:
        return "rejected:too_near"
    places = [[values["first_start"] + place for place in first], [values["second_start"] + place for place in second]]
    return {"evidence": places, "distance": distance}


def _with_questions(
    row: Row, answer: Answer, questions: Sequence[tuple[int, Mapping[str, Any]]], options: Options, texts: Mapping[str, Any]
) -> Output:
    """The document with its questions. questions: each with the end of the later part that it takes."""
    text = row.document.text
    layout = options.layouts[int(content_id(row.document.id, "layout"), 16) % len(options.layouts)]
    pairs = [(place, fill(texts["pair"].strip(), {key: entry[key] for key in ("question", "answer")})) for place, entry in questions]
    made = with_insertions(text, [(place if layout == "inside" else len(text), pair) for place, pair in pairs])
    fields = {"layout": layout, "questions": [dict(entry) for _, entry in questions]}
    return Output(answer, Parsed(text=made, fields=fields), part=1, span=(0, len(text)))
