"""How varied the texts of tables are, from samples of equal size, so that a collapse is seen before a model is trained on it."""

from __future__ import annotations

import heapq
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from classifiers import diversity as measures
from classifiers.words import Hashes, words_of
from rephrase import storage
from rephrase.errors import UserError
from rephrase.records import content_id
from rephrase.storage.tables import opened
from rephrase.text.embeddings import clean, encoder

SIZES = range(1, 5)
"""Of the n-grams whose distinct ones are counted."""

MEASURES = {
    **{f"distinct_{size}": (f"distinct {size}-grams", "falls") for size in SIZES},
    "compression": ("compression, zlib", "rises"),
    "far_compression": ("compression, zstd", "rises"),
    "self_bleu": ("self-BLEU", "rises"),
    "mtld": ("MTLD", "falls"),
    "tail_kept": ("rare words kept", "falls"),
    "embedding_spread": ("embedding spread", "falls"),
}
"""By name: what a measure is called, and where it goes in a collapse."""

_CHARACTERS = 20_000  # of a text that are looked at: bounds the memory of a sample
_BLEU_TEXTS, _BLEU_WORDS = 200, 200  # at most: self-BLEU takes memory by the square of the texts
_SLICE = 64  # texts whose words are counted at a time


@dataclass(slots=True)
class _Sample:
    """A table's sample, and what its columns tell of all of its rows."""

    rows: int = 0
    size: int = 0
    unit: str = "tokens"
    shares: dict[str, Counter[str]] = field(default_factory=lambda: {"synthetic_depth": Counter(), "origin": Counter()})
    best: list[tuple[str, str]] = field(default_factory=list)
    """Keys and texts, in the order of the keys."""
    waiting: list[tuple[str, str]] = field(default_factory=list)
    """Further ones, to be drawn from."""

    def draw(self, size: int) -> None:
        """Keep those with the smallest keys."""
        self.best = heapq.nsmallest(size, [*self.best, *self.waiting])
        self.waiting.clear()

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.best]


def diversity_of(tables: Sequence[str], *, sample: int = 2000, model: str | None = None) -> list[dict[str, Any]]:
    """The figures of each table, in their order, as mappings for JSON.

    Measures are taken over equally many words or bytes of each table's sample, self-BLEU over equally many texts of at most the words that
    the table with the shortest texts has on average. Rows of one id are drawn together: what a mixture repeats counts as repeated.

    Of the first table twice as many texts are drawn: one half says which words are rare, the other is measured as the other tables are, so
    that its share of rare words kept is that of a table that has lost nothing. Raises `UserError` for tables without texts or a `text`
    column, and a model that does not load.
    """
    if sample < 2:
        raise UserError(f"{sample} texts are no sample", where="--sample", cure="2 or more")
    if model and not os.path.isdir(model):
        raise UserError("there is no such folder", where=model, cure="give --model the folder of a model2vec model")
    encode = encoder(model, "model2vec", "command `diversity`") if model else None
    samples = [_draw(table, sample * 2 if number == 0 else sample) for number, table in enumerate(tables)]
    half = (len(samples[0].best) + 1) // 2
    tail = measures.vocabulary_tail(measures.words_in(samples[0].texts[half:]))
    samples[0].best = samples[0].best[:half]
    measured = _measured([part.texts for part in samples], tail, encode)
    return [
        {"table": table, "rows": part.rows, part.unit: part.size, **figures}
        | {name: _shares(counts) for name, counts in part.shares.items() if counts}
        for table, part, figures in zip(tables, samples, measured, strict=True)
    ]


def compared_by(figures: Mapping[str, Any]) -> str:
    """How much of each table was measured, by the figures of one: those of tables measured with others are by other amounts."""
    words, texts, longest = (figures[name] for name in ("compared_words", "compared_texts", "compared_words_a_text"))
    return f"by {words:,} words of each, self-BLEU by {texts:,} texts of at most {longest:,} words"


def _measured(
    samples: Sequence[list[str]], tail: Hashes, encode: Callable[[Sequence[str]], Any] | None
) -> Iterator[dict[str, float | int | None]]:
    texts = min(_BLEU_TEXTS, *map(len, samples))
    words_of_samples = [measures.words_in(sample) for sample in samples]
    length = max(1, min(_BLEU_WORDS, *(len(part.hashes) // len(part.counts) for part in words_of_samples)))
    count = min(len(part.hashes) for part in words_of_samples)
    data = ["\n".join(sample).encode("utf-8", "replace") for sample in samples]
    size = min(map(len, data))
    for sample, words, encoded in zip(samples, words_of_samples, data, strict=True):
        first_words = measures.first_words(words, count)
        bleu = measures.first_of_each(measures.first_texts(words, texts), length)
        figures = {
            **{f"distinct_{n}": measures.distinct(first_words, n) for n in SIZES},
            "compression": measures.compression(encoded[:size]),
            "far_compression": measures.far_compression(encoded[:size]),
            "self_bleu": measures.self_bleu(bleu),
            "mtld": measures.mtld(first_words),
            "tail_kept": measures.kept_share(tail, first_words),
        }
        if encode is not None:
            figures["embedding_spread"] = measures.embedding_spread(encode([clean(text) for text in sample]))
        about: dict[str, float | int | None] = {
            "sample_texts": len(sample),
            "words_a_text": len(words.hashes) / len(sample),
            "compared_words": count,
            "compared_texts": texts,
            "compared_words_a_text": length,
        }
        yield about | {name: None if math.isnan(value) else value for name, value in figures.items()}


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = max(sum(counts.values()), 1)
    return {value: count / total for value, count in sorted(counts.items())}


def _draw(table: str, size: int) -> _Sample:
    paths = [file.path for file in storage.expand(table) if file.path.endswith(".parquet") or file.path == table]
    sample = _Sample()
    for path in paths:
        with opened(path, cure="name a folder or file of Parquet") as file:
            _check_text(file.schema_arrow, path)
            for group in range(file.num_row_groups):
                _draw_from(file, group, sample, size)
    sample.draw(size)
    if not sample.best:
        fault = "no row has a text" if paths else "no Parquet files found"
        raise UserError(fault, where=table, cure="name a table with texts, such as the `documents` or the `mixture` of a run")
    return sample


def _check_text(schema: pa.Schema, path: str) -> None:
    if "text" not in schema.names:
        raise UserError(f"no column `text` among {', '.join(schema.names)}", where=path, cure="name a table with texts, one a row")
    kind = schema.field("text").type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise UserError(f"the column `text` holds {kind}, no strings", where=path, cure="name a table with texts, one a row")


def _draw_from(file: pq.ParquetFile, group: int, sample: _Sample, size: int) -> None:
    """Take a row group's rows in. Its texts are read only where one of them can be among those drawn, or where they are needed to count."""
    names = [name for name in ("id", "n_tokens", "synthetic_depth", "origin") if name in file.schema_arrow.names]
    columns = file.read_row_group(group, names, use_threads=False).to_pydict()
    rows = file.metadata.row_group(group).num_rows
    nulls = _null_texts(file, group)
    bound = sample.best[-1][0] if len(sample.best) == size else "~"  # after all hexadecimal digits
    keys = [content_id("diversity", str(value)) for value in columns.get("id", ())]
    texts: list[str | None] | None = None
    if "id" not in columns or "n_tokens" not in columns or nulls is None or min(keys, default="~") <= bound:
        texts = file.read_row_group(group, ["text"], use_threads=False).column("text").to_pylist()
        keys = keys or [content_id("diversity", text or "") for text in texts]
        fresh = [(key, text[:_CHARACTERS]) for key, text in zip(keys, texts, strict=True) if text and not text.isspace()]
        sample.waiting += fresh
        if len(sample.waiting) >= size:  # not at each row group: there may be many small ones
            sample.draw(size)
        nulls = texts.count(None)
    if "n_tokens" in columns:
        sizes = [count or 0 for count in columns["n_tokens"]]
    else:
        assert texts is not None
        sample.unit = "words"
        sizes = [count for at in range(0, rows, _SLICE) for count in words_of([t or "" for t in texts[at : at + _SLICE]]).counts.tolist()]
    sample.rows += rows - (nulls or 0)
    sample.size += sum(sizes)
    for name, counts in sample.shares.items():
        for value, count in zip(columns.get(name, ()), sizes, strict=False):
            counts[str(value)] += count


def _null_texts(file: pq.ParquetFile, group: int) -> int | None:
    """The rows of a group without a text, where its statistics tell."""
    about = file.metadata.row_group(group)
    columns = (about.column(number) for number in range(about.num_columns))
    statistics = next(column for column in columns if column.path_in_schema == "text").statistics
    return statistics.null_count if statistics is not None and statistics.has_null_count else None
