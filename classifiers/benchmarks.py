"""Benchmarks whose items must not stand in training texts: their settings, and their items as word hashes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from classifiers.words import Hashes, words_of
from rephrase.errors import UserError
from rephrase.readers.plain_rows import field_of, rows_of
from rephrase.settings.paths import InputFiles
from rephrase.settings.section import Section, as_list

SHORTEST = 8
"""Items of fewer words are left out: chance alone finds so few words in a row."""
_SLICE = 256  # items whose words are made at a time: bounds the buffers
_CURE = "set `fields` of the benchmark"


class Benchmark(Section):
    """A benchmark whose items must not stand in training texts."""

    name: str
    paths: Annotated[tuple[InputFiles, ...], BeforeValidator(as_list)] = Field(min_length=1)
    """JSONL, plain or compressed, or Parquet: files, folders, globs, `s3://` URLs."""
    fields: Annotated[tuple[str, ...], BeforeValidator(as_list)] = Field(default=("question",), min_length=1)
    """Fields of a row to be found: strings or lists of strings; a dot goes into an object."""
    join: bool = False
    """Fields of a row make one item together, in their order. Otherwise each is an item of its own."""
    ngram: int = Field(default=13, ge=SHORTEST, le=13)
    """Words that text and item must share in a row. An item with fewer is looked for as a whole, if it has 8 at least."""
    max_items: int = Field(default=10, ge=1)
    """An n-gram of more of its items is a template, such as the instruction before each question: it finds no candidates."""
    min_edit_ratio: float = Field(default=0.8, ge=0.5, le=1)
    """Share of the item that stands in the text: 1 - (word edits from the item to its place in the text) / (words of the item)."""
    min_longest: int | None = Field(default=50, ge=SHORTEST)
    """A run of so many of an item's words convicts as well: long items are often found in part. null: it does not."""


def items_of(benchmark: Benchmark) -> Iterator[tuple[int, Hashes]]:
    """The row of each item, from 1 over all files, and the hashes of its words.

    Raises `UserError`, with file and row, for missing files, bad JSON, missing fields and values of the wrong type.
    """
    items = _texts(benchmark)
    while part := list(itertools.islice(items, _SLICE)):
        words = words_of([text for _, text in part])
        for i, (row, _) in enumerate(part):
            yield row, words.hashes[words.offsets[i] : words.offsets[i + 1]]


def _texts(benchmark: Benchmark) -> Iterator[tuple[int, str]]:
    for row, (place, record) in enumerate(rows_of(benchmark.paths), 1):
        texts = [_text(field_of(record, field, place, _CURE), field, place) for field in benchmark.fields]
        for text in ["\n".join(texts)] if benchmark.join else texts:
            yield row, text


def _text(value: Any, field: str, place: str) -> str:
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str) for part in parts):
        raise UserError(f"`{field}` is neither a string nor a list of strings but {value!r}", where=place, cure=_CURE)
    return "\n".join(parts)
