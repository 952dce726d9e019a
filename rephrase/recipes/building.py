"""Recipes of a recipe file: what it says of one is put together as steps, and what does not hold together is told with its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from rephrase.engines.base import Sampling
from rephrase.recipes.base import Paper, Recipe
from rephrase.recipes.layers import Layers
from rephrase.recipes.list_rows import ListRows
from rephrase.recipes.parsers import FORMS, check_parser, fields_of_parser
from rephrase.recipes.parsing.form_bounds import bounds
from rephrase.recipes.prompts import check, names_in
from rephrase.recipes.sections import FamilyFile, PaperSection, RowsSection, SamplingSection, StepFields, StepSection, Style
from rephrase.recipes.template import REASONING, TemplateStep
from rephrase.settings.lines import Lines
from rephrase.settings.nearest import nearest

_DOCUMENT = ("passage", "lines", "title", "url")
_OF_LISTS = ("items", "objects")  # the parsers that give a list


def build_recipe(family: FamilyFile, name: str, options: Mapping[str, Any], sampling: SamplingSection, lines: Lines) -> Recipe:
    """The recipe of a style, with these options, lists in place of their files, and with a run's sampling over its own.

    Raises `UserError` with the line in the file for what does not hold together.
    """
    style, full = family.styles[name], f"{family.family}/{name}"
    source = style.paper or family.paper or PaperSection(title="", url="")
    outer = Layers((style, family), (("styles", name), ()), lines)
    _check_form(style, outer)
    rows = _rows(full, style.rows, options, outer) if style.rows else None
    known = {*options, *_DOCUMENT, *style.metadata, *(["neighbour"] if family.neighbours else [])}
    if style.rows:
        known |= {"item", *style.rows.choose, *style.rows.subsets}
    steps: list[TemplateStep] = []
    for number, section in enumerate(style.steps or [_only_step(style)]):
        place = ("styles", name, "steps", number) if style.steps else ("styles", name)
        layers = Layers((section, style, family), (place, *outer.places), lines)
        step = _step(section, layers, options, steps, last=number + 1 == max(len(style.steps), 1))
        _check_names(step, layers, steps, known, grounded=rows is None)
        fields = fields_of_parser(step.parser, step.parser_settings)
        if REASONING in names_in(step.text or "") and REASONING not in {*known, *fields, *dict(step.choose)}:
            step = replace(step, with_reasoning=True)
        known |= {step.name, *(name for name, _ in step.choose), *fields}
        steps.append(replace(step, sampling=sampling.over(step.sampling), metadata=tuple(style.metadata)))
    return Recipe(full, Paper(source.title, source.url), tuple(steps), " ".join(style.summary.split()), rows, neighbours=family.neighbours)


def _check_form(style: Style, outer: Layers) -> None:
    """Raise a `UserError` unless the recipe has steps or is one."""
    for key in ("prompt", "examples", "choose", "text", "keep", "structured") if style.steps else ():
        if getattr(style, key):
            raise outer.fault(f"a recipe has either `steps` or a `{key}` of its own", f"put the {key} into a step", key)
    if not style.steps and not style.prompt:
        raise outer.fault("the recipe has no prompt", "give it a `prompt`, or `steps`")


def _only_step(style: Style) -> StepSection:
    return StepSection(name="rewrite", prompt=style.prompt or "", **{name: getattr(style, name) for name in StepFields.__annotations__})


def _step(section: StepSection, layers: Layers, options: Mapping[str, Any], before: Sequence[TemplateStep], *, last: bool) -> TemplateStep:
    _, style, family = layers.sections
    first = layers.first
    if section.name in {step.name for step in before}:
        raise layers.fault(f"two steps are called `{section.name}`", "give each its own name", "name")
    parser, settings = _parser(layers)
    if section.structured and parser not in FORMS:
        cure = f"remove `structured`; parsers that can are: {', '.join(FORMS)}"
        raise layers.fault(f"answers for the parser `{parser}` cannot be held to JSON", cure, "structured")
    if section.structured and section.raw:
        raise layers.fault("a `raw` prompt cannot ask for JSON", "remove `structured`", "structured")
    has_own_rows = getattr(style, "rows", None) is not None
    of = _source(section, layers, before)
    passage_tokens = _passage_tokens(layers) if of is None and not has_own_rows else first("passage_tokens", None)
    for key, name in section.choose.items():
        _listed(name, options, layers, "choose", key)
    return TemplateStep(
        prompt=section.prompt.strip("\n") if section.raw else section.prompt.strip(),
        sampling=section.sampling.over(style.sampling.over(family.sampling.over(Sampling()))),
        passage_tokens=None if passage_tokens == "document" or has_own_rows else passage_tokens,
        system=first("system", None) or None,
        name=section.name,
        parser=parser,
        parser_settings=settings,
        retries=first("retries", bounds().retries if section.structured else 0),
        samples=first("samples", 1),
        of=of,
        each=section.each,
        examples=tuple((question.strip(), answer.strip()) for question, answer in section.examples),
        raw=section.raw,
        choose=tuple(section.choose.items()),
        draws=_number(section.draws, options, layers, "draws"),
        options={name: value for name, value in options.items() if _used(name, section, first("system", None) or "")},
        text=(section.text.strip() or None) if section.text is not None else (f"{{{section.name}}}" if last else None),
        keep=tuple(section.keep.items()),
        drop_truncated=first("drop_truncated", False),
        only_first=first("only_first", False),
        min_passage_tokens=first("min_passage_tokens", 0),
        first_characters=first("first_characters", None),
        structured=section.structured,
    )


def _source(section: StepSection, layers: Layers, before: Sequence[TemplateStep]) -> str | None:
    """The earlier step whose results are taken up; None for the first step, which takes passages."""
    by_name = {step.name: step for step in before}
    of = section.of or (before[-1].name if before else None)
    if of is not None and of not in by_name:
        cure = nearest(of, by_name, "earlier steps") if by_name else "take it out: the first step works on passages"
        raise layers.fault(f"there is no step `{of}` before `{section.name}`", cure, "of")
    if section.each and of is None:
        raise layers.fault("`each` takes the list of an earlier step apart, and there is none", "take it out", "each")
    if section.each and of is not None and by_name[of].parser not in _OF_LISTS:
        what = f"`each` takes a list apart, and the parser `{by_name[of].parser}` of the step `{of}` gives none"
        raise layers.fault(what, f"give that step one of the parsers {', '.join(_OF_LISTS)}, or take `each` out", "each")
    return of


def _parser(layers: Layers) -> tuple[str, dict[str, Any]]:
    """Name and settings of the step's parser."""
    parser: str | dict[str, dict[str, Any] | None] = layers.first("parser", "paraphrase")
    if not isinstance(parser, str) and len(parser) != 1:
        cure = "for example `parser: {dialogue: {min_turns: 4}}`"
        raise layers.fault("a parser is one name with its settings", cure, "parser")
    [(name, settings)] = [(parser, None)] if isinstance(parser, str) else parser.items()
    check_parser(name, settings or {}, layers.lines, layers.place("parser"))
    return name, settings or {}


def _passage_tokens(layers: Layers) -> int | Literal["document"]:
    """What a step on passages says of their length."""
    passage_tokens: int | Literal["document"] | None = layers.first("passage_tokens", None)
    shortest = layers.first("min_passage_tokens", 0)
    if passage_tokens is None:
        raise layers.fault("`passage_tokens` is missing", "say how long passages may be, such as 300, or `document`")
    if isinstance(passage_tokens, int) and shortest > passage_tokens:
        what = f"passages of {passage_tokens} tokens at most are all shorter than {shortest}"
        raise layers.fault(what, "ask for less, or give longer passages", "min_passage_tokens")
    return passage_tokens


def _used(name: str, section: StepSection, system: str) -> bool:
    return name in {*names_in(section.prompt), *names_in(system), *names_in(section.text or ""), *section.choose.values()}


def _check_names(step: TemplateStep, layers: Layers, before: Sequence[TemplateStep], known: set[str], *, grounded: bool) -> None:
    filled = known | {name for name, _ in step.choose}
    if step.each:
        source = next(earlier for earlier in before if earlier.name == step.of)
        filled |= {"item", *source.parser_settings.get("fields", ())}
    required = {"passage"} if step.of is None and grounded else set()
    check(step.prompt.replace("{lines}", "{passage}{lines}"), filled, required, layers.where("prompt"))
    check(step.system or "", filled, set(), layers.where("system"))
    fields = fields_of_parser(step.parser, step.parser_settings)
    for name in (name for name, _ in step.keep if name not in fields):
        cure = nearest(name, fields, "it gives") if fields else "for example `parser: score` with `keep: {score: 4}`"
        raise layers.fault(f"the parser `{step.parser}` gives no `{name}`", cure, "keep", name)
    if step.text:
        check(step.text, filled | {step.name, *fields, REASONING}, set(), layers.where("text"))


def _number(value: int | str, options: Mapping[str, Any], layers: Layers, *key: str) -> int:
    number = options.get(value) if isinstance(value, str) else value
    if isinstance(value, str) and value not in options:
        raise layers.fault(f"there is no option `{value}`", nearest(value, options) if options else "give a number", *key)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        of_option = f"the option `{value}` is {number!r}" if isinstance(value, str) else f"it is {number}"
        raise layers.fault(f"{of_option}, no number of at least 1", "give one, or the name of an option that holds one", *key)
    return number


def _listed(name: str, options: Mapping[str, Any], layers: Layers, *key: str) -> tuple[Any, ...]:
    if not isinstance(options.get(name), list):
        lists = [option for option, value in options.items() if isinstance(value, list)]
        raise layers.fault(f"`{name}` is no option that holds a list", nearest(name, lists, "lists are"), *key)
    if not options[name]:
        raise layers.fault(f"the option `{name}` is an empty list", "give it an item or more", *key)
    return tuple(options[name])


def _rows(full: str, section: RowsSection, options: Mapping[str, Any], outer: Layers) -> ListRows:
    def listed(name: str, *key: str) -> tuple[Any, ...]:
        return _listed(name, options, outer, "rows", *key)

    pools = tuple((name, listed(source, "choose", name)) for name, source in section.choose.items())
    subsets = tuple((name, listed(source, "subsets", name)) for name, source in section.subsets.items())
    names = {*section.choose, *section.subsets, *(["item"] if section.of else [])}
    check(section.text, names, set(), outer.where("rows", "text"))
    if section.of:
        lines = listed(section.of, "of")
        return ListRows(full, section.text, len(lines), lines, "item", pools, subsets)
    if section.count is None:
        raise outer.fault("`rows` needs `of` or `count`", "name the option that holds the list, or the number", "rows")
    return ListRows(full, section.text, _number(section.count, options, outer, "rows", "count"), choose=pools, subsets=subsets)
