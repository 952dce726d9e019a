"""What recipe files say, as typed sections."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from rephrase.engines.base import Sampling
from rephrase.settings.section import Section


class PaperSection(Section):
    """Where the method comes from."""

    title: str
    url: str


class SamplingSection(Section):
    """Sampling of a recipe; see `rephrase.engines.base.Sampling`."""

    max_tokens: int | None = Field(default=None, ge=1)
    """At most so many tokens a completion."""
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=-1)
    min_p: float | None = Field(default=None, ge=0, le=1)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    repetition_penalty: float | None = Field(default=None, gt=0)
    stop: list[str] | None = None
    ignore_eos: bool | None = None
    least_tokens: int | None = Field(default=None, ge=1)
    """So many tokens are enough for a completion whose prompt leaves no room for `max_tokens` in the model's context: it then may have what
    is left. Default: all of `max_tokens`, and a prompt that leaves less is `prompt_too_long`."""

    @model_serializer(mode="wrap")
    def _set_fields(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in fields(self).items() if value is not None}

    def over(self, base: Sampling) -> Sampling:
        """`base` with the fields that are set here replaced."""
        fields = self.model_dump()
        if "stop" in fields:
            fields["stop"] = tuple(fields["stop"])
        return replace(base, **fields)


class Shared(Section):
    """What a family, a recipe of it and a step of that may all say; the inner one wins."""

    system: str | None = None
    """What the model is told before the prompt; may hold options in braces."""
    sampling: SamplingSection = SamplingSection()
    """Sampling fields; each that is given replaces the outer one's."""
    parser: str | dict[str, dict[str, Any]] | None = None
    """How a completion becomes text: a parser's name, or `{NAME: settings}`. Default: paraphrase."""
    passage_tokens: Annotated[int, Field(ge=1)] | Literal["document"] | None = None
    """Passages of at most so many tokens; or `document`, for documents whole."""
    retries: int | None = Field(default=None, ge=0)
    """How often a completion that does not parse is asked for again, with another seed. Default: 0."""
    samples: int | None = Field(default=None, ge=1)
    """Completions a prompt. Default: 1."""
    drop_truncated: bool | None = None
    """A completion that was cut at `max_tokens` is an error; in steps without training text it always is."""
    only_first: bool | None = None
    """Only the first passage of each document."""
    min_passage_tokens: int | None = Field(default=None, ge=0)
    """Shorter passages are left out."""
    first_characters: int | None = Field(default=None, ge=1)
    """Only so many characters at the beginning of each document; goes with `passage_tokens: document`."""


class StepFields(Shared):
    """What a step says beside its prompt: a recipe of one step says it itself."""

    examples: list[tuple[str, str]] = []
    """Worked examples: what a user asks, and what is answered."""
    raw: bool = False
    """Plain text for a model without a chat template."""
    choose: dict[str, str] = {}
    """Names to fill in the prompt, and the option whose list each is drawn from."""
    draws: Annotated[int, Field(ge=1)] | str = 1
    """Prompts, each with its own draw: a number, or the option that holds it."""
    text: str | None = None
    """The training text. Default: what the last step wrote; empty: none. `{reasoning}` is what the step's model wrote before its answer."""
    keep: dict[str, float] = {}
    """Fields of the parser with the least value that is not rejected, such as a score."""
    structured: bool = False
    """Hold completions to JSON, for parsers that read such: items, objects, sections, score, label, questions, diverse_questions."""


class StepSection(StepFields):
    """One round of prompts."""

    name: str
    """Later prompts use what the step wrote by this name, in braces."""
    prompt: str
    """Names in braces are filled: passage, lines, title, url, options, choices, earlier steps and their fields."""
    of: str | None = None
    """The earlier step whose results are taken up; default: the step before, and for the first step passages."""
    each: bool = False
    """A prompt for each item of that step's list."""


class RowsSection(Section):
    """Rows that do not come from the documents: one for each line of a list, or a number of random draws."""

    of: str | None = None
    """The option that holds the list."""
    count: str | None = None
    """The option that holds the number."""
    choose: dict[str, str] = {}
    """Names to fill in `text`, and the option whose list each is drawn from."""
    subsets: dict[str, str] = {}
    """Names to fill, each with some of the items of a list, drawn at random: one at least, with semicolons between them."""
    text: str
    """What stands for the document's text."""


class Style(StepFields):
    """One recipe of a family, of one step or of several; what it leaves out is the family's."""

    summary: str = ""
    """What it writes, for lists of recipes."""
    paper: PaperSection | None = None
    """Where this one comes from, if not from the family's paper."""
    options: dict[str, Any] = {}
    """Further options, or other defaults for the family's."""
    metadata: list[str] = []
    """Keys of the documents' metadata that prompts use by name, in braces; a document that lacks one is an error. `input.fields.also` keeps
    such fields of the input."""
    rows: RowsSection | None = None
    steps: list[StepSection] = []
    """Several rounds of prompts, one after the other. A step may also say all that a recipe of one step says."""
    prompt: str | None = None
    """Of a recipe of one step. Names in braces are filled: passage, lines, title, url, options, choices."""


class FamilyFile(Shared):
    """A recipe file: a family with its styles."""

    family: str
    """The part of the recipes' names before the slash."""
    paper: PaperSection | None = None
    """Where the method comes from; recipes of your own may do without."""
    options: dict[str, Any] = {}
    """Options of all its recipes with their defaults, which prompts use in braces and runs may change; null: a run must give it."""
    neighbours: int = Field(default=0, ge=0, le=1)
    """1: each prompt also shows another document that names the same things, as `{neighbour}`; documents without one are left out."""
    styles: dict[str, Style] = Field(min_length=1)
    """The recipes, by the part of their names after the slash. Each may also say what stands above for all of them."""
