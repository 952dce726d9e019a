"""Questions that take the whole of a long document: how often something stands in it, counted by us, asked for by a model."""

from __future__ import annotations

import functools
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Answer, Output, Paper, Parsed, Prompt, Recipe, Row, Step, whole_text
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.list_rows import read_list
from rephrase.recipes.long.counting import Fact, common_words, facts_of, joining_words, occurrences, words_of
from rephrase.recipes.long.places import with_insertions
from rephrase.recipes.long.stretches import sections_of, stretches_of
from rephrase.recipes.part_step import PartStep
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.template import fields_of
from rephrase.records import content_id
from rephrase.settings.paths import SHIPPED_LISTS
from rephrase.settings.section import Section
from rephrase.text.scripts import whole_words
from rephrase.text.tokenizer import Tokenizer

NAME = "long/aggregate"
_LINE = re.compile(r"(?m)^[ \t>*#]{0,8}(\d{1,3})[.):]+[ \t*]{0,4}(\S[^\n]*)$")
_BULLET = re.compile(r"(?m)^[ \t]{0,8}[-*•][ \t]{1,4}(\S[^\n]{0,200})$")
_QUOTES = str.maketrans("“”„‟‘’‚‛«»", '""""\'\'\'\'""')


class Options(Section):
    """Options of the recipe `long/aggregate`."""

    of: str | None = None
    """What is counted, in a word or two ("people", "places"): a model lists it for each part. Default: common words, found by rule."""
    part_tokens: int = Field(default=2000, ge=1)
    """Tokens of a part of which a model lists what is counted."""
    over: Literal["so_far", "stretch"] = "so_far"
    """What is counted over: the document from its beginning up to the questions, or, as published, their stretch of it alone."""
    questions: int | None = Field(default=None, ge=1)
    """On each stretch of the document. Default: as published, 5."""


@recipe(NAME, Options, file="long/aggregate")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    texts = flow_prompts("long/aggregate")
    base = sampling.over(Sampling(max_tokens=1024, temperature=0.7, top_p=0.95))
    steps: tuple[Step, ...] = (Questions(options, base, texts, tuple(read_list(f"{SHIPPED_LISTS}stop_words.txt"))),)
    if options.of:
        steps = (List(options, sampling.over(Sampling(max_tokens=512, temperature=0.0)), texts), *steps)
    summary = "A long document with questions on how often something stands in it; what is asked for is counted, not written by a model."
    return Recipe(NAME, Paper(**texts["paper"]), steps, summary)


@dataclass(frozen=True)
class List(PartStep[Options]):
    """What a part names of what is counted. A name that does not stand in its part is left out."""

    name = "list"

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        return bounds.of_texts([self.texts["list"], self.options.of or ""]) + bounds.passage

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        for passage in self.parts(row, tokenizer):
            shown = {"passage": row.document.text[passage.start : passage.end], "of": self.options.of or ""}
            text = fill(self.texts["list"].strip(), shown)
            yield Prompt.from_user(text, (passage.start, passage.end), self.sampling, values=shown)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        reply = whole_text(completion)
        if reply.text is None:
            return reply
        names = [match[1].strip(' .,;*"“”') for match in _BULLET.finditer(reply.text)]
        if not names:
            return Parsed(fields={"names": []}) if reply.text.strip(" .*").lower() == "none" else Parsed(error="parse:no_items")
        kept = [name for name in dict.fromkeys(names) if name and occurrences(name, prompt.values["passage"])]
        return Parsed(fields={"names": kept}) if kept else Parsed(error="rejected:not_in_text")

    @override
    def describe(self) -> dict[str, Any]:
        return {"prompt": self.texts["list"], "sampling": self.sampling.fields(), "of": self.options.of, "tokens": self.options.part_tokens}


@dataclass(frozen=True)
class Questions(PartStep[Options]):
    """Questions on each stretch, and the document with all of them and the answers that we know."""

    stop_words: tuple[str, ...]
    name = "questions"

    @property
    @override
    def load(self) -> str:
        return "1 for each stretch, two to some eight of a document"

    @property
    @override
    def passage_limit(self) -> int | None:
        return self.options.part_tokens if self.options.of else self.texts["excerpt_characters"]

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        names = 3 * self._most * (bounds.of_texts(self.texts["points"].values()) + 64)
        return bounds.of_texts([self.texts["ask"]]) + int(self.texts["excerpt_characters"]) + names

    @property
    def _most(self) -> int:
        return self.options.questions or int(self.texts["questions"])

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        text, rules = row.document.text, self.texts["sections"]
        sections = sections_of(text, rules["least_characters"])
        if len(sections) <= rules["more_than"]:
            return
        count = self._counter(row)
        for number, (start, end) in enumerate(stretches_of(text, sections, tokenizer, self.texts["stretch"], row.document.id)):
            counted = count(text[0 if self.options.over == "so_far" else start : end])
            order = list(range(len(counted)))
            random.Random(content_id(row.document.id, str(number))).shuffle(order)  # not a secret
            facts = facts_of(counted, self._most, order)
            if facts:
                scope = {"scope": self.texts["scopes"][self.options.over]}
                points = [f"{place}. {fill(self.texts['points'][fact.kind], scope | fact.values())}" for place, fact in enumerate(facts, 1)]
                shown = {"excerpt": _excerpt(text[start:end], self.texts["excerpt_characters"]), "points": "\n".join(points)}
                prompt = fill(self.texts["ask"].strip(), shown)
                lineage = tuple(generation.id for generation in row.earlier.get("list", ()) if not generation.error)
                yield Prompt.from_user(prompt, (start, end), self.sampling, str(number), lineage, {"facts": facts, "seed": row.document.id})

    def _counter(self, row: Row) -> Any:
        most: int = self.texts["common_words"]
        if not self.options.of:
            words = words_of(row.document.text)
            left_out = {*self.stop_words, *joining_words(words, self.texts["window_words"])}
            return lambda stretch: common_words(words_of(stretch), left_out, most)
        parts = Counter(name for generation in row.good("list") for name in fields_of(generation)["names"])
        names = [name for name, _ in parts.most_common(2 * most)]

        def named(stretch: str) -> list[tuple[str, int]]:
            counted = [(name, occurrences(name, stretch)) for name in names]
            return sorted([pair for pair in counted if pair[1]], key=lambda pair: -pair[1])[:most]

        return named

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        reply = whole_text(completion)
        if reply.text is None:
            return reply
        facts: Sequence[Fact] = prompt.values["facts"]
        lines = {int(match[1]): match[2].strip(" *") for match in _LINE.finditer(reply.text)}
        if not lines:
            return Parsed(error="parse:no_questions")
        pairs = []
        for number, fact in enumerate(facts, 1):
            question = lines.get(number, "")
            if question and _asks_for(fact, question):
                answers = self.texts["answers"][fact.kind]
                answer = answers[int(content_id(prompt.values["seed"], prompt.key, str(number)), 16) % len(answers)]
                pairs.append({"question": question, "answer": fill(answer, fact.values()), "kind": fact.kind, "counts": [*fact.counts]})
        return Parsed(fields={"questions": pairs, "dropped": len(facts) - len(pairs)}) if pairs else Parsed(error="rejected:no_word")

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        yield from (Output(answer, answer.parsed) for answer in answers)
        good = [answer for answer in answers if not answer.parsed.error]
        if not good:
            return
        text = row.document.text
        made = with_insertions(text, [(answer.prompt.span[1], self._told(row, answer)) for answer in good])
        questions = [pair for answer in good for pair in answer.parsed.fields["questions"]]
        yield Output(good[-1], Parsed(text=made, fields={"questions": questions}), part=1, span=(0, len(text)))

    def _told(self, row: Row, answer: Answer) -> str:
        titles = self.texts["title"]
        title = titles[int(content_id(row.document.id, answer.prompt.key), 16) % len(titles)]
        pairs: list[Mapping[str, str]] = answer.parsed.fields["questions"]
        return "\n\n".join([title, *(fill(self.texts["pair"].strip(), pair) for pair in pairs)])

    @override
    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "texts": {**self.texts, "stop_words": content_id(*self.stop_words)}}

    @override
    def shown(self) -> dict[str, Any]:
        return {name: value for name, value in self.texts.items() if name != "list"}  # which is another step's


def _asks_for(fact: Fact, question: str) -> bool:
    """Whether a question names what it asks for, as whole words, and no number beside it: that would be an answer.

    One with a word that turns its sense round ("less often", "not") asks for something else. Such words are known in English alone; in
    other languages the answer to a question whose sense was turned stays wrong.
    """
    rest, names = question.translate(_QUOTES), [name.translate(_QUOTES) for name in fact.names]
    if not all(occurrences(name, rest) for name in names):
        return False
    for name in names:
        rest = re.sub(whole_words(name), " ", rest, flags=re.IGNORECASE)
    return not any(map(str.isdigit, rest)) and not _turning().search(rest)


@functools.cache
def _turning() -> re.Pattern[str]:
    words = flow_prompts("long/turning")["words"]
    return re.compile("|".join(map(whole_words, words)), re.IGNORECASE)


def _excerpt(text: str, characters: int) -> str:
    """The beginning of a text, to the end of the word that stands at so many characters."""
    end = text.find(" ", characters)
    return f"{text[:end].strip()}…" if end > 0 else text.strip()
