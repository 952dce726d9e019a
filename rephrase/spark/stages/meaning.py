"""What the rows of a table depend on, and what of it is said by nobody: settings at their default.

A setting at its default does not enter a stage's digest, so that one that a later version adds changes nothing. Meanings are compared with
all defaults of this version spelled out, so that one whose default has changed is still told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args, get_origin

import orjson
from typing_extensions import override

from rephrase.recipes.naming import fits
from rephrase.records import content_id
from rephrase.settings.validation import sections_of

if TYPE_CHECKING:
    from rephrase.settings.section import Section


class Defaults:
    """The values that keys of a mapping have where nobody sets them, and the defaults of what stands below its keys.

    Of a list, they are those of each of its mappings.
    """

    def __init__(self, values: Mapping[str, Any] | None = None, below: Mapping[str, Defaults] | None = None) -> None:
        self.values, self.below = dict(values or {}), dict(below or {})

    def apply(self, value: Any, *, fill: bool) -> Any:
        """The same JSON value with its defaults spelled out (`fill`), or without them."""
        if isinstance(value, list):
            return [self.apply(item, fill=fill) for item in value]
        if not isinstance(value, dict):
            return value
        if fill:
            value = {**self.values, **value}
        else:
            value = {key: inner for key, inner in value.items() if key not in self.values or inner != self.values[key]}
        return {key: self.below[key].apply(inner, fill=fill) if key in self.below else inner for key, inner in value.items()}


class Each(Defaults):
    """The defaults of each value of a mapping whose keys are names."""

    def __init__(self, inner: Defaults) -> None:
        super().__init__()
        self.inner = inner

    @override
    def apply(self, value: Any, *, fill: bool) -> Any:
        return {name: self.inner.apply(inner, fill=fill) for name, inner in value.items()} if isinstance(value, dict) else value


class OneOf(Defaults):
    """The defaults of a section that is one of several: the first whose required keys are all there."""

    def __init__(self, sections: Sequence[type[Section]]) -> None:
        super().__init__()
        required = ({name for name, setting in section.model_fields.items() if setting.is_required()} for section in sections)
        self.sections = list(zip(required, map(defaults_of, sections), strict=True))

    @override
    def apply(self, value: Any, *, fill: bool) -> Any:
        fitting = (defaults for required, defaults in self.sections if isinstance(value, dict) and required <= value.keys())
        return next(fitting, Defaults()).apply(value, fill=fill)


class Checks(Defaults):
    """The defaults of what `Cascade.describe` gives. Settings for recipes that the run does not have judge no row, and are left out."""

    def __init__(self, recipes: Sequence[str]) -> None:
        super().__init__()
        self.recipes = tuple(recipes)

    @override
    def apply(self, value: Any, *, fill: bool) -> Any:
        return [self._check(check, fill=fill) if isinstance(check, dict) and "settings" in check else check for check in value]

    def _check(self, check: dict[str, Any], *, fill: bool) -> dict[str, Any]:
        from classifiers.checks import checks

        is_there = check["check"] in checks  # a later version may lack one
        defaults = defaults_of(checks.find(check["check"]).Settings) if is_there else Defaults()
        recipes = {pattern: settings for pattern, settings in check["recipes"].items() if self._fits(pattern)}
        settings = defaults.apply(check["settings"], fill=fill)
        return {**check, "settings": settings, "recipes": Each(defaults).apply(recipes, fill=fill)}

    def _fits(self, pattern: str) -> bool:
        return any(fits(recipe, pattern) for recipe in self.recipes)


def defaults_of(section: type[Section]) -> Defaults:
    """The defaults of a section of the config as JSON values, with those of the sections in it."""
    values, below = {}, {}
    for name, setting in section.model_fields.items():
        if not setting.is_required():
            values[name] = plain(setting.get_default(call_default_factory=True))
        inner = sections_of(setting.annotation)
        if inner:
            defaults = defaults_of(inner[0]) if len(inner) == 1 else OneOf(inner)
            below[name] = Each(defaults) if _is_mapping(setting.annotation) else defaults
    return Defaults(values, below)


def _is_mapping(annotation: Any) -> bool:
    """Whether a type is a mapping by names, or may be one."""
    return get_origin(annotation) is dict or any(_is_mapping(inner) for inner in get_args(annotation))


@dataclass(frozen=True, slots=True)
class Meaning:
    """All that the rows of a table depend on, as JSON values with every setting spelled out; never scheduling.

    `defaults` are those of the settings among them. `explained` is what stands behind digests in `content`, by the same keys: it enters no
    digest, and lets a refusal name the settings that differ.
    """

    content: Mapping[str, Any]
    defaults: Defaults = field(default_factory=Defaults)
    explained: Mapping[str, Any] = field(default_factory=dict)

    def spelled_out(self, content: Mapping[str, Any] | None = None) -> Any:
        """These contents, or others of the same table, with all defaults of today: equal ones give equal rows."""
        return self.defaults.apply(plain(self.content if content is None else content), fill=True)

    def digest(self, version: int) -> str:
        """What tells the rows of this meaning from others, where those of the table have this version."""
        return digest({"version": version, **self.defaults.apply(plain(self.content), fill=False)})


def without_digests(content: Any, explained: Any, other: Any) -> Any:
    """Contents with digests replaced by what stands behind them, where that is also known of the `other` side of a comparison."""
    if not (isinstance(content, dict) and isinstance(explained, dict) and isinstance(other, dict)):
        return explained
    there = {key: inner for key, inner in explained.items() if key in content and key in other}
    return {**content, **{key: without_digests(content[key], inner, other[key]) for key, inner in there.items()}}


def digest(value: Any) -> str:
    """A digest of JSON values that does not depend on the order of keys."""
    return content_id(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())


def plain(value: Any) -> Any:
    """Settings as they come back from JSON."""
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=_dumped))


def _dumped(value: Any) -> Any:
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is no JSON value")
