"""An entry under `recipes:` of a run: a recipe by its name or file, and what is changed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator

from rephrase.errors import UserError
from rephrase.recipes.lookup import is_file, matching, nearest_recipe
from rephrase.recipes.registry import Entry, recipes
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.single_steps import StepUse, names_of
from rephrase.settings.faults import fault
from rephrase.settings.nearest import nearest
from rephrase.settings.paths import check_path, resolve_path
from rephrase.settings.section import Section, as_list
from rephrase.settings.validation import nested
from rephrase.text.languages import SAME, is_language, language_tag

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

    from rephrase.recipes.base import Recipe


class Bounds(Section):
    """Least and greatest value, both included; null for none."""

    min: float | None = None
    max: float | None = None


class When(Section):
    """Which documents a recipe takes: those that fit every key that is given."""

    min_tokens: int = Field(default=0, ge=0)
    max_tokens: int | None = Field(default=None, ge=0)
    languages: Annotated[list[str], BeforeValidator(as_list)] = []
    """Codes, tags or English names: `en` fits `eng_Latn` and `en-US`, `zh` both `zho_Hans` and `zho_Hant`; `und` fits what has none."""
    sources: Annotated[list[str], BeforeValidator(as_list)] = []
    """Names or patterns with wildcards."""
    scores: dict[str, Bounds] = {}
    """Numbers in the documents' metadata, by key. A document that lacks the key does not fit."""
    labels: dict[str, Annotated[list[str], BeforeValidator(as_list)]] = {}
    """Labels by name, such as `topic: Science*`: values, or patterns with wildcards. A document that lacks the label does not fit."""


class RecipeUse(Section):
    """One recipe of the run: a name of the catalogue (`wrap/easy`, `mind/*`), or a YAML file of the user's."""

    use: str
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    """Tells several entries of one recipe apart: tables, checks and components know `wrap/qa` with `name: short` as `wrap/qa@short`."""
    options: dict[str, Any] = Field(default={}, validate_default=True)
    """Options of the recipe itself, such as EntiGraph's `triples`."""
    sampling: SamplingSection = SamplingSection()
    """Sampling fields that replace the recipe's."""
    engine: str | None = None
    """Which of the run's `engines` answers its prompts; default: `writer`, or the first of them."""
    steps: dict[str, StepUse] = Field(default={}, validate_default=True)
    """What is changed of single steps, by their names as `rephrase recipes show` tells them: `judge`, `gain0`; `gain` is all its rounds."""
    when: When | None = None
    """Which documents the recipe takes; default: all."""
    language: str | None = None
    """The language of what is written: `same` as the document's, or a code, tag or English name. Default: prompts say nothing of it."""
    document_first: bool = False
    """Begin each prompt with its passage: the styles of a passage then share the engine's prefix cache."""
    structured: bool = False
    """Ask for JSON where a step's parser can read such, and let the engine hold its completions to it."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"use": value}
        if isinstance(value, dict) and len(value) == 1 and "use" not in value and matching(name := next(iter(value))):
            raise fault(f"`{name}` stands where a key should", f"write {{use: {name}, options: …}}", (name,))
        if not isinstance(value, dict | RecipeUse):
            cure = "for example wrap/easy, or {use: wrap/easy, sampling: {temperature: 0.7}}"
            raise fault("a recipe is a name, or keys with values, of which `use` is the name", cure, value=value)
        return value

    @field_validator("use")
    @classmethod
    def _known(cls, use: str, info: ValidationInfo) -> str:
        check_path(use)
        if is_file(use):
            base = (info.context or {}).get("base")
            return resolve_path(use, base) if base is not None else use
        if not matching(use):
            raise fault(f"there is no recipe `{use}`", nearest_recipe(use), value=use)
        return use

    @field_validator("language")
    @classmethod
    def _a_language(cls, language: str | None) -> str | None:
        if language is None or language.strip().casefold() == SAME:
            return language and SAME
        if not is_language(language):
            raise fault(f"`{language}` is no language", "write `same`, or a code such as `de`, `eng_Latn` or `pt-BR`", value=language)
        return language_tag(language)

    @field_validator("options")
    @classmethod
    def _fitting(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        entries = entries_at_hand(info.data["use"]) if "use" in info.data else []
        if not entries:
            return options
        known = sorted({name for entry in entries for name in entry.options.model_fields})
        for name in options:
            if not known:
                raise fault("this recipe has no options", "remove `options`; `sampling` may be changed")
            if name not in known:
                raise fault(f"unknown option `{name}`", nearest(name, known), (name,))
        valid: dict[str, Any] = {}
        for entry in entries:
            try:
                section = entry.own_options(options, info.context)
            except ValidationError as failure:
                raise nested(failure, entry.options, cure=f"`rephrase recipes show {entry.name}` shows the options") from None
            valid |= section.model_dump(mode="json", exclude_unset=True)
        return {name: valid[name] for name in options}

    @field_validator("steps")
    @classmethod
    def _of_the_recipe(cls, steps: dict[str, StepUse], info: ValidationInfo) -> dict[str, StepUse]:
        if not steps or not {"use", "options", "sampling"} <= info.data.keys():
            return steps
        names = [name for recipe in _built(info) for step in recipe.steps for name in names_of(step)]
        for name in steps if names else ():
            if name not in names:
                raise fault(f"the recipe has no step `{name}`", nearest(name, dict.fromkeys(names), "its steps are"), (name,))
        return steps

    @property
    def engines(self) -> dict[tuple[str, ...], str]:
        """The names of engines that it gives, by the keys under which they stand."""
        names = {("engine",): self.engine} | {("steps", name, "engine"): step.engine for name, step in self.steps.items()}
        return {place: name for place, name in names.items() if name is not None}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        section = handler.resolve_ref_schema(handler(schema))
        entries = {name: entry for _, source in recipes.items() for name, entry in source.entries().items()}
        families = dict.fromkeys(name.split("/")[0] for name in entries)
        alone = [family for family in families if matching(family)]
        names = {"anyOf": [{"enum": [*entries, *alone]}, {"pattern": r"[*?\[]|\.ya?ml$"}]}
        needy = [name for name in [*entries, *alone] if any(_required(entry) for entry in matching(name))]
        section["properties"]["use"] |= names
        several = {name: matching(name) for name in (*entries, *(f"{family}/*" for family in families), *alone)}
        section["allOf"] = [_options_schema(name, chosen, handler) for name, chosen in several.items()]
        return {"anyOf": [{"type": "string", **names, "not": {"enum": needy}}, section]}


def _required(entry: Entry) -> list[str]:
    """The options without which a recipe cannot be."""
    return [name for name, field in entry.options.model_fields.items() if field.is_required()]


def _options_schema(name: str, entries: Sequence[Entry], handler: GetJsonSchemaHandler) -> Mapping[str, Any]:
    """What `options` may hold beside a name or pattern: an option of several of its recipes suits all of them."""
    known: dict[str, list[Any]] = {}
    for entry in entries:
        options = handler.resolve_ref_schema(handler(entry.options.__pydantic_core_schema__))
        for option, values in options.get("properties", {}).items():
            known.setdefault(option, []).append(values)
    required = sorted({option for entry in entries for option in _required(entry)})
    properties = {option: values[0] if len(values) == 1 else {"allOf": values} for option, values in known.items()}
    options = {"type": "object", "properties": properties, "additionalProperties": False, "required": required}
    below = {"properties": {"options": options}, **({"required": ["options"]} if required else {})}
    return {"if": {"properties": {"use": {"const": name}}}, "then": below}


def _built(info: ValidationInfo) -> list[Recipe]:
    """The recipes of an entry as far as it is valid; none where they cannot be built: whoever needs them will say so."""
    options, sampling = info.data["options"], info.data["sampling"]
    try:
        return [entry.build(entry.own_options(options, info.context), sampling) for entry in entries_at_hand(info.data["use"])]
    except (UserError, ValidationError):
        return []


def entries_at_hand(use: str) -> list[Entry]:
    """The recipes of an entry; none where they stand in a file of the user's that cannot be read yet: whoever needs it will say so."""
    try:
        return matching(use)
    except UserError:
        return []
