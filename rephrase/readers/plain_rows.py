"""Rows of data files as they are, each with the place that errors name: labels, items of benchmarks, seeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers.arrow_values import rows_of as rows_of_batch
from rephrase.readers.base import reason_of
from rephrase.readers.content import Content

_READ = 1 << 20
_BATCH_ROWS = 256
_PARQUET = (".parquet", ".pq")


def rows_of(paths: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The rows of JSONL files, plain or compressed, and of Parquet files, each with the file and row (from 1) that errors name.

    paths: Files, folders or globs. Raises `UserError`, with file and row, for files that are not there or damaged, and for what is no JSON.
    """
    for pattern in paths:
        for info in storage.expand(pattern):
            rows = _of_parquet(info.path) if info.path.lower().endswith(_PARQUET) else _of_lines(info.path)
            yield from ((f"{info.path}, row {number}", row) for number, row in rows)


def field_of(record: Any, field: str, place: str, cure: str) -> Any:
    """A field of a row; a dot goes into an object. Raises `UserError`, with the fields that the row has, where it is missing."""
    value = record
    for part in field.split("."):
        if not isinstance(value, dict) or part not in value:
            have = f"; it has: {', '.join(map(str, record))}" if isinstance(record, dict) else ""
            raise UserError(f"the row has no field `{field}`{have}", where=place, cure=cure)
        value = value[part]
    return value


def _of_lines(path: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            yield number, _json(line, f"{path}, row {number}")


def _of_parquet(path: str) -> Iterator[tuple[int, Any]]:
    import pyarrow.parquet as pq

    number = 0
    with storage.open_random(path) as stream:
        try:
            for batch in pq.ParquetFile(stream, pre_buffer=False).iter_batches(_BATCH_ROWS, use_threads=False):
                for row in rows_of_batch(batch):
                    number += 1
                    yield number, _readable(row)
        except Exception as error:  # a damaged file, or a foreign value, makes Arrow raise many things
            cure = "copy the file again"
            raise UserError(f"not a readable Parquet file: {reason_of(error)}", where=f"{path}, row {number}", cure=cure) from error


def _readable(row: dict[str, Any] | Exception) -> dict[str, Any]:
    if isinstance(row, Exception):
        raise row
    return row


def _lines(path: str) -> Iterator[bytes]:
    remainder = b""
    for piece in _pieces(path):
        *whole, remainder = (remainder + piece).split(b"\n")
        yield from whole
    yield remainder


def _pieces(path: str) -> Iterator[bytes]:
    """The plain content of a file, compressed or not. Damage is an error: a part of the rows would pass for all of them."""
    with storage.open_stream(path) as stream:
        content = Content(stream, path)
        while content.next_run():
            while data := content.read(_READ):
                yield data
            if content.damage:
                raise UserError(
                    content.damage.reason, where=f"{path}, byte {content.damage.offset}", cure="compress or copy the file again"
                )


def _json(line: bytes, place: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(line.removeprefix(b"\xef\xbb\xbf"))  # takes lone surrogates, which orjson refuses
    except ValueError as error:
        raise UserError(f"not a JSON object: {error}", where=place, cure="write one JSON object a line") from error
