"""What the strings of a config stand for, where they say where something is: files, folders, models.

A field says so by its type. Relative paths then become absolute while the config is validated, seen from the folder of its file
(`context={"base": Path}`; without it they stay as they are), and `paths_in` finds all of one type in a section.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import CoreSchema, core_schema

from rephrase.errors import UserError
from rephrase.settings.faults import fault
from rephrase.settings.schemes import check_takes, is_url, location
from rephrase.settings.yaml_text import shortened

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
    from pydantic.json_schema import JsonSchemaValue

_MOST_CHARACTERS = 4096  # Linux
_MOST_BYTES_OF_A_NAME = 255
_WILDCARDS = frozenset("*?[{")

SHIPPED_LISTS = "lists/"
"""Begins the names of lists that recipes bring along."""


@dataclass(frozen=True, slots=True)
class Location:
    """For annotations: a string that says where something is. `hub`: ids of the Hugging Face hub are such strings too."""

    of: str
    hub: bool = False
    shipped: str = ""
    """Names that begin so are shipped with the package, and stay as they are."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._absolute, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": r"\S"}

    def _absolute(self, path: str, info: ValidationInfo) -> str:
        check_path(path)
        if self.shipped and path.startswith(self.shipped):
            return path
        if self.hub and path.lower().startswith("hf://"):
            raise fault("a model of the hub is named by its id alone", f"write {shortened(path[5:])}", value=path)
        base = (info.context or {}).get("base")
        try:
            absolute = location(path) if base is None else resolve_path(path, base)
            if self.of == "output":
                check_takes(absolute)
        except UserError as error:
            raise fault(f"`{error.where}`: {error.what}", error.cure, value=path) from error
        # A model is a path if it looks like one or exists there, else a hub id.
        is_hub_id = self.hub and not path.startswith((".", "/", "~")) and not os.path.exists(absolute)
        return path if is_hub_id else absolute


File = Annotated[str, Location("file")]
"""A file that a kind reads, a path or a URL."""
InputFiles = Annotated[str, Location("input")]
"""Files, folders or globs of raw data."""
OutputFolder = Annotated[str, Location("output")]
Recording = Annotated[str, Location("recording")]
"""Completions that were recorded: files, a folder, or the generations of a run."""
EarlierRun = Annotated[str, Location("run")]
"""The output of another run."""
Model = Annotated[str, Location("model", hub=True)]
"""A model or tokenizer: a path or a hub id."""
FastTextModel = Annotated[str, Location("fasttext")]
"""A fastText model. Executors load it before their workers part, so that these share its memory."""
LanguageModel = Annotated[str, Location("languages")]
"""A fastText model that tells languages; loaded likewise."""
EncoderModel = Annotated[str, Location("encoder", hub=True)]
"""A sequence-classification model of Hugging Face transformers: a folder or a hub id."""
ListFile = Annotated[str, Location("list", shipped=SHIPPED_LISTS)]
"""A text file with an item on each line, or one that is shipped: `lists/…`."""


def check_path(path: str) -> None:
    """Raise the `fault` of a path that no file system takes: it is empty, holds a NUL, or is too long."""
    if not path.strip():  # seen from a folder, it would be the folder
        raise fault("the path is empty", "write where it is, or take the key out", value=path)
    if "\0" in path:
        raise fault("the path holds a NUL character", "write it without", value=path)
    is_file = "://" not in path and not _WILDCARDS.intersection(path)
    longest = max(len(name.encode(errors="replace")) for name in path.split("/"))
    if len(path) > _MOST_CHARACTERS or (is_file and longest > _MOST_BYTES_OF_A_NAME):
        raise fault(f"the path, `{shortened(path)}`, is longer than file systems allow", "write where it is", value=path)


def resolve_path(path: str, base: Path) -> str:
    """An absolute path or URL: as `location` gives it. A relative path: below `base`. Raises `UserError` as `location` does."""
    path = location(path)
    return path if is_url(path) or os.path.isabs(path) else os.path.normpath(os.path.join(base, path))


def paths_in(section: BaseModel, path_type: Any) -> list[str]:
    """The values in a section, and in the sections below it, whose type is one of those above: `paths_in(run, FastTextModel)`."""
    [_, location] = get_args(path_type)
    return list(_paths(section, Any, location))


def _paths(value: Any, annotation: Any, location: Location) -> Iterator[str]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            inner = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
            yield from _paths(getattr(value, name), inner, location)
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        if isinstance(value, str) and location in arguments[1:]:
            yield value
        else:
            yield from _paths(value, arguments[0], location)
    elif origin in (Union, UnionType):
        for option in arguments:
            yield from _paths(value, option, location)
    elif isinstance(value, Mapping) and len(arguments) > 1:
        for item in value.values():
            yield from _paths(item, arguments[1], location)
    elif isinstance(value, list | tuple) and arguments:
        for item in value:
            yield from _paths(item, arguments[0], location)
