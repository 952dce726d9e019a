"""Originals and rewrites of random lengths, as the tables that the mix stage reads. The same for the same sizes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

OBJECT_ROWS, GROUP_ROWS = 20_000, 1000
SOURCES = {"web": 0.6, "forum": 0.2, "wiki": 0.15, "code": 0.05}
LICENSES = ["CC-BY-4.0", "CC-BY-SA-4.0", "MIT", None]
RECIPES = ["wrap/easy", "wrap/qa", "mind/debate"]
REJECTED = 0.05  # of the rewrites


@dataclass
class Corpus:
    """What was written: rows and tokens (words) by origin, bytes of text, and the longest text in tokens."""

    rows: dict[str, int]
    tokens: dict[str, int]
    text_bytes: int = 0
    longest: int = 0


def write_corpus(folder: Path, originals: int, rewrites: int, mean_words: int, seed: int = 0) -> Corpus:
    """The tables `documents` and `judged`. Rewrites belong to random documents and are half as long; one in twenty is rejected."""
    from rephrase.records import DOCUMENT, JUDGED
    from rephrase.spark.stages.base import Table, Tables
    from rephrase.spark.stages.ledger import claim
    from rephrase.spark.stages.meaning import Meaning
    from rephrase.storage import tables

    corpus = Corpus({"original": 0, "synthetic": 0}, {"original": 0, "synthetic": 0})
    plans: list[tuple[str, Table, int, pa.Schema]] = [
        ("original", Tables.DOCUMENTS, originals, DOCUMENT),
        ("synthetic", Tables.JUDGED, rewrites, JUDGED),
    ]
    for origin, output, rows, schema in plans:
        name = output.path
        claim(str(folder / name), output, Meaning({}))
        mean_length = mean_words if origin == "original" else mean_words // 2
        for number, start in enumerate(range(0, rows, OBJECT_ROWS)):
            writer = tables.Writer(schema)
            dice = np.random.default_rng([seed, len(name), number])
            for first in range(start, min(rows, start + OBJECT_ROWS), GROUP_ROWS):
                texts, lengths = _texts(dice, min(GROUP_ROWS, rows - first), mean_length)
                columns = (_documents if origin == "original" else _rewrites)(dice, first, texts, lengths, originals)
                table = pa.table([pa.array(columns.get(f.name, [None] * len(texts)), f.type) for f in schema], schema=schema)
                writer.add(table)
                has_text = pc.is_valid(table.column("text")).to_numpy()
                corpus.rows[origin] += int(has_text.sum())
                corpus.tokens[origin] += int(lengths[has_text].sum())
                corpus.text_bytes += pc.sum(pc.binary_length(table.column("text"))).as_py()
                corpus.longest = max(corpus.longest, int(lengths.max()))
            writer.commit(str(folder / name / f"part-{number:05d}.parquet"))
    return corpus


def _vocabulary() -> pa.Array:
    syllables = [a + b for a in "bcdfglmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "in", "on", "al")]
    return pa.array(["".join(parts) for size in (1, 2, 3) for parts in itertools.islice(itertools.product(syllables, repeat=size), 8000)])


VOCABULARY = _vocabulary()


def _texts(dice: np.random.Generator, rows: int, mean_words: int) -> tuple[pa.Array, Any]:
    """Texts of words drawn with a long tail, and how many words each has."""
    lengths = np.maximum(1, dice.lognormal(np.log(mean_words) - 0.32, 0.8, rows)).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    words = VOCABULARY.take(pa.array((len(VOCABULARY) * dice.random(offsets[-1]) ** 4).astype(np.int32)))
    return pc.binary_join(pa.ListArray.from_arrays(offsets, words), " "), lengths


def document_id(number: int) -> str:
    from rephrase.records import content_id

    return content_id("document", str(number))


def _documents(dice: np.random.Generator, first: int, texts: pa.Array, lengths: Any, _: int) -> dict[str, Any]:
    rows = len(texts)
    return {
        "id": [document_id(first + row) for row in range(rows)],
        "text": texts,
        "source": dice.choice(list(SOURCES), rows, p=list(SOURCES.values())).tolist(),
        "url": [f"https://example.org/{first + row}/{value:x}" for row, value in enumerate(dice.integers(0, 2**60, rows).tolist())],
        "language": ["en"] * rows,
        "language_score": dice.random(rows, np.float32),
        "n_tokens": lengths,
        "synthetic_depth": np.zeros(rows, np.int32),
        "license": [LICENSES[at] for at in dice.integers(0, len(LICENSES), rows)],
        "metadata": [[("edu", str(grade))] for grade in dice.integers(0, 6, rows)],
    }


def _rewrites(dice: np.random.Generator, first: int, texts: pa.Array, lengths: Any, originals: int) -> dict[str, Any]:
    from rephrase.records import KEEP, content_id

    rows = len(texts)
    keep = dice.random(rows) >= REJECTED
    return {
        "id": [content_id("rewrite", str(first + row)) for row in range(rows)],
        "recipe": [RECIPES[at] for at in dice.integers(0, len(RECIPES), rows)],
        "step": ["rewrite"] * rows,
        "document_id": [document_id(number) for number in dice.integers(0, originals, rows).tolist()],
        "verdict": [KEEP if good else "repetition" for good in keep],
        "scores": [[("quality", score)] for score in dice.random(rows).tolist()],
        "text": pc.if_else(pa.array(keep), texts, None),
        "n_tokens": lengths,
        "source": dice.choice(list(SOURCES), rows, p=list(SOURCES.values())).tolist(),
        "language": ["en"] * rows,
        "license": [LICENSES[at] for at in dice.integers(0, len(LICENSES), rows)],
        "model": ["tiny"] * rows,
        "synthetic_depth": np.ones(rows, np.int32),
    }


def settings_of(output: Path, mix: dict[str, Any]) -> dict[str, Any]:
    """The config of a run that mixes these tables."""
    unused = {"input": {"paths": "unused"}, "tokenizer": "unused", "engine": {"kind": "echo"}, "recipes": ["wrap/easy"]}
    return {"output": str(output), **unused, "mix": mix}
