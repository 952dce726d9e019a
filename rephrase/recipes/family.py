"""Recipe files: a family of recipes in YAML, read into steps."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field

from rephrase import storage
from rephrase.config import SHIPPED_LISTS, Section, parse_yaml, validate, yaml_lines
from rephrase.engines.base import Sampling
from rephrase.errors import UserError
from rephrase.recipes.base import Paper, Recipe, RowSource
from rephrase.recipes.parsers import fields_given, parser_of
from rephrase.recipes.prompts import check, fill, names_in
from rephrase.recipes.template import TemplateStep
from rephrase.records import Document, content_id

_DOCUMENT = {"passage", "lines", "title", "url"}


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


Flows = dict[str, tuple[type[Section], Callable[[Any, SamplingSection], Recipe]]]
"""Recipes that are written in Python: by name, their options and what builds them."""


class Shared(Section):
    """What a family, a recipe of it and a step of that may all say; the inner one wins."""

    system: str | None = None
    sampling: SamplingSection = SamplingSection()
    parser: str | dict[str, dict[str, Any]] | None = None
    passage_tokens: int | Literal["document"] | None = None
    """Passages of at most so many tokens; or `document`, for documents whole."""
    retries: int | None = Field(default=None, ge=0)
    samples: int | None = Field(default=None, ge=1)
    drop_truncated: bool | None = None
    only_first: bool | None = None
    """Only the first passage of each document."""
    min_passage_tokens: int | None = Field(default=None, ge=0)
    """Shorter passages are left out."""
    first_characters: int | None = Field(default=None, ge=1)
    """Only so many characters at the beginning of each document; goes with `passage_tokens: document`."""


class Asked(Shared):
    """What a step says beside its prompt."""

    examples: list[tuple[str, str]] = []
    raw: bool = False
    choose: dict[str, str] = {}
    draws: int | str = 1
    text: str | None = None
    """The training text. Default: what the last step wrote; empty: none."""
    keep: dict[str, float] = {}


class StepSection(Asked):
    """One round of prompts."""

    name: str
    prompt: str
    of: str | None = None
    """The earlier step whose results are taken up; default: the step before, and for the first step passages."""
    each: bool = False


class RowsSection(Section):
    """Rows that do not come from the documents: one for each line of a list, or a number of random draws."""

    of: str | None = None
    """The option that holds the list."""
    count: str | None = None
    """The option that holds the number."""
    choose: dict[str, str] = {}
    subsets: dict[str, str] = {}
    """Names to fill, each with some of the items of a list, drawn at random: one at least, with semicolons between them."""
    text: str
    """What stands for the document's text."""


class Style(Asked):
    """One recipe of a family, of one step or of several; what it leaves out is the family's."""

    summary: str = ""
    paper: PaperSection | None = None
    options: dict[str, Any] = {}
    rows: RowsSection | None = None
    steps: list[StepSection] = []
    prompt: str | None = None


class FamilyFile(Shared):
    """A recipe file: a family with its styles."""

    family: str
    paper: PaperSection
    options: dict[str, Any] = {}
    neighbours: int = Field(default=0, ge=0, le=1)
    """1: each prompt also shows another document that names the same things, as `{neighbour}`; documents without one are left out."""
    styles: dict[str, Style] = Field(min_length=1)


@dataclass(frozen=True)
class ListRows(RowSource):
    """A row for each line of a list, or `count` rows with something drawn for each."""

    recipe: str
    text: str
    count: int
    lines: tuple[str, ...] = ()
    name: str = "item"
    choose: tuple[tuple[str, tuple[str, ...]], ...] = ()
    subsets: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def documents(self) -> Iterator[Document]:
        for number in range(self.count):
            values = {self.name: self.lines[number]} if self.lines else {}
            for name, pool in self.choose:
                drawn = random.Random(content_id(self.recipe, str(number), name))  # not a secret
                left = [item for item in pool if item not in values.values()]
                values[name] = drawn.choice(left or pool)
            for name, pool in self.subsets:
                drawn = random.Random(content_id(self.recipe, str(number), name))  # not a secret
                some = [item for item in pool if drawn.random() < 0.5]  # every subset is as likely as any other
                values[name] = "; ".join(some or [drawn.choice(pool)])
            text = fill(self.text, values)
            yield Document(content_id(self.recipe, str(number), text), text, source=f"rows:{self.recipe}", metadata=values)

    def describe(self) -> Any:
        pools = [*self.choose, *self.subsets]
        lists = content_id(*self.lines, *(item for _, pool in pools for item in pool))
        return [self.text, self.count, [name for name, _ in self.choose], lists, *([name] for name, _ in self.subsets)]


def read_family(text: str, where: str, options: Mapping[str, Any] | None = None, names: list[str] | None = None) -> dict[str, Recipe]:
    """The recipes of a recipe file, by full name. `options` replace those of the file, `names` picks some of its styles.

    Raises `UserError` with the line of what is wrong.
    """
    data = parse_yaml(text, where)
    lines = yaml_lines(text) if text.strip() else {}
    family: FamilyFile = validate(FamilyFile, data, where, lines)
    recipes = {}
    for name, style in family.styles.items():
        full = f"{family.family}/{name}"
        if names is not None and full not in names:
            continue
        recipes[full] = _recipe(full, family, style, options or {}, f"{where}, line {lines.get(('styles', name), 1)}")
    return recipes


def style_options(text: str, where: str) -> dict[str, dict[str, Any]]:
    """The options of each recipe of a file, with their defaults."""
    family: FamilyFile = validate(FamilyFile, parse_yaml(text, where), where)
    return {f"{family.family}/{name}": {**family.options, **style.options} for name, style in family.styles.items()}


def _recipe(full: str, family: FamilyFile, style: Style, given: Mapping[str, Any], spot: str) -> Recipe:
    options = _options({**family.options, **style.options}, given, spot)
    source = style.paper or family.paper
    if style.steps and (style.prompt or style.examples or style.choose or style.text or style.keep):
        raise UserError("a recipe has either `steps` or a `prompt` of its own", where=spot, cure="put the prompt into a step")
    if not style.steps and not style.prompt:
        raise UserError("the recipe has no prompt", where=spot, cure="give it a `prompt`, or `steps`")
    sections = style.steps or [_only_step(style)]
    rows = _rows(full, style.rows, options, spot) if style.rows else None
    known = {*options, *_DOCUMENT, *(["neighbour"] if family.neighbours else [])}
    if style.rows:
        known |= {"item", *style.rows.choose, *style.rows.subsets}
    steps: list[TemplateStep] = []
    for number, section in enumerate(sections):
        step = _step(section, family, style, options, steps, spot, last=number + 1 == len(sections))
        _check_names(step, steps, known, spot, grounded=rows is None)
        known |= {step.name, *(name for name, _ in step.choose), *fields_given(step.parser, step.parser_settings)}
        steps.append(step)
    return Recipe(full, Paper(source.title, source.url), tuple(steps), " ".join(style.summary.split()), rows, neighbours=family.neighbours)


def _only_step(style: Style) -> StepSection:
    return StepSection(name="rewrite", prompt=style.prompt or "", **{name: getattr(style, name) for name in Asked.__annotations__})


def _step(
    section: StepSection, family: FamilyFile, style: Style, options: Mapping[str, Any], before: list[TemplateStep], spot: str, *, last: bool
) -> TemplateStep:
    layers: tuple[Shared, ...] = (section, style, family)

    def first(name: str, default: Any) -> Any:
        return next((value for layer in layers if (value := getattr(layer, name)) is not None), default)

    if section.name in {step.name for step in before}:
        raise UserError(f"two steps are called `{section.name}`", where=spot, cure="give each its own name")
    of = section.of or (before[-1].name if before else None)
    if of is not None and of not in {step.name for step in before}:
        raise UserError(f"there is no step `{of}` before `{section.name}`", where=spot, cure="`of` names an earlier step")
    parser_name, settings = _parser(first("parser", "paraphrase"), spot)
    parser_of(parser_name, settings, spot)
    passage_tokens = first("passage_tokens", None)
    if isinstance(passage_tokens, int) and passage_tokens < 1:
        raise UserError(f"`passage_tokens` is {passage_tokens}", where=spot, cure="say how long passages may be, or `document`")
    if passage_tokens is None and of is None and style.rows is None:
        raise UserError("`passage_tokens` is missing", where=spot, cure="say how long passages may be, or `document`")
    for name in section.choose.values():
        if not isinstance(options.get(name), list):
            raise UserError(f"`{name}` is no list to choose from", where=spot, cure="name an option that holds a list")
    return TemplateStep(
        prompt=section.prompt.strip("\n") if section.raw else section.prompt.strip(),
        sampling=section.sampling.over(style.sampling.over(family.sampling.over(Sampling()))),
        passage_tokens=None if passage_tokens == "document" or style.rows is not None else passage_tokens,
        system=first("system", None) or None,
        name=section.name,
        parser=parser_name,
        parser_settings=settings,
        retries=first("retries", 0),
        samples=first("samples", 1),
        of=of,
        each=section.each,
        examples=tuple((asked.strip(), answered.strip()) for asked, answered in section.examples),
        raw=section.raw,
        choose=tuple(section.choose.items()),
        draws=_number(section.draws, options, spot),
        options={name: value for name, value in options.items() if _used(name, section, first("system", None) or "")},
        text=(section.text.strip() or None) if section.text is not None else (f"{{{section.name}}}" if last else None),
        keep=tuple(section.keep.items()),
        drop_truncated=first("drop_truncated", False),
        only_first=first("only_first", False),
        min_passage_tokens=first("min_passage_tokens", 0),
        first_characters=first("first_characters", None),
    )


def _used(name: str, section: StepSection, system: str) -> bool:
    return name in {*names_in(section.prompt), *names_in(system), *names_in(section.text or ""), *section.choose.values()}


def _check_names(step: TemplateStep, before: list[TemplateStep], known: set[str], spot: str, *, grounded: bool) -> None:
    filled = known | {name for name, _ in step.choose}
    if step.each:
        source = next(earlier for earlier in before if earlier.name == step.of)
        filled |= {"item", *source.parser_settings.get("fields", ())}
    required = {"passage"} if step.of is None and grounded else set()
    check(step.prompt.replace("{lines}", "{passage}{lines}"), filled, required, spot)
    check(step.system or "", filled, set(), spot)
    given = fields_given(step.parser, step.parser_settings)
    if unknown := [name for name, _ in step.keep if name not in given]:
        cure = f"it gives: {', '.join(given)}" if given else "for example `parser: score` with `keep: {score: 4}`"
        raise UserError(f"`keep` needs `{unknown[0]}`, which the parser `{step.parser}` does not give", where=spot, cure=cure)
    if step.text:
        check(step.text, filled | {step.name, *given}, set(), spot)


def _number(value: int | str, options: Mapping[str, Any], spot: str) -> int:
    found = options.get(value) if isinstance(value, str) else value
    if not isinstance(found, int) or found < 1:
        raise UserError(f"`{value}` is no number of at least 1", where=spot, cure="give a number, or the name of an option that holds one")
    return found


def _options(defaults: dict[str, Any], given: Mapping[str, Any], spot: str) -> dict[str, Any]:
    options = {name: given.get(name, default) for name, default in defaults.items()}
    for name, value in options.items():
        if value is None:
            raise UserError(f"the option `{name}` is missing", where=spot, cure=f"add `options: {{{name}: …}}`")
        default = defaults[name]
        if isinstance(value, str) and (isinstance(default, list) or _is_list(default)):
            options[name] = _lines(value)
        elif default is not None and not isinstance(default, (list, str)) and not isinstance(value, type(default)):
            raise UserError(f"the option `{name}` is {value!r}, not a number like {default!r}", where=spot, cure="give a number")
    return options


def _is_list(default: Any) -> bool:
    return isinstance(default, str) and default.startswith(SHIPPED_LISTS)


def _lines(path: str) -> list[str]:
    if path.startswith(SHIPPED_LISTS):
        text = files("rephrase.recipes").joinpath(path).read_text(encoding="utf-8")
    else:
        try:
            text = storage.read(path).decode()
        except FileNotFoundError as error:
            raise UserError("there is no such list", where=path, cure="a list is a text file with an item on each line") from error
    found = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not found:
        raise UserError("the list is empty", where=path, cure="a list is a text file with an item on each line")
    return list(dict.fromkeys(found))


def _rows(full: str, section: RowsSection, options: Mapping[str, Any], spot: str) -> ListRows:
    pools, subsets = (
        tuple((name, tuple(options.get(source) or ())) for name, source in lists.items()) for lists in (section.choose, section.subsets)
    )
    if section.of:
        lines = tuple(options.get(section.of) or ())
        return ListRows(full, section.text, len(lines), lines, "item", pools, subsets)
    if section.count is None:
        raise UserError("`rows` needs `of` or `count`", where=spot, cure="name the option that holds the list, or the number")
    return ListRows(full, section.text, _number(section.count, options, spot), choose=pools, subsets=subsets)


def _parser(parser: str | dict[str, dict[str, Any]], where: str) -> tuple[str, dict[str, Any]]:
    if isinstance(parser, str):
        return parser, {}
    if len(parser) != 1:
        raise UserError("a parser is one name with its settings", where=where, cure="for example `parser: {dialogue: {min_turns: 4}}`")
    [(name, settings)] = parser.items()
    return name, settings or {}
