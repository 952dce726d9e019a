"""What a reader is: a format of input files, found by a file's name or first bytes, or named under `input.format`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError
from pydantic_core import CoreSchema, core_schema

from rephrase.readers.base import Item
from rephrase.readers.slices import Slice
from rephrase.settings.faults import fault
from rephrase.settings.kinds import Kinds
from rephrase.settings.section import Section
from rephrase.settings.validation import nested
from rephrase.storage.base import FileInfo

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
    from pydantic.json_schema import JsonSchemaValue

AUTO = "auto"
"""Stands for whichever reader a file's name or first bytes call for."""


@dataclass(frozen=True)
class Reader(ABC):
    """A format of input files. Its docstring is what `rephrase config` says of it. Instances are small and picklable: tasks get them."""

    name: str
    """Under which it is registered: the source of documents whose input names none."""
    settings: Any
    """Of the class `Settings`."""

    Settings: ClassVar[type[Section]] = Section
    """What may stand below the name in `input.format`; the bare `Section` for nothing."""
    title: ClassVar[str] = ""
    """How messages call the format; by default by its name."""
    endings: ClassVar[tuple[str, ...]] = ()
    """Of file names, in small letters. Where several readers' endings fit, the longest one decides."""

    def begins(self, head: bytes) -> bool:
        """Whether a file is of this format whose plain content begins so (64 KiB at most). Asked where no ending tells."""
        del head
        return False

    def rows(self, file: FileInfo) -> Iterator[dict[str, Any]]:
        """The rows of a file whose format has fields, as they stand there; without those that cannot be read. None for other formats."""
        del file
        return iter(())

    @property
    def has_rows(self) -> bool:
        """Whether its format has fields."""
        return type(self).rows is not Reader.rows

    def cuts(self, file: FileInfo, size: int) -> Sequence[int]:
        """Where a file can be cut to slices of about `size` bytes for several tasks, ascending, without its ends; empty where it cannot.

        The places are counted as `read_slice` takes them. Raises what the storage raises.
        """
        del file, size
        return ()

    def read_slice(self, part: Slice, config: Any) -> Iterator[Item]:
        """The documents of one of the slices that `cuts` makes: together they give what `read` gives of the file. Else as `read`."""
        return self.read(part.file, config)

    @abstractmethod
    def read(self, file: FileInfo, config: Any) -> Iterator[Item]:
        """The documents of a file, in order, with `Dropped` and `ReadError` for those that it does not give. `config` is the `Input`.

        No more than a page, a line or a batch of rows may be in memory at a time. Raises what the storage raises: FileNotFoundError, and
        `UserError` where it refuses.
        """


readers: Kinds[type[Reader]] = Kinds(
    "input format",
    ("rephrase.readers.warc", "rephrase.readers.wet", "rephrase.readers.jsonl", "rephrase.readers.parquet", "rephrase.readers.code"),
    Reader,
)
"""All readers; `@readers.register("csv")` adds one."""


def readers_of(form: str | dict[str, Section]) -> tuple[Reader, ...]:
    """The readers that `input.format` allows: one, or for `auto` all that need no settings. Raises `UserError` for an unknown name."""
    if form == AUTO:
        return tuple(kind(name, kind.Settings()) for name, kind in readers.items() if not _required(kind))
    name, settings = (form, None) if isinstance(form, str) else next(iter(form.items()))
    kind = readers.find(name, "input.format")
    return (kind(name, settings or kind.Settings()),)


def titles_of(several: Sequence[Reader]) -> str:
    """What messages call these formats: `WARC, WET, JSONL or Parquet`."""
    *firsts, last = [reader.title or reader.name for reader in several]
    return f"{', '.join(firsts)} or {last}" if firsts else last


def _required(kind: type[Reader]) -> list[str]:
    """The settings without which a reader cannot be."""
    return [name for name, field in kind.Settings.model_fields.items() if field.is_required()]


class ByName:
    """For annotations: `auto`, the name of a reader, or `{NAME: settings}`. Errors in settings keep their place in the config."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(_chosen, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        del schema
        named = {name: handler(kind.Settings.__pydantic_core_schema__) for name, kind in readers.items()}
        alone = [name for name, kind in readers.items() if not _required(kind)]
        named |= {name: {"anyOf": [named[name], {"type": "null"}]} for name in alone}
        settings = {"type": "object", "properties": named, "additionalProperties": False, "minProperties": 1, "maxProperties": 1}
        return {"anyOf": [{"enum": [AUTO, *alone]}, settings]}


def _chosen(value: Any, info: ValidationInfo) -> Any:
    if value == AUTO:
        return value
    if isinstance(value, dict) and len(value) == 1:
        [(name, settings)] = value.items()
    elif isinstance(value, str):
        name, settings = value, None
    else:
        raise fault("it is the name of a format, or one name with settings", f"for example {AUTO}")
    if name == AUTO:
        raise fault(f"`{AUTO}` has no settings", f"write format: {AUTO}")
    if name not in readers:
        raise fault(f"unknown {readers.noun} `{name}`", readers.cure(name))
    kind = readers.find(name)
    if settings is None and (missing := _required(kind)):
        raise fault(f"{name} needs `{missing[0]}`", f"write {{{name}: {{{missing[0]}: …}}}}")
    if not isinstance(settings, dict | Section | None):
        raise fault(f"the settings of `{name}` are keys with values", f"write format: {name}, or {{{name}: {{…}}}}", (name,), settings)
    try:
        typed = kind.Settings.model_validate({} if settings is None else settings, context=info.context)
    except ValidationError as failure:
        raise nested(failure, kind.Settings, (name,)) from None
    return {name: typed} if typed.model_dump(exclude_defaults=True) else name
