"""A pyramid of summaries: of parts, of neighbouring summaries, and so on until one is left (arXiv 2109.10862, 2310.00785)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Answer, Numbered, Output, Paper, Parsed, Prompt, Recipe, Row, whole_text
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.long.pyramid import Node, told
from rephrase.recipes.parsing.common import own_text
from rephrase.recipes.part_step import PartStep
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.template import fields_of
from rephrase.records import Generation, content_id
from rephrase.settings.section import Section
from rephrase.text.tokenizer import Tokenizer

NAME = "long/summaries"
_WORDS_OF_TOKENS = 0.65  # words that a model is asked for, of the tokens that it may write (BooookScore's code)


class Options(Section):
    """Options of the recipe `long/summaries`."""

    part_tokens: int = Field(default=2048, ge=1)
    """Tokens of a part, and of the summaries that become one; two summaries at least, however long."""
    summary_tokens: int = Field(default=300, ge=16)
    """A summary is asked to have so many tokens at most, told in words; one of twice as many is cut: `parse:truncated`."""
    levels: int = Field(default=6, ge=1, le=12)
    """Steps of the recipe. A document with more than one summary left after these gives `rejected:levels`."""
    layouts: list[Literal["up", "down", "summaries"]] = Field(default=["up", "down"], min_length=1)
    """One is drawn for each document: summaries behind what they summarise, before it, or without the document."""


@recipe(NAME, Options, file="long/summaries")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    texts = flow_prompts("long/summaries")
    base = sampling.over(Sampling(max_tokens=2 * options.summary_tokens, temperature=0.7, top_p=0.95))
    steps = tuple(Level(options, base, texts, number) for number in range(options.levels))
    summary = "A long document with summaries of its parts, of these summaries, and so on to one of the whole."
    return Recipe(NAME, Paper(**texts["paper"]), steps, summary)


@dataclass(frozen=True)
class Level(PartStep[Options], Numbered):
    """The summaries of one level. The step that comes to a single one gives the text."""

    number: int
    kind = "level"
    per_result = 0.5  # a summary is of two at least

    @property
    @override
    def load(self) -> str:
        above = f"1 for each {self.options.part_tokens} tokens of summaries, while there are two"
        return above if self.number else super().load

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        shown = max(self.options.part_tokens, 2 * self.sampling.max_tokens) + 16
        return bounds.of_texts([self.texts["merge" if self.number else "passage"]]) + shown

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        words = str(round(self.options.summary_tokens * _WORDS_OF_TOKENS))
        if self.number == 0:
            for place, passage in enumerate(self.parts(row, tokenizer)):
                text = row.document.text[passage.start : passage.end]
                prompt = fill(self.texts["passage"].strip(), {"text": text, "words": words})
                yield Prompt.from_user(prompt, (passage.start, passage.end), self.sampling, str(place), values={"shown": text})
            return
        below = [summary for summary in row.earlier[self.steps_before[-1]] if summary.text is None]  # the other is the whole pyramid
        if len(below) < 2 or any(summary.error for summary in below):
            return
        summaries = [fields_of(summary)["summary"] for summary in below]
        for place, (first, last) in enumerate(groups(tokenizer.count(summaries), self.options.part_tokens)):
            text = "\n\n".join(summaries[first:last])
            prompt = fill(self.texts["merge"].strip(), {"text": text, "words": words})
            span = (below[first].span_start, below[last - 1].span_end)
            lineage = tuple(summary.id for summary in below[first:last])
            yield Prompt.from_user(prompt, span, self.sampling, str(place), lineage, {"shown": text})

    @property
    def steps_before(self) -> list[str]:
        """The names of the levels below, from the lowest."""
        return [f"{self.kind}{number}" for number in range(self.number)]

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        parsed = whole_text(completion, lambda text: own_text(text, prompt.values["shown"]))
        return parsed if parsed.text is None else Parsed(fields={"summary": parsed.text})

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        yield from (Output(answer, answer.parsed) for answer in answers)
        if any(answer.parsed.error for answer in answers):
            return
        whole = (0, len(row.document.text))
        if len(answers) == 1:
            levels = [[_node(summary) for summary in row.earlier[name]] for name in self.steps_before]
            [answer] = answers
            top = Node(answer.prompt.span, answer.parsed.fields["summary"])
            layout = self.options.layouts[int(content_id(row.document.id, "layout"), 16) % len(self.options.layouts)]
            text = told([*levels, [top]], row.document.text, layout, self.texts["names"])
            counts = [*map(len, levels), 1]
            yield Output(answer, Parsed(text=text, fields={"layout": layout, "levels": counts}), part=1, span=whole)
        elif answers and self.number == self.options.levels - 1:
            yield Output(answers[-1], Parsed(error="rejected:levels"), part=1, span=whole)


def groups(counts: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Neighbouring texts of at most `most` tokens together, but two at least, as ranges of their places; a last one joins those before it.

    >>> groups([300, 300, 300, 300, 300], 700), groups([900, 900], 700), groups([300], 700)
    ([(0, 2), (2, 5)], [(0, 2)], [(0, 1)])
    """
    made: list[tuple[int, int]] = []
    first = 0
    while first < len(counts):
        last, total = min(first + 2, len(counts)), sum(counts[first : first + 2])
        while last < len(counts) and total + counts[last] <= most:
            total += counts[last]
            last += 1
        if last == len(counts) - 1:  # a summary of one summary would say nothing new
            last += 1
        made.append((first, last))
        first = last
    return made


def _node(summary: Generation) -> Node:
    return Node(summary.span, fields_of(summary)["summary"])
