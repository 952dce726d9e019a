"""Preference pairs: several answers to a request, judged by a model; one chosen, one rejected (see preference.yaml for the sources)."""

from __future__ import annotations

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Message, Sampling
from rephrase.recipes.base import Answer, Output, Paper, Parsed, Prompt, Recipe, Row, Step, whole_text
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.template import fields_of
from rephrase.records import Generation, content_id
from rephrase.settings.section import Section
from rephrase.text.labels import Labels, sections_of
from rephrase.text.loose_json import read_json
from rephrase.text.scores import read_score
from rephrase.text.tokenizer import Tokenizer
from rephrase.text.verdicts import read_verdict

_LOW, _HIGH = 1, 5  # grades
_BETTER = Labels(("better",))


class Options(Section):
    """Options of the recipes `preference/…`. Documents are the requests."""

    temperatures: list[Annotated[float, Field(ge=0)]] = Field(default=[0.3, 0.7, 1.0, 1.3], min_length=2)
    """An answer for each."""
    systems: list[str] = Field(default=[""], min_length=1)
    """System prompts; each is used with every temperature. An empty one is none."""
    min_margin: float = Field(default=0.0, ge=0)
    """Least difference between the grades of the two, for `preference/grades`."""

    @property
    def answers(self) -> int:
        """Answers to a request."""
        return len(self.temperatures) * len(self.systems)


def build(options: Options, sampling: SamplingSection, kind: str) -> Recipe:
    """The recipe `preference/grades` or `preference/pairs`. Sampling concerns the answers."""
    texts = flow_prompts("preference")
    answers = Answers(options, sampling.over(Sampling(max_tokens=1024, top_p=0.95)))
    judging = Sampling(max_tokens=256, temperature=0.0)
    judge: Step = Grades(options, judging, texts["grade"].strip(), tuple(texts["aspects"]))
    summary = "Several answers to a request, graded on four aspects: the best against another one."
    if kind == "pairs":
        judge = Pairs(options, judging, texts["compare"].strip())
        summary = "Several answers to a request, compared two by two in both orders: one that won against one that lost to it."
    return Recipe(f"preference/{kind}", Paper(**texts["paper"]), (answers, judge), summary)


@dataclass(frozen=True)
class Answers(Step):
    """Answers by different settings. They prepare the judge's step."""

    options: Options
    sampling: Sampling
    name = "answers"

    @property
    @override
    def load(self) -> str:
        return f"{self.options.answers} for each document"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for (number, temperature), (system_number, system) in itertools.product(
            enumerate(self.options.temperatures), enumerate(self.options.systems)
        ):
            turns = [Message("system", system)] if system else []
            turns.append(Message("user", row.document.text))
            sampling = replace(self.sampling, temperature=temperature)
            yield Prompt(tuple(turns), row.span, sampling, key=f"{number}.{system_number}")

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        parsed = whole_text(completion)
        return parsed if parsed.text is None else Parsed(fields={"answer": parsed.text})

    @override
    def describe(self) -> dict[str, Any]:
        return {"options": self.options.model_dump(), "sampling": self.sampling.fields()}


def _answers(row: Row) -> list[tuple[Generation, str]]:
    """The different answers of the step before."""
    generations: dict[str, Generation] = {}
    for generation in row.good("answers"):
        generations.setdefault(fields_of(generation)["answer"], generation)
    return [(generation, text) for text, generation in generations.items()]


@dataclass(frozen=True)
class Grades(Step):
    """Grades of each answer; the best is chosen, another one rejected."""

    options: Options
    sampling: Sampling
    prompt: str
    aspects: tuple[str, ...]
    name = "judge"
    per = "answer"
    judges = True
    retries = 2

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for generation, answer in _answers(row):
            text = fill(self.prompt, {"passage": row.document.text, "answer": answer})
            yield Prompt.from_user(text, row.span, self.sampling, generation.key, (generation.id,), {"answer": answer})

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        reply = whole_text(completion)
        if reply.text is None:
            return reply
        data = read_json(reply.text, lambda value: isinstance(value, dict) and all(aspect in value for aspect in self.aspects))
        if data is None:
            return Parsed(error="parse:json")
        grades = {aspect: read_score(str(data[aspect]), _LOW, _HIGH) for aspect in self.aspects}
        if None in grades.values():
            return Parsed(error="parse:no_score")
        return Parsed(fields={**grades, "score": sum(grade or 0 for grade in grades.values()) / len(grades)})

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        graded_answers = [answer for answer in answers if not answer.parsed.error]
        rng = random.Random(content_id(row.document.id, "rejected"))  # not a secret
        best = max(graded_answers, key=_score, default=None)
        others = [answer for answer in graded_answers if best is not None and _below(answer, best, self.options.min_margin)]
        rejected = rng.choice(others) if others else None
        for answer in answers:
            if answer is best and rejected is not None:
                pair = {
                    "prompt": row.document.text,
                    "chosen": answer.prompt.values["answer"],
                    "rejected": rejected.prompt.values["answer"],
                    "chosen_score": answer.parsed.fields["score"],
                    "rejected_score": rejected.parsed.fields["score"],
                }
                yield Output(answer, _preferred(pair))
            elif answer is best:
                yield Output(answer, Parsed(error="rejected:tie"))
            else:
                yield Output(answer, answer.parsed)

    @override
    def describe(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "sampling": self.sampling.fields(), "min_margin": self.options.min_margin}


def _score(answer: Answer) -> float:
    return float(answer.parsed.fields["score"])


def _below(answer: Answer, best: Answer, margin: float) -> bool:
    return _score(answer) < _score(best) and _score(answer) <= _score(best) - margin


@dataclass(frozen=True)
class Pairs(Step):
    """Answers compared two by two, in both orders. Only a judge who says the same twice is believed."""

    options: Options
    sampling: Sampling
    prompt: str
    name = "judge"
    judges = True
    retries = 2

    @property
    @override
    def load(self) -> str:
        return "k(k-1) for k answers"

    @property
    @override
    def per_result(self) -> float:  # type: ignore[override]  # a constant in most steps
        """Each answer stands first beside each of the others."""
        return self.options.answers - 1

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for (first_answer, first), (second_answer, second) in itertools.permutations(_answers(row), 2):
            text = fill(self.prompt, {"passage": row.document.text, "first": first, "second": second})
            values = {"first": first, "second": second}
            key, lineage = f"{first_answer.key}|{second_answer.key}", (first_answer.id, second_answer.id)
            yield Prompt.from_user(text, row.span, self.sampling, key, lineage, values)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        reply = whole_text(completion)
        if reply.text is None:
            return reply
        verdicts = [content for _, content in sections_of(reply.text, _BETTER)]
        label = read_verdict(verdicts[-1], ("first", "second", "neither")) if verdicts else None
        return Parsed(error="parse:no_label") if label is None else Parsed(fields={"label": label})

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        winners = _consistent(answers)
        wins = Counter(winner for winner, _ in winners)
        losers: Mapping[str, list[str]] = defaultdict(list)
        for winner, loser in winners:
            losers[winner].append(loser)
        best = max(wins, key=lambda text: (wins[text], text), default=None)
        rng = random.Random(content_id(row.document.id, "rejected"))  # not a secret
        rejected = rng.choice(sorted(losers[best])) if best is not None else None
        for number, answer in enumerate(answers):
            yield Output(answer, Parsed(error=answer.parsed.error, fields=answer.parsed.fields))
            if number == 0:
                if best is None or rejected is None:
                    yield Output(answer, Parsed(error="rejected:tie"), part=1)
                else:
                    scores = {"chosen_score": float(wins[best]), "rejected_score": float(wins[rejected])}
                    yield Output(answer, _preferred({"prompt": row.document.text, "chosen": best, "rejected": rejected, **scores}), part=1)

    @override
    def describe(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "sampling": self.sampling.fields()}


def _consistent(answers: Sequence[Answer]) -> list[tuple[str, str]]:
    """Winner and loser of each pair that was judged alike in both orders."""
    labels = {(a.prompt.values["first"], a.prompt.values["second"]): a.parsed.fields["label"] for a in answers if not a.parsed.error}
    return [(first, second) for (first, second), label in labels.items() if label == "first" and labels.get((second, first)) == "second"]


def _preferred(pair: dict[str, Any]) -> Parsed:
    return Parsed(text=f"{pair['prompt']}\n\n{pair['chosen']}", fields=pair)


@recipe("preference/grades", Options, file="preference")
def _build_grades(options: Options, sampling: SamplingSection) -> Recipe:
    return build(options, sampling, "grades")


@recipe("preference/pairs", Options, file="preference")
def _build_pairs(options: Options, sampling: SamplingSection) -> Recipe:
    return build(options, sampling, "pairs")
