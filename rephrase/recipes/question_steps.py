"""Steps that ask for questions on passages in a format which is drawn, and read them strictly (sources: seeded.yaml)."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import TRUNCATED, Answer, Output, Parsed, Prompt, Row
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.parsing.common import LONGEST, Context
from rephrase.recipes.parsing.form import Form
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.question_forms import form_of
from rephrase.recipes.questions import Format, Question, read_questions, repeats
from rephrase.recipes.structured_step import StructuredStep, asking_for
from rephrase.records import content_id
from rephrase.text.passages import Passage, split_passages
from rephrase.text.tokenizer import Tokenizer

_RULES = ("similar", "questions", "most_of_an_answer", "fewest_words", "words_of_a_format", "labelled")  # of seeded.yaml
_CHARACTERS_A_WORD = 20  # a text with longer ones on average puts no spaces between its words
_TOKENS_A_WORD = 4 / 3  # of such a text


@dataclass(frozen=True, slots=True)
class Request:
    """What one prompt asks for: questions of a format, and the texts that fill it beside the passage."""

    format: Format
    count: int | None
    """Questions that are asked for; None: as many as the passage gives."""
    values: Mapping[str, str]
    shown: tuple[Question, ...] = ()
    """Those that the prompt shows as examples, which no answer may repeat."""


@dataclass(frozen=True, kw_only=True)
class QuestionStep(StructuredStep):
    """Questions on passages; each that is read is a row, and each that cannot be read or is not as asked for an error."""

    prompt: str
    sampling: Sampling
    passage_tokens: int
    seed: int
    name = "questions"

    @abstractmethod
    def requests(self, words: int, rng: random.Random) -> Iterator[Request]:
        """What is asked on a passage of so many words."""

    @abstractmethod
    def filled(self) -> dict[str, list[str]]:
        """By name of the prompt, the longest texts that fill it together, beside the passage."""

    @abstractmethod
    def drawn_from(self) -> dict[str, Any]:
        """What the draws depend on, as JSON values."""

    def written(self, question: Question) -> str:
        """A question as training text."""
        return question.written()

    def rows(self, questions: Sequence[Question], one: Format, passage: str) -> Iterator[Parsed]:
        """The training texts of an answer's questions; by default one for each."""
        del passage
        yield from (Parsed(text=self.written(question), fields={**question.fields, "format": one.name}) for question in questions)

    @property
    @override
    def load(self) -> str:
        return f"1 for each passage of {self.passage_tokens} tokens"

    @property
    @override
    def passage_limit(self) -> int:
        return self.passage_tokens

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        filled = {"count": ["10 questions"], **self.filled()}
        closing = flow_prompts("seeded")["closing"] if self.structured else ""
        return bounds.of_template(self.prompt, filled, {}) + bounds.of_texts([closing])

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        document = row.document
        for passage in split_passages(document.text, tokenizer, self.passage_tokens, document.language):
            text, span = document.text[passage.start : passage.end], (passage.start, passage.end)
            words = words_in(text, passage)
            if words < flow_prompts("seeded")["fewest_words"]:
                continue
            rng = random.Random(content_id(document.id, str(span), self.name, str(self.seed)))  # not a secret
            for number, request in enumerate(self.requests(words, rng)):
                count = "a question" if request.count == 1 else f"{request.count or 'some'} questions"
                asked = fill(self.prompt, {**request.values, "passage": text, "count": count})
                values = {"passage": text, "request": request}
                prompt = Prompt.from_user(asked, span, self.sampling, str(number) if number else "", values=values)
                yield asking_for(self._form(request.format), prompt)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        request: Request = prompt.values["request"]
        if completion.finish_reason == "length" or len(completion.text) > LONGEST:
            return Parsed(error=TRUNCATED if completion.finish_reason == "length" else "parse:too_long")
        form = self._form(request.format)
        data = form.parse(completion.text, Context(tokenizer)) if form else None
        entries = data.fields["questions"] if data else read_questions(completion.text)
        judged = list(_judged(entries[: request.count or flow_prompts("seeded")["most_of_an_answer"]], request, prompt.values["passage"]))
        if any(error is None for _, error in judged):
            return Parsed(fields={"questions": judged})
        [(error, _)] = Counter(error for _, error in judged).most_common(1) or [("parse:no_questions", 1)]
        return Parsed(error=error)

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        for answer in answers:
            request, passage = answer.prompt.values["request"], answer.prompt.values["passage"]
            judged: list[tuple[Question | None, str | None]] = answer.parsed.fields.get("questions", [])
            good = [question for question, error in judged if question and not error]
            faults = [Parsed(error=error, fields=question.fields if question else {}) for question, error in judged if error]
            rows = [answer.parsed] if answer.parsed.error else [*self.rows(good, request.format, passage), *faults]
            yield from (Output(answer, parsed, part) for part, parsed in enumerate(rows))

    @override
    def describe(self) -> dict[str, Any]:
        described = {"prompt": self.prompt, "sampling": self.sampling.fields(), "passage_tokens": self.passage_tokens, "seed": self.seed}
        rules = {name: flow_prompts("seeded")[name] for name in _RULES}
        return {**described, "rules": rules, **self.drawn_from(), **self.held}

    @property
    @override
    def held(self) -> dict[str, Any]:
        return {"structured": flow_prompts("seeded")["closing"]} if self.structured else {}

    def _form(self, asked: Format) -> Form | None:
        return form_of(asked, self.sampling.max_tokens) if self.structured else None


def words_in(text: str, passage: Passage) -> int:
    """The words of a passage; of a text that puts no spaces between them, about so many."""
    words = len(text.split())
    return words if len(text) <= words * _CHARACTERS_A_WORD else round(passage.n_tokens / _TOKENS_A_WORD)


def number_of_questions(words: int, rng: random.Random) -> int:
    """How many questions are asked on a passage of so many words: from 1 to 8, as dolma3's wiki-to-rcqa draws them."""
    rule = flow_prompts("seeded")["questions"]
    most = round(words / rule["words_each"])
    if most < 2:  # as published
        return int(rule["fewest"])
    return int(max(rule["fewest"], min(rule["most"], rng.choice(range(most - rule["spread"], most)))))


def _judged(entries: Iterable[Question | str], request: Request, passage: str) -> Iterator[tuple[Question | None, str | None]]:
    """Each question with the error code of what it is not, or None."""
    earlier = list(request.shown)
    for entry in entries:
        if isinstance(entry, str):
            yield None, entry
            continue
        error = request.format.fault(entry, passage)
        if error is None and repeats(entry, earlier, flow_prompts("seeded")["similar"]):
            error = "rejected:repeated"
        if error is None:
            earlier.append(entry)
        yield entry, error
