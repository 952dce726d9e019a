"""What a unit of work says of the object that it wrote: one type a table, kept as JSON in the object's footer.

The keys of the JSON are the names of the fields but where a field names another. They stay as they are: a run that one version began is
finished by the next. A key that is not there has the field's default, one that no field has is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Self, cast, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

from rephrase.errors import UserError

_ADDS_UP = "adds up"
Count = Annotated[int, _ADDS_UP]
Counts = Annotated[dict[str, int], _ADDS_UP]
Seconds = Annotated[float, _ADDS_UP]


class Note:
    """The note of a unit. `+` gives the counts of both; what is no count has its default in it, so that sums of any number stay small."""

    __slots__ = ()

    def __add__(self, other: Self) -> Self:
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in _counted(type(self))}
        return type(self)(**{name: _added(first, second) for name, (first, second) in pairs.items()})

    @property
    def added_up(self) -> dict[str, int | dict[str, int]]:
        """What is counted, by field, without zeros and without times."""
        values = {name: getattr(self, name) for name in _counted(type(self))}
        return {name: value for name, value in values.items() if value and not isinstance(value, float)}

    def to_json(self) -> bytes:
        """The note as it is kept in a footer."""
        return _adapter(type(self)).dump_json(self, by_alias=True, exclude_none=True)

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Self:
        """The note that a footer holds. Raises `UserError` that names the object `where` it stands if it is none of this table."""
        try:
            note: Self = _adapter(cls).validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = "".join(f"`{part}`: " for part in first["loc"])
            raise UserError(f"the note in its footer is damaged: {place}{first['msg']}", where=where, cure=_CURE) from error
        return note


_CURE = "remove the file or restore it"


def _find_counted(kind: type[Note]) -> tuple[str, ...]:
    """The fields that add up."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(name for name, hint in hints.items() if _ADDS_UP in getattr(hint, "__metadata__", ()))


# Casts, as mypy takes classes for unhashable.
_adapter = cast("Callable[[type[Note]], TypeAdapter[Any]]", cache(TypeAdapter))
_counted = cast("Callable[[type[Note]], tuple[str, ...]]", cache(_find_counted))


def _added(first: Any, second: Any) -> Any:
    if isinstance(first, Mapping):
        return {**first, **{name: first.get(name, 0) + count for name, count in second.items()}}
    return first + second


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsNote(Note):
    """Of `documents`, an object for each task that reads the input; and of what lies between the shard stage's passes, with repeats."""

    input_file: Annotated[str, Field(alias="file")] = ""
    documents: Count = 0
    """In the object."""
    tokens: Count = 0
    """Of its texts."""
    dropped_short: Count = 0
    """Documents with fewer characters than the config asks for."""
    dropped_long: Count = 0
    """Documents with more characters than the config asks for."""
    raw_bytes: Annotated[Count, Field(alias="bytes")] = 0
    """Of the pages that were read, before their text was taken out."""
    scrubbed: Counts = field(default_factory=dict)
    """Stand-ins written for personal data, by kind."""
    errors: Count = 0
    """Places of the input file that could not be read."""
    seconds: Seconds = 0.0
    """Of the task that read the file."""
    duplicates: Count = 0
    """Documents dropped because their text stands elsewhere."""
    row_group_tokens: tuple[int, ...] = ()
    """Tokens of each row group; empty between the passes."""
    paragraphs_dropped: Count = 0
    """Lines that stand elsewhere."""
    documents_emptied: Count = 0
    """Documents that went as too much of them stands elsewhere."""
    words_cut: Count = 0
    """In runs of words that stand elsewhere."""
    records: Count = 0
    """Of the input file: its records, lines or rows, and places that hold none. Each is a document, was left out, or is an error."""
    left_out: Counts = field(default_factory=dict)
    """Further records without a document, by the reason that the reader gives."""
    flaws: Counts = field(default_factory=dict)
    """Documents whose text may not be all that their page shows, by the reason; repeats among them."""
    labels: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)
    """By label: each value with its documents and their tokens. There may be as many as documents, so sums leave them out."""

    @property
    def dropped(self) -> dict[str, int]:
        """Records that gave no document and no error, by reason."""
        repeats = {"duplicate": self.duplicates, "emptied": self.documents_emptied}
        return {"short": self.dropped_short, "long": self.dropped_long, **self.left_out, **repeats}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorsNote(Note):
    """Of `errors`, one object for each input file that has some."""

    errors: Count = 0
    """Rows of the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsNote(Note):
    """Of `rows/<recipe>`: the rows that a recipe makes for itself, as documents."""

    documents: Count = 0
    """Rows of the object."""
    tokens: Count = 0
    """Of their texts."""
    row_group_tokens: tuple[int, ...] = ()
    """Tokens of each row group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsNote(Note):
    """Of `paths/<recipe>`: paths over documents, one object for each of `documents` that has some."""

    paths: Count = 0
    row_groups: tuple[int, ...] = ()
    """Of the object of documents: that whose paths each row group holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenedNote(Note):
    """Of `screened`, one object for each of `documents`."""

    screened: Count = 0
    """Documents that have a verdict."""
    kept: Count = 0
    verdicts: Counts = field(default_factory=dict)
    """Documents by verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFigures:
    """What a model server says of itself as a unit ends. Counts run from the server's start. All None for engines without a server."""

    server: str | None = None
    """Its name: host, process and start."""
    generation_tokens: float | None = None
    """Tokens it has written."""
    cache_queries: float | None = None
    """Prompt tokens it has looked up in its prefix cache."""
    cache_hits: float | None = None
    """Those of them that it found there."""
    ready: float | None = None
    """Unix time, seconds, from which on it could answer the unit: before, it was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationsNote(Note):
    """Of `generations`, one object for each part of the prompts that one step of a recipe has for one row group."""

    documents: Count = 0
    """Rows that the recipe took."""
    passages: Count = 0
    """Spans of these that prompts show."""
    generations: Count = 0
    """Rows of the object."""
    requests: Count = 0
    """Sent, those sent again among them."""
    retried: Count = 0
    """Requests sent again because their completion did not parse."""
    engine_errors: Count = 0
    """Requests that the engine failed."""
    parse_errors: Count = 0
    """Completions that did not parse at the last attempt."""
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    reasoning_tokens: Count = 0
    """Of these, what models wrote before their answers: counted by the server, or by the share of the characters."""
    reused: Count = 0
    """Completions that an earlier run wrote; counted above too."""
    reused_tokens: Count = 0
    """Tokens of these."""
    errors: Count = 0
    """Rows with an error of any kind."""
    seconds: Seconds = 0.0
    """Of the task, divided by the units that it answered together."""
    causes: Counts = field(default_factory=dict)
    """Errors by code, with a # for each number in it."""
    recipe: str = ""
    step: str = ""
    model: str = ""
    """That was asked; empty in notes of versions that did not tell."""
    earlier_steps: Annotated[int, Field(alias="follows")] = 0
    """How many steps of the recipe come before."""
    rows_path: Annotated[str, Field(alias="rows")] = ""
    """The object of documents or of a recipe's own rows that it was made from, below the run's output."""
    row_group: int = 0
    """Of that object."""
    next_prompts: int = 0
    """Prompts that the next step will have, where it fans out."""
    round: int = 0
    """How often the unit was made again for its errors."""
    earlier_rounds: int = 0
    """Rounds of the objects of earlier steps that it was made from, summed."""
    engine: EngineFigures = field(default_factory=EngineFigures)
    host: str = ""
    attempt: int = 0
    """How often Spark had started the task before."""
    started: float = 0.0
    """Unix time, seconds."""
    ended: float = 0.0
    """Unix time, seconds."""

    @property
    def has_own_rows(self) -> bool:
        """Whether the recipe makes its rows for itself, and takes no documents."""
        return self.rows_path.startswith("rows/")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedNote(Note):
    """Of `judged`, one object for each of `generations`."""

    recipe: str = ""
    step: str = ""
    judged: Count = 0
    """Rows of the object."""
    kept: Count = 0
    kept_tokens: Count = 0
    """Of the texts that are kept, by the run's tokenizer."""
    verdicts: Counts = field(default_factory=dict)
    """Rows by verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatesNote(Note):
    """Of `duplicates/<table>`, one object for each of the table that holds near duplicates."""

    duplicates: Count = 0
    """Rows of the object: texts that go."""
    kept: Count = 0
    """Texts that stay for them."""
    semantic: Count = 0
    """Texts that go by their meaning alone."""
    bloom: Count = 0
    """Texts that go by a Bloom filter, which knows no text that stays for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureNote(Note):
    """Of `mixture`, one object a file."""

    rows: Count = 0
    tokens: Count = 0
    counts: dict[str, list[tuple[str | int | None, int, int]]] = field(default_factory=dict)
    """By column: each value with its rows and tokens. There may be as many as sources, so sums leave them out."""
    labels: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)
    """The same by label, without rows that lack it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportNote(Note):
    """Of an export's `__units__`, one object for each Parquet file that was exported."""

    documents: Count = 0
    """Rows that hold a text."""
    tokens: Count = 0
    """Of these, the token that ends each document among them; 0 for an export of texts."""
    bytes: Count = 0
    """Of the objects that the unit stored."""
    source_rows: Count = 0
    """Of the Parquet file."""
    source_tokens: Count = 0
    """Sum of its column `n_tokens`; 0 where it has none."""
