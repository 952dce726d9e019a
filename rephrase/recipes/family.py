"""Recipe files: a family of recipes in YAML, read into steps."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib.resources import files
from typing import Any

from pydantic import StrictBool, StrictFloat, StrictInt, create_model

from rephrase import storage
from rephrase.engines.base import Sampling
from rephrase.errors import UserError
from rephrase.recipes.base import Paper, Recipe
from rephrase.recipes.list_rows import ListRows, read_list
from rephrase.recipes.parsers import fields_of_parser, parser_of
from rephrase.recipes.prompts import check, names_in
from rephrase.recipes.registry import Entry
from rephrase.recipes.sections import FamilyFile, PaperSection, RowsSection, SamplingSection, Shared, StepFields, StepSection, Style
from rephrase.recipes.template import REASONING, TemplateStep
from rephrase.settings.paths import SHIPPED_LISTS, ListFile
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import MOST_BYTES, read_yaml, too_long

_DOCUMENT = {"passage", "lines", "title", "url"}


@dataclass(frozen=True)
class RecipeFile:
    """A recipe file: of a package, for users' packages as for ours, or the user's own, local or `s3://`."""

    path: str
    package: str | None = None

    def entries(self) -> Mapping[str, Entry]:
        """The recipes of the file by full name. Raises `UserError` for a file that is not there, and with the line of what is wrong."""
        return _entries(self._text(), self.path if self.package is None else self.path.rsplit("/", 1)[-1])

    def _text(self) -> str:
        if self.package is not None:
            return files(self.package).joinpath(self.path).read_text(encoding="utf-8")
        try:
            with storage.open_stream(self.path) as stream:
                content = stream.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise too_long(self.path)
            return content.decode()
        except FileNotFoundError as error:
            raise UserError("there is no such recipe file", where=self.path, cure="check the path") from error
        except UnicodeDecodeError as error:
            raise UserError(f"the recipe file is no text in UTF-8: {error.reason}", where=self.path, cure="check the path") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"cannot read the recipe file: {reason}", where=self.path, cure="check the path") from error


@lru_cache(maxsize=64)
def _entries(text: str, where: str) -> Mapping[str, Entry]:
    data, places = read_yaml(text, where)
    family: FamilyFile = validate(FamilyFile, data, where, places, cure="`docs/recipes.md` tells the keys of recipe files")
    entries = {}
    for name, style in family.styles.items():
        full = f"{family.family}/{name}"
        spot = places.get(("styles", name), where)
        options = options_section(full, {**family.options, **style.options})
        entries[full] = Entry(full, options, partial(_build, full=full, family=family, style=style, spot=spot))
    return entries


def options_section(recipe: str, defaults: Mapping[str, Any]) -> type[Section]:
    """The class of a recipe's options, by the types of their defaults. A default of null makes an option required."""
    fields: dict[str, Any] = {name: (_type_of(default), ... if default is None else default) for name, default in defaults.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an option may be called as a method of pydantic's is, such as `copy`
        section: type[Section] = create_model(f"Options of {recipe}", __base__=Section, **fields)
    section.__doc__ = f"Options of `{recipe}`."
    return section


def _type_of(default: Any) -> Any:
    if isinstance(default, list) or _is_list(default):
        return list[Any] | ListFile
    by_type = {bool: StrictBool, int: StrictInt, float: StrictFloat, str: str | list[Any]}
    return by_type.get(type(default), Any)


def _build(options: Section, sampling: SamplingSection, *, full: str, family: FamilyFile, style: Style, spot: str) -> Recipe:
    recipe = _recipe(full, family, style, _with_lists(options.model_dump(), {**family.options, **style.options}), spot)
    steps = tuple(replace(step, sampling=sampling.over(step.sampling)) for step in recipe.steps if isinstance(step, TemplateStep))
    return replace(recipe, steps=steps)


def _recipe(full: str, family: FamilyFile, style: Style, options: Mapping[str, Any], spot: str) -> Recipe:
    source = style.paper or family.paper or PaperSection(title="", url="")
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
        fields = fields_of_parser(step.parser, step.parser_settings)
        if REASONING in names_in(step.text or "") and REASONING not in {*known, *fields, *dict(step.choose)}:
            step = replace(step, with_reasoning=True)
        known |= {step.name, *(name for name, _ in step.choose), *fields}
        steps.append(step)
    return Recipe(full, Paper(source.title, source.url), tuple(steps), " ".join(style.summary.split()), rows, neighbours=family.neighbours)


def _only_step(style: Style) -> StepSection:
    return StepSection(name="rewrite", prompt=style.prompt or "", **{name: getattr(style, name) for name in StepFields.__annotations__})


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
        examples=tuple((question.strip(), answer.strip()) for question, answer in section.examples),
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
    fields = fields_of_parser(step.parser, step.parser_settings)
    if unknown := [name for name, _ in step.keep if name not in fields]:
        cure = f"it gives: {', '.join(fields)}" if fields else "for example `parser: score` with `keep: {score: 4}`"
        raise UserError(f"`keep` needs `{unknown[0]}`, which the parser `{step.parser}` does not give", where=spot, cure=cure)
    if step.text:
        check(step.text, filled | {step.name, *fields, REASONING}, set(), spot)


def _number(value: int | str, options: Mapping[str, Any], spot: str) -> int:
    number = options.get(value) if isinstance(value, str) else value
    if not isinstance(number, int) or number < 1:
        raise UserError(f"`{value}` is no number of at least 1", where=spot, cure="give a number, or the name of an option that holds one")
    return number


def _with_lists(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The options with the lists in place of the files that hold them."""
    lists = {name for name, default in defaults.items() if isinstance(default, list) or _is_list(default)}
    return {name: read_list(value) if name in lists and isinstance(value, str) else value for name, value in options.items()}


def _is_list(default: Any) -> bool:
    return isinstance(default, str) and default.startswith(SHIPPED_LISTS)


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
