"""Packed exports without Spark, and documents of two kinds: sentences of a small grammar, and the same words in no order."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from rephrase import storage
from rephrase.exports.base import Row
from rephrase.exports.catalogue import make_format
from rephrase.exports.vocabulary import find_vocabulary
from rephrase.records import content_id
from rephrase.spark.stages.mix.manifest import MANIFEST
from rephrase.text.tokenizer import Tokenizer

LENGTH = 64
_NAMES, _VERBS, _THINGS = (
    ["The miller", "A farmer", "My aunt", "The old judge", "Her brother", "A sailor"],
    ["carries", "paints", "sells", "repairs", "hides", "counts"],
    ["a wooden boat", "seven lamps", "the broken clock", "two baskets of apples", "a map of the coast"],
)


def clean(seed: int, documents: int) -> list[str]:
    dice = random.Random(seed)
    return [
        " ".join(f"{dice.choice(_NAMES)} {dice.choice(_VERBS)} {dice.choice(_THINGS)} on day {dice.randint(1, 999)}." for _ in range(12))
        for _ in range(documents)
    ]


def noise(seed: int, documents: int) -> list[str]:
    dice = random.Random(seed)
    texts = []
    for text in clean(seed + 1, documents):
        words = text.split()
        dice.shuffle(words)
        texts.append(" ".join(words))
    return texts


def pack(folder: Path, parts: dict[str, Sequence[str]], tokenizer_file: str) -> Path:
    """A packed export with a shard for each part, as the export stage writes it."""
    vocabulary = find_vocabulary(tokenizer_file, "<|endoftext|>")
    form = make_format("packed", vocabulary, {"sequence_length": LENGTH})
    tokenizer = Tokenizer.load(tokenizer_file)
    shards: list[dict[str, Any]] = []
    for name, texts in parts.items():
        rows = [Row(content_id(t), b"", np.append(tokenizer.encode([t])[0], vocabulary.eod_id), {}, 0.0) for t in texts]
        shard = form.shard(name, rows)
        for path, data in shard.objects:
            storage.put(storage.join(str(folder), path), data)
        shards.append({"name": name, "files": [{"name": path} for path, _ in shard.objects], **shard.counts})
    manifest = {
        "format": "packed",
        "tokenizer": tokenizer_file,
        "vocabulary_size": vocabulary.size,
        "eod": {"token": vocabulary.eod, "id": vocabulary.eod_id},
        "packing": {"length": LENGTH, "strategy": "concatenate"},
        "shards": shards,
    }
    storage.put(storage.join(str(folder), MANIFEST), orjson.dumps(manifest))
    return folder


def held_out(path: Path, texts: Sequence[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path
