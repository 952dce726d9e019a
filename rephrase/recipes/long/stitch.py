"""Several rewrites of a document, in styles drawn for each, joined into one long text (megadocs, arXiv 2603.18534)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import override

from rephrase.engines.base import Completion, Message, Sampling
from rephrase.recipes.base import Answer, Output, Paper, Parsed, Prompt, Recipe, Row, whole_text
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.parsing.common import own_text
from rephrase.recipes.part_step import PartStep
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.records import content_id
from rephrase.settings.faults import fault
from rephrase.settings.section import Section
from rephrase.text.stitching import drawn_order, stitch
from rephrase.text.tokenizer import Tokenizer

NAME = "long/stitch"


class Options(Section):
    """Options of the recipe `long/stitch`."""

    rewrites: int = Field(default=8, ge=1)
    """Of a document. The paper's gain grows up to 32."""
    styles: list[str] | None = Field(default=None, min_length=1)
    """From which each rewrite draws its own: those of the recipe's file by default. Each fits after "Write the passage anew:"."""
    part_tokens: int = Field(default=2000, ge=1)
    """A longer document is rewritten in parts of so many tokens, each rewrite in one style throughout."""
    tokens: int = Field(default=131072, ge=1)
    """At most so many tokens a text of two pieces and more; what is over begins the next one, and what is left alone is left out."""
    original: Literal["last", "first", "none"] = "last"
    """Where the document itself stands."""
    joints: list[str] | None = Field(default=None, min_length=1)
    """What stands between two texts, drawn for each place. Default: an empty line."""
    least: int = Field(default=2, ge=1)
    """Rewrites without an error that a text needs: with fewer, `rejected:too_few`."""

    @model_validator(mode="after")
    def _enough(self) -> Options:
        if self.least > self.rewrites:
            raise fault(f"`least` {self.least} is above `rewrites` {self.rewrites}", "no text could have so many", ("least",), self.least)
        return self


@recipe(NAME, Options, file="long/stitch")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    texts = flow_prompts("long/stitch")
    base = sampling.over(Sampling(max_tokens=texts["max_tokens"], temperature=texts["temperature"]))
    summary = "Several rewrites of a document in drawn styles, and the document, joined into one long text."
    return Recipe(NAME, Paper(**texts["paper"]), (Rewrites(options, base, texts),), summary)


@dataclass(frozen=True)
class Rewrites(PartStep[Options]):
    """A prompt for each part of each rewrite, and one text of all."""

    name = "rewrite"

    @property
    @override
    def load(self) -> str:
        return f"{self.options.rewrites} for each part of {self.options.part_tokens} tokens"

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        style = max(bounds.of_texts([style]) for style in self._styles)
        return bounds.of_texts([self.texts["system"], self.texts["prompt"]]) + style + bounds.passage

    @property
    def _styles(self) -> list[str]:
        styles: list[str] = self.options.styles or self.texts["styles"]
        return styles

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        passages = self.parts(row, tokenizer)
        for number in range(self.options.rewrites):
            style = self._style(row, number)
            for part, passage in enumerate(passages):
                values = {"style": style, "passage": row.document.text[passage.start : passage.end]}
                turns = (Message("system", self.texts["system"].strip()), Message("user", fill(self.texts["prompt"].strip(), values)))
                own = {"number": number, "style": style, "passage": values["passage"], "tokenizer": tokenizer}
                yield Prompt(turns, (passage.start, passage.end), self.sampling, key=f"{number}:{part}", values=own)

    def _style(self, row: Row, number: int) -> str:
        """Styles in a drawn order, each as often as the others to within one."""
        styles = self._styles
        order = drawn_order(styles, row.document.id, str(number // len(styles)))
        return styles[order[number % len(styles)]]

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        parsed = whole_text(completion, lambda text: own_text(text, prompt.values["passage"]))
        return parsed if parsed.text is None else Parsed(fields={"style": prompt.values["style"], "written": parsed.text})

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        yield from (Output(answer, answer.parsed) for answer in answers)
        by_rewrite: dict[int, list[Answer]] = {}
        for answer in answers:
            by_rewrite.setdefault(answer.prompt.values["number"], []).append(answer)
        whole = [parts for parts in by_rewrite.values() if not any(part.parsed.error for part in parts)]
        if not answers:
            return
        span = (0, len(row.document.text))
        if len(whole) < self.options.least:
            yield Output(answers[-1], Parsed(error="rejected:too_few"), part=1, span=span)
            return
        texts = ["\n\n".join(part.parsed.fields["written"] for part in parts) for parts in whole]
        pieces = [texts[place] for place in drawn_order([parts[0].prompt.key for parts in whole], row.document.id)]
        original = row.document.text.strip()
        if self.options.original == "last":
            pieces.append(original)
        elif self.options.original == "first":
            pieces.insert(0, original)
        joints = self.options.joints or self.texts["joints"]
        made = stitch(pieces, whole[-1][-1].prompt.values["tokenizer"], self.options.tokens, joints, content_id(row.document.id))
        for part, text in enumerate((text for text in made if len(text.pieces) > 1), 1):
            yield Output(whole[-1][-1], Parsed(text=text.text, fields={"rewrites": len(whole), "tokens": text.n_tokens}), part, span)
