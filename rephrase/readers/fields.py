"""Rows of JSONL and Parquet as documents, by the field names of the config."""

from __future__ import annotations

from typing import Any

import orjson

from rephrase.readers.base import RawDocument
from rephrase.readers.settings import Fields

_NAMED = 8  # fields that a row has instead of the one that is looked for


class FieldReader:
    """Takes documents out of rows. Made once a file."""

    def __init__(self, fields: Fields) -> None:
        self._text = fields.text.split(".")
        self._paths = {
            name: path.split(".")
            for name in ("id", "url", "source", "language", "language_score", "license", "synthetic_depth")
            if (path := getattr(fields, name))
        }
        self._metadata = fields.metadata.split(".") if fields.metadata else None
        self._also = {path: path.split(".") for path in fields.also}
        # What has a column of its own is not repeated in the metadata.
        prefix = self._metadata or []
        paths = [*self._paths.values(), self._text]
        self._mapped = {path[len(prefix)] for path in paths if len(path) == len(prefix) + 1 and path[: len(prefix)] == prefix}

    @property
    def columns(self) -> list[str]:
        """The top-level fields that are needed."""
        paths = [self._text, *self._paths.values(), *([self._metadata] if self._metadata else []), *self._also.values()]
        return sorted({path[0] for path in paths})

    def document(self, row: dict[str, Any], raw_bytes: int | None = None) -> RawDocument:
        """The row's document. Raises ValueError where it has no text or a field of a wrong kind."""
        text = _at(row, self._text)
        if not isinstance(text, str):
            others = sorted(row.keys() - set(self.columns))[:_NAMED] if text is None else []  # of Parquet only these columns are read
            wrong = ("is missing" if text is None else "is no text") + (f"; there are: {', '.join(others)}" if others else "")
            raise ValueError(f"the field `{'.'.join(self._text)}` {wrong}")  # noqa: TRY004
        values = {name: _at(row, path) for name, path in self._paths.items()}
        metadata = _as_strings(_at(row, self._metadata), self._mapped) if self._metadata else {}
        metadata |= {name: _as_string(value) for name, path in self._also.items() if (value := _at(row, path)) is not None}
        if values.get("id") is not None:
            metadata.setdefault("id", _as_string(values["id"]))
        return RawDocument(
            text,
            url=_optional(values.get("url")),
            source=_optional(values.get("source")),
            language=_optional(values.get("language")),
            language_score=_number(values.get("language_score"), float),
            license=_optional(values.get("license")),
            synthetic_depth=_number(values.get("synthetic_depth"), int) or 0,
            metadata=metadata,
            raw_bytes=raw_bytes if raw_bytes is not None else len(text),
        )


def _at(row: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(row, list):  # Arrow maps come as pairs
            row = dict(row)
        if not isinstance(row, dict):
            return None
        row = row.get(part)
    return row


def _as_strings(value: Any, left_out: set[str]) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        value = dict(value)
    if not isinstance(value, dict):
        return {"metadata": _as_string(value)}
    return {str(key): _as_string(item) for key, item in value.items() if item is not None and key not in left_out}


def _as_string(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _optional(value: Any) -> str | None:
    return None if value is None else _as_string(value)


def _number(value: Any, kind: type[float | int]) -> Any:
    try:
        return None if value is None else kind(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{value}` is no number") from error
