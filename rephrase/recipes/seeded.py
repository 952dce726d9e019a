"""Questions written from passages: after seeds of a task, as reading comprehension, as flashcards (sources: seeded.yaml)."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, FiniteFloat, field_validator
from typing_extensions import override

from rephrase.engines.base import Sampling
from rephrase.recipes.base import Paper, Parsed, Recipe
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.question_steps import QuestionStep, Request, number_of_questions
from rephrase.recipes.questions import Format, Question
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.seeds import SHIPPED, Seed, SeedFields, read_seeds
from rephrase.records import content_id
from rephrase.settings.faults import fault
from rephrase.settings.nearest import nearest
from rephrase.settings.paths import ListFile
from rephrase.settings.section import Section

_FORMAT_KEYS = Format.__dataclass_fields__


class SeededOptions(Section):
    """Options of `seeded/questions`."""

    seeds: ListFile = SHIPPED
    """JSONL or Parquet of questions with their answers, from the *training* split of a task. Default: a few of ours."""
    fields: SeedFields = SeedFields()
    """Names of the fields of a seed."""
    unchecked: bool = False
    """The seeds are of no task that models are scored by: the run needs no check `contamination`."""
    shots: int = Field(default=5, ge=1, le=64)
    """Seeds that a prompt shows, of one form: open, or with as many choices."""
    questions: int | None = Field(default=None, ge=1, le=20)
    """Questions on a passage; default: from 1 to 8 by its length."""
    passage_tokens: int = Field(default=1000, ge=50)
    """Tokens of a passage."""
    seed: int = Field(default=1, ge=0)
    """Another one draws other seeds."""


def _known_shares(shares: dict[str, float], recipe_name: str) -> dict[str, float]:
    known = flow_prompts("seeded")["formats"][recipe_name]
    for name, share in shares.items():
        if name not in known:
            raise fault(f"there is no format `{name}`", nearest(name, known, "formats are"), (name,), name)
        if share < 0:
            raise fault(f"the share {share} is below 0", "give 0 or more", (name,), share)
    if shares and not sum(shares.values()):
        raise fault("all shares are 0", "give one of them more", value=shares)
    return shares


class ReadingOptions(Section):
    """Options of `seeded/reading_comprehension`."""

    formats: dict[str, FiniteFloat] = {}
    """Formats and their shares. Default, as published: any 0.1, span 0.25, paraphrase 0.25, reasoning 0.4. There are also multiple_choice,
    true_false and cloze."""
    questions: int | None = Field(default=None, ge=1, le=20)
    """Questions on a passage; default: from 1 to 8 by its length, as published."""
    passage_tokens: int = Field(default=400, ge=50)
    """Tokens of a passage."""
    seed: int = Field(default=1, ge=0)
    """Another one draws other formats and numbers."""

    @field_validator("formats")
    @classmethod
    def _known(cls, formats: dict[str, float]) -> dict[str, float]:
        return _known_shares(formats, "reading_comprehension")


class FlashcardOptions(Section):
    """Options of `seeded/flashcards`."""

    formats: dict[str, FiniteFloat] = {}
    """Structures of questions and their shares. Default, as published: open_ended, statement_completion, fill_in_blank, which_has_property
    and which_true 0.17 each, two_statement 0.05, in_question_options 0.1."""
    more_open: bool = False
    """The other published shares, with a quarter of open questions."""
    passage_tokens: int = Field(default=1000, ge=50)
    """Tokens of a passage."""
    seed: int = Field(default=1, ge=0)
    """Another one draws other structures."""

    @field_validator("formats")
    @classmethod
    def _known(cls, formats: dict[str, float]) -> dict[str, float]:
        return _known_shares(formats, "flashcards")


@recipe("seeded/questions", SeededOptions, file="seeded")
def build_questions(options: SeededOptions, sampling: SamplingSection) -> Recipe:
    """Questions after seeds, with these options."""
    step = FromSeeds(
        **_of_step("questions", sampling, options.passage_tokens, options.seed),
        seeds=read_seeds(options.seeds, options.fields),
        shots=options.shots,
        questions=options.questions,
        is_checked=options.seeds != SHIPPED and not options.unchecked,
    )
    return _recipe(
        "questions", step, "Questions on the passage that need no passage, in the form of a task's own, of which a few are shown."
    )


@recipe("seeded/reading_comprehension", ReadingOptions, file="seeded")
def build_reading(options: ReadingOptions, sampling: SamplingSection) -> Recipe:
    """Reading comprehension with these options."""
    step = ReadingStep(
        **_of_step("reading_comprehension", sampling, options.passage_tokens, options.seed),
        formats=_formats("reading_comprehension", options.formats),
        questions=options.questions,
    )
    return _recipe(
        "reading_comprehension", step, "The passage, and behind it questions of a format that is drawn, more on longer passages."
    )


@recipe("seeded/flashcards", FlashcardOptions, file="seeded")
def build_flashcards(options: FlashcardOptions, sampling: SamplingSection) -> Recipe:
    """Flashcards with these options."""
    step = FlashcardStep(
        **_of_step("flashcards", sampling, options.passage_tokens, options.seed),
        formats=_formats("flashcards", options.formats, "more_open" if options.more_open else "share"),
    )
    return _recipe("flashcards", step, "Multiple choice questions as in examinations, one a text, in structures that are drawn.")


def _recipe(name: str, step: QuestionStep, summary: str) -> Recipe:
    return Recipe(f"seeded/{name}", Paper(**flow_prompts("seeded")["papers"][name]), (step,), summary)


def _of_step(name: str, sampling: SamplingSection, passage_tokens: int, seed: int) -> dict[str, Any]:
    base = sampling.over(Sampling(max_tokens=1024, temperature=0.7, top_p=0.9))
    prompt = flow_prompts("seeded")["prompts"][name].strip()
    return {"prompt": prompt, "sampling": base, "passage_tokens": passage_tokens, "seed": seed}


def _formats(name: str, shares: Mapping[str, float], published: str = "share") -> tuple[tuple[Format, float], ...]:
    known = flow_prompts("seeded")["formats"][name]
    chosen = shares or {style: settings[published] for style, settings in known.items()}
    return tuple((_format(style, known[style]), share) for style, share in chosen.items() if share)


def _format(name: str, settings: Mapping[str, Any]) -> Format:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in settings.items() if key in _FORMAT_KEYS
    }
    return Format(name, **{**values, "ask": values["ask"].strip(), "example": values.get("example", "").strip()})


@dataclass(frozen=True, kw_only=True)
class FromSeeds(QuestionStep):
    """Questions in the form of seeds, some of which are drawn for each passage."""

    seeds: tuple[Seed, ...]
    shots: int
    questions: int | None
    is_checked: bool
    """Whether a run must look for items of benchmarks among the seeds and in what is made from them."""

    @override
    def requests(self, words: int, rng: random.Random) -> Iterator[Request]:
        choices = len(rng.choice(self.seeds).choices)
        alike = [seed for seed in self.seeds if len(seed.choices) == choices]
        shown = rng.sample(alike, min(self.shots, len(alike)))
        examples = "\n%%%%\n".join(seed.written() for seed in shown)
        count = self.questions or number_of_questions(words, rng)
        values = {"examples": examples, "ask": _asked(choices)}
        yield Request(Format("seeds", choices=choices), count, values, tuple(shown))

    @override
    def filled(self) -> dict[str, list[str]]:
        longest = heapq.nlargest(self.shots, (seed.written() for seed in self.seeds), key=len)
        return {"examples": longest, "ask": [_asked(max(len(seed.choices) for seed in self.seeds))]}

    @override
    def drawn_from(self) -> dict[str, Any]:
        seeds = content_id(*(part for seed in self.seeds for part in (seed.text, seed.answer, *seed.choices)))
        return {"seeds": seeds, "shots": self.shots, "questions": self.questions, "choices": flow_prompts("seeded")["choices"]}


def _asked(choices: int) -> str:
    return fill(flow_prompts("seeded")["choices"], {"count": str(choices)}) if choices else ""


@dataclass(frozen=True, kw_only=True)
class InFormats(QuestionStep):
    """Questions in formats of which each prompt draws one."""

    formats: tuple[tuple[Format, float], ...]
    """Each with its share."""

    def drawn(self, rng: random.Random) -> Format:
        """A format by the shares."""
        return rng.choices([one for one, _ in self.formats], [share for _, share in self.formats])[0]

    @override
    def filled(self) -> dict[str, list[str]]:
        return {
            "ask": [max((one.ask for one, _ in self.formats), key=len)],
            "example": [max((one.example for one, _ in self.formats), key=len)],
        }

    @override
    def drawn_from(self) -> dict[str, Any]:
        # Examples are told by their digest: whoever looks for leaked prompts must not take the choices "True, False" for one.
        return {
            "formats": [[one.name, share, one.ask, content_id(one.example)] for one, share in self.formats],
            "strict": [[one.choices, list(one.answers), one.blank, one.quoted] for one, _ in self.formats],
        }

    @override
    def shown(self) -> dict[str, Any]:
        told = {one.name: {"share": share, "ask": one.ask, "example": one.example} for one, share in self.formats}
        return {**super().shown(), "formats": told, "strict": None}


@dataclass(frozen=True, kw_only=True)
class ReadingStep(InFormats):
    """Reading comprehension: the passage with all its questions behind it is one text."""

    questions: int | None

    @override
    def requests(self, words: int, rng: random.Random) -> Iterator[Request]:
        one = self.drawn(rng)
        yield Request(one, self.questions or number_of_questions(words, rng), {"ask": one.ask})

    @override
    def rows(self, questions: Sequence[Question], one: Format, passage: str) -> Iterator[Parsed]:
        text = "\n\n".join([passage.strip(), *(question.written() for question in questions)])
        yield Parsed(text=text, fields={"questions": [question.fields for question in questions], "format": one.name})

    @override
    def drawn_from(self) -> dict[str, Any]:
        return {**InFormats.drawn_from(self), "questions": self.questions}


@dataclass(frozen=True, kw_only=True)
class FlashcardStep(InFormats):
    """Flashcards: each is a text, half of them with "Question: " before them."""

    @property
    @override
    def load(self) -> str:
        return f"{super().load}, and 1 more for each {flow_prompts('seeded')['words_of_a_format']} words of it"

    @override
    def requests(self, words: int, rng: random.Random) -> Iterator[Request]:
        for _ in range(max(1, words // flow_prompts("seeded")["words_of_a_format"])):
            one = self.drawn(rng)
            yield Request(one, None, {"ask": one.ask, "example": one.example})

    @override
    def written(self, question: Question) -> str:
        draw = random.Random(content_id(question.text, str(self.seed))).random()  # not a secret
        return question.written("Question: " if draw < flow_prompts("seeded")["labelled"] else "", gap="\n\n")
