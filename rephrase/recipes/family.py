"""Recipe files: a family of recipes in YAML, read with its options."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from typing import Any

from pydantic import StrictBool, StrictFloat, StrictInt, create_model

from rephrase import storage
from rephrase.errors import UserError
from rephrase.recipes.base import Recipe
from rephrase.recipes.building import build_recipe
from rephrase.recipes.list_rows import read_list
from rephrase.recipes.prompts import head_of
from rephrase.recipes.registry import Entry
from rephrase.recipes.sections import FamilyFile, SamplingSection
from rephrase.settings.lines import Lines
from rephrase.settings.paths import SHIPPED_LISTS, ListFile
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import MOST_BYTES, read_yaml, too_long


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
    family: FamilyFile = validate(FamilyFile, data, where, places, cure="`rephrase config recipe` explains the keys")
    entries = {}
    for name, style in family.styles.items():
        full = f"{family.family}/{name}"
        options = options_section(full, {**family.options, **style.options})
        entries[full] = Entry(full, options, partial(_build, family=family, name=name, lines=Lines(where, places)), head=head_of(text))
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


def _build(options: Section, sampling: SamplingSection, *, family: FamilyFile, name: str, lines: Lines) -> Recipe:
    values = _with_lists(options.model_dump(), {**family.options, **family.styles[name].options})
    return build_recipe(family, name, values, sampling, lines)


def _with_lists(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The options with the lists in place of the files that hold them."""
    lists = {name for name, default in defaults.items() if isinstance(default, list) or _is_list(default)}
    return {name: read_list(value) if name in lists and isinstance(value, str) else value for name, value in options.items()}


def _is_list(default: Any) -> bool:
    return isinstance(default, str) and default.startswith(SHIPPED_LISTS)
