"""Recipes of one prompt a passage, as a YAML file describes them: WRAP, MIND, and whatever users write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import Field

from rephrase.config import Section, parse_yaml, validate, yaml_lines
from rephrase.engines.base import Completion, Message, Sampling
from rephrase.errors import UserError
from rephrase.recipes.base import Paper, Parsed, Prompt, Recipe, Row, Step
from rephrase.recipes.parsers import parser_of
from rephrase.recipes.prompts import check, fill
from rephrase.text.passages import split_passages
from rephrase.text.tokenizer import Tokenizer

_KNOWN = {"passage", "title", "url"}
_ABOVE = "(the text above the line)"


class PaperSection(Section):
    """Where the method comes from."""

    title: str
    url: str


class SamplingSection(Section):
    """Sampling of a recipe; see `rephrase.engines.base.Sampling`."""

    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    stop: list[str] | None = None
    ignore_eos: bool | None = None

    def over(self, base: Sampling) -> Sampling:
        """`base` with the fields that are set here replaced."""
        given = self.model_dump(exclude_none=True)
        if "stop" in given:
            given["stop"] = tuple(given["stop"])
        return replace(base, **given)


class Style(Section):
    """One recipe of a family; what it leaves out is the family's."""

    summary: str = ""
    system: str | None = None
    prompt: str
    passage_tokens: int | None = Field(default=None, ge=1)
    sampling: SamplingSection = SamplingSection()
    parser: str | dict[str, dict[str, Any]] | None = None


class FamilyFile(Section):
    """A recipe file: a family with its styles."""

    family: str
    paper: PaperSection
    passage_tokens: int = Field(ge=1)
    sampling: SamplingSection = SamplingSection()
    system: str | None = None
    parser: str | dict[str, dict[str, Any]]
    retries: int = Field(default=0, ge=0)
    samples: int = Field(default=1, ge=1)
    styles: dict[str, Style] = Field(min_length=1)


@dataclass(frozen=True)
class PassageStep(Step):
    """One prompt for each passage of a document."""

    system: str | None
    prompt: str
    passage_tokens: int
    sampling: Sampling
    parser: str
    parser_settings: dict[str, Any]
    retries: int = 0
    samples: int = 1
    name: str = field(default="rewrite")

    @property
    def prefix(self) -> str | None:
        return f"passage {self.passage_tokens}" if self.prompt.startswith("{passage}") and not self.system else None

    def document_first(self) -> PassageStep:
        """The same step with its passage at the very beginning of the prompt, and all that is said about it after a line."""
        if self.prefix:
            return self
        instruction = "\n\n".join(filter(None, [self.system, self.prompt.replace("{passage}", _ABOVE)]))
        return replace(self, system=None, prompt=f"{{passage}}\n\n---\n{instruction}")

    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        document = row.document
        for passage in split_passages(document.text, tokenizer, self.passage_tokens, document.language):
            values = {
                "passage": document.text[passage.start : passage.end],
                "title": document.metadata.get("title", ""),
                "url": document.url or "",
            }
            turns = [Message("system", self.system)] if self.system else []
            turns.append(Message("user", fill(self.prompt, values)))
            yield Prompt(tuple(turns), (passage.start, passage.end), self.sampling)

    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt
        return parser_of(self.parser, self.parser_settings, self.name)(completion.text, tokenizer)

    def describe(self) -> dict[str, Any]:
        return {
            "system": self.system,
            "prompt": self.prompt,
            "passage_tokens": self.passage_tokens,
            "sampling": self.sampling.fields(),
            "parser": {self.parser: self.parser_settings},
        }


def read_family(text: str, where: str) -> dict[str, Recipe]:
    """The recipes of a recipe file, by full name. Raises `UserError` with the line of what is wrong."""
    lines = yaml_lines(text) if text.strip() else {}
    file: FamilyFile = validate(FamilyFile, parse_yaml(text, where), where, lines)
    paper = Paper(file.paper.title, file.paper.url)
    recipes = {}
    for name, style in file.styles.items():
        spot = f"{where}, line {lines.get(('styles', name), 1)}"
        check(style.prompt, _KNOWN, {"passage"}, spot)
        parser = style.parser or file.parser
        parser_name, settings = (parser, {}) if isinstance(parser, str) else _only(parser, spot)
        parser_of(parser_name, settings, spot)
        step = PassageStep(
            system=style.system or file.system,
            prompt=style.prompt.strip(),
            passage_tokens=style.passage_tokens or file.passage_tokens,
            sampling=style.sampling.over(file.sampling.over(Sampling())),
            parser=parser_name,
            parser_settings=settings,
            retries=file.retries,
            samples=file.samples,
        )
        full = f"{file.family}/{name}"
        recipes[full] = Recipe(full, paper, (step,), " ".join(style.summary.split()))
    return recipes


def _only(parser: dict[str, dict[str, Any]], where: str) -> tuple[str, dict[str, Any]]:
    if len(parser) != 1:
        raise UserError("a parser is one name with its settings", where=where, cure="for example `parser: {dialogue: {min_turns: 4}}`")
    [(name, settings)] = parser.items()
    return name, settings or {}
