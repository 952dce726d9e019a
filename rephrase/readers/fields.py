"""Rows of JSONL and Parquet as documents, by the field names of the config."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from rephrase.readers.base import RawDocument, ReadError, Unit, reason_of
from rephrase.readers.settings import Fields
from rephrase.records import MAX_DEPTH
from rephrase.text.code.files import code_of

_LISTED = 8  # fields that a row has instead of the one that is looked for


class BadRowError(ValueError):
    """A row that is no document, in words for the user."""


class FieldReader:
    """Takes documents out of rows. Made once a file.

    `partitions` are fields that all rows of the file have besides their own: those that its folders name. `present` are the columns of the
    file where rows do not tell, as only the needed ones are read.
    """

    def __init__(self, fields: Fields, partitions: Mapping[str, str] | None = None, present: Iterable[str] = ()) -> None:
        self._text = _path(fields.text)
        self._paths = {
            name: _path(path)
            for name in ("id", "url", "source", "language", "language_score", "license", "synthetic_depth", "path")
            if (path := getattr(fields, name))
        }
        self._metadata = _path(fields.metadata) if fields.metadata else None
        self._also = {path: _path(path) for path in fields.also}
        # What has a column of its own is not repeated in the metadata.
        prefix = f"{fields.metadata}." if fields.metadata else ""
        paths = [path.name for path in (*self._paths.values(), self._text)]
        self._mapped = {path.removeprefix(prefix) for path in paths if path.startswith(prefix)}
        self._partitions = dict(partitions or {})
        self._present = list(present)

    @property
    def columns(self) -> list[str]:
        """The top-level fields that can hold what is needed."""
        paths = [self._text, *self._paths.values(), *([self._metadata] if self._metadata else []), *self._also.values()]
        return sorted({head for path in paths for head, _ in path.splits})

    @property
    def text_columns(self) -> list[str]:
        """The top-level fields that can hold the text."""
        return [head for head, _ in self._text.splits]

    def item(self, row: Any, file: str, offset: int, unit: Unit, raw_bytes: int | None = None) -> RawDocument | ReadError:
        """The row's document, or an error with its place: whatever a foreign row raises ends here."""
        try:
            if not isinstance(row, dict):
                raise BadRowError("it is no JSON object")  # noqa: TRY301
            document = self.document(row, raw_bytes)
        except BadRowError as error:
            return ReadError(file, offset, unit, str(error))
        except RecursionError:
            return ReadError(file, offset, unit, "a value is nested too deeply")
        except Exception as error:  # noqa: BLE001  # a foreign row may raise anything
            return ReadError(file, offset, unit, reason_of(error))
        document.offset, document.unit = offset, unit
        return document

    def document(self, row: dict[str, Any], raw_bytes: int | None = None) -> RawDocument:
        """The row's document. Raises `BadRowError` where it has no text or a field of a wrong kind."""
        if self._partitions:
            row = {**self._partitions, **row}
        text = self._text_of(row)
        values = {name: path.value_in(row) for name, path in self._paths.items()}
        metadata = _as_strings(self._metadata.value_in(row), self._mapped) if self._metadata else {}
        metadata |= {name: as_string(value) for name, path in self._also.items() if (value := path.value_in(row)) is not None}
        if values.get("id") is not None:
            metadata.setdefault("id", as_string(values["id"]))
        language = _optional(values.get("language"))
        if path := _optional(values.get("path")):
            metadata["path"] = path
            text, language = code_of(text, path, language)
        return RawDocument(
            text,
            url=_optional(values.get("url")),
            source=_optional(values.get("source")),
            language=language,
            language_score=_number(values.get("language_score"), float),
            license=_optional(_only(values.get("license"))),
            synthetic_depth=_depth(values.get("synthetic_depth")),
            metadata=metadata,
            raw_bytes=raw_bytes if raw_bytes is not None else len(text),
        )

    def _text_of(self, row: dict[str, Any]) -> str:
        text = self._text.value_in(row)
        if isinstance(text, bytes):
            try:
                return text.decode()
            except UnicodeDecodeError as error:
                raise BadRowError(f"the field `{self._text.name}` holds bytes that are not UTF-8") from error
        if not isinstance(text, str):
            name, there = self._text.name, self._present or _names_in(row)
            if text is not None:
                raise BadRowError(_with_names(f"the field `{name}` is no text, but {type(text).__name__}", name, there))
            raise BadRowError(f"the field `{name}` is null" if name in there else self.missing(there))
        return text

    def missing(self, present: Iterable[str]) -> str:
        """That there is no text among the fields that are there."""
        return _with_names(f"the field `{self._text.name}` is missing", self._text.name, present)


def _with_names(what: str, name: str, present: Iterable[str]) -> str:
    """The words with the fields that are there, those of a name like this one first."""
    return what + _nearest_first(name, tuple(present))


@functools.lru_cache(maxsize=64)  # often all rows of a file lack the same
def _nearest_first(name: str, present: tuple[str, ...]) -> str:
    there = sorted((other for other in present if other != name), key=lambda other: -_likeness(name, other))[:_LISTED]
    return f"; there are: {', '.join(there)}" if there else ""


@functools.lru_cache(maxsize=1024)  # of each of many small files they are the same
def _path(name: str) -> _Path:
    return _Path(name)


class _Path:
    """Where a field is: `a.b` is a field of that very name, or `b` in the object `a`, which may be written as a JSON text."""

    def __init__(self, name: str) -> None:
        self.name = name
        parts = name.split(".")
        heads = range(len(parts), 0, -1)
        self.splits: list[tuple[str, _Path | None]] = [
            (".".join(parts[:size]), _Path(".".join(parts[size:])) if size < len(parts) else None) for size in heads
        ]

    def value_in(self, row: dict[str, Any]) -> Any:
        """The value, or None where there is none."""
        for head, rest in self.splits:
            value = row.get(head)
            if value is not None and rest is not None:
                inner = _object(value)
                value = None if inner is None else rest.value_in(inner)
            if value is not None:
                return value
        return None


def _object(value: Any) -> dict[Any, Any] | None:
    """An object, a map of Arrow, which comes as pairs, or a JSON text of an object; None for all else."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        return {key if isinstance(key, str) else as_string(key): item for key, item in value}
    return _parsed(value) if isinstance(value, str) and value.lstrip()[:1] == "{" else None


@functools.lru_cache(maxsize=4)  # several fields of a row are looked for in the same text
def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _names_in(row: dict[str, Any]) -> list[str]:
    """The fields of a row, and those of the objects in it."""
    names: list[str] = []
    for name, value in row.items():
        inner = _object(value)
        names += [f"{name}.{key}" for key in inner] if inner else [str(name)]
    return names


def _likeness(name: str, other: str) -> float:
    whole = difflib.SequenceMatcher(None, name.lower(), other.lower()).ratio()
    last = difflib.SequenceMatcher(None, name.lower(), other.lower().rpartition(".")[2]).ratio()
    return max(whole, last)


def _as_strings(value: Any, left_out: set[str]) -> dict[str, str]:
    if value is None:
        return {}
    fields = _object(value)
    if fields is None:
        return {"metadata": as_string(value)}
    return {str(key): as_string(item) for key, item in fields.items() if item is not None and key not in left_out}


def as_string(value: Any) -> str:
    """A value as text: a string as it is, numbers and what holds several as JSON."""
    if isinstance(value, str):
        return value
    try:
        text = orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # halves of surrogate pairs, whole numbers beyond 64 bits, deep nesting
        text = json.dumps(value, default=_plain, ensure_ascii=False)
    return str(json.loads(text)) if text.startswith('"') else text


def _plain(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _optional(value: Any) -> str | None:
    return None if value is None else as_string(value)


def _only(value: Any) -> Any:
    """What a list of one holds."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _number(value: Any, kind: type[float | int]) -> Any:
    try:
        return None if value is None else kind(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRowError(f"`{str(value)[:40]}` is no number") from error


def _depth(value: Any) -> int:
    depth = _number(value, int) or 0
    if abs(depth) > MAX_DEPTH:
        raise BadRowError(f"`{str(value)[:40]}` is no depth: models that a text has passed through are few")
    return int(depth)
