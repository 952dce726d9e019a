"""Exactness of mixtures of many rows: random configs, each mixed to files, which are then read and counted."""

from __future__ import annotations

import hashlib
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.mix_corpus import settings_of, write_corpus
from bench.mix_runs import cluster, mix_again

CONFIGS = 20
MEAN_WORDS = 12
EXECUTORS = (1, 2, 4)
COMPARED = 3  # configs that are mixed by each number of executors
CARRIED = ["text", "source", "license", "n_tokens", "synthetic_depth"]  # what a row takes over from its table


def random_settings(dice: random.Random, tokens: int) -> dict[str, Any]:
    """A few components by shares or tokens, some with epochs, splits, scores, a pairing or phases. tokens: of the smaller origin."""
    originals: list[dict[str, Any]] = [
        {"origin": "original", "source": "wiki"},
        {"origin": "original", "license": "CC-*", "max_scores": {"edu": 3}},
    ]
    rewrites: list[dict[str, Any]] = [{"recipe": "wrap/*"}, {"origin": "synthetic", "max_scores": {"quality": 0.7}}]
    pairing = dice.choice([None, None, "both", "instead"])
    if pairing:
        share = dice.choice([0.6, 0.7])  # without a budget, as only so many rewrites go with the originals that are taken
        components = [{"origin": "original", "share": share}, {**dice.choice(rewrites), "share": 1 - share, "max_epochs": 3}]
        return {"seed": dice.randint(0, 9), "pairing": pairing, "components": components}
    components = [*dice.sample(originals, dice.randint(1, 2)), *dice.sample(rewrites, dice.randint(0, 2))]
    for component in components:
        component["max_epochs"] = dice.choice([8, 9.5])
        if dice.random() < 0.3:
            component |= {"split_by": "source", "temperature": dice.choice([1, 1.5])}
    weights = [dice.uniform(0.2, 1) for _ in components]
    shares = [component | {"share": weight / sum(weights)} for component, weight in zip(components, weights, strict=True)]
    budget = dice.randint(tokens // 20, tokens)
    kind = dice.choice(["budget", "tokens", "phases"])
    if kind == "phases":
        return {
            "seed": dice.randint(0, 9),
            "phases": [{"tokens": budget // 2, "components": shares}, {"tokens": budget // 3, "components": shares[::-1]}],
        }
    if kind == "tokens":
        return {
            "seed": dice.randint(0, 9),
            "components": [component | {"tokens": int(part["share"] * budget)} for component, part in zip(components, shares, strict=True)],
        }
    return {"seed": dice.randint(0, 9), "components": shares, "budget_tokens": budget}


def inputs_of(folder: Path) -> pa.Table:
    """The rows of both tables, with the columns that mixtures take over."""
    from rephrase.storage import tables

    documents = tables.read_folder(str(folder / "documents"), ["id", *CARRIED])
    judged = tables.read_folder(str(folder / "judged"), ["id", *CARRIED, "document_id", "recipe", "model"])
    nothing = pa.nulls(len(documents), pa.string())
    documents = documents.append_column("document_id", documents["id"]).append_column("recipe", nothing).append_column("model", nothing)
    return pa.concat_tables([documents, judged])


def verify(folder: Path, inputs: pa.Table, run: Any) -> float:
    """The largest distance of a component from its target, over the longest text. Ends the program where a row is not that of its table."""
    import orjson

    from rephrase.storage import tables

    mixture = tables.read_folder(str(folder / "mixture"))
    at = pc.index_in(mixture["id"], inputs["id"].combine_chunks())
    assert at.null_count == 0, "a row is of no table"
    for name in [*CARRIED, "document_id", "recipe", "model"]:
        assert mixture[name].combine_chunks().equals(inputs[name].take(at).combine_chunks()), f"{name} is not that of the row's table"
    uses = np.zeros(len(inputs), np.int64)
    np.add.at(uses, at.to_numpy(), 1)
    by_use = np.zeros(len(inputs), np.int64)
    np.add.at(by_use, at.to_numpy(), mixture["epoch"].to_numpy())
    assert (by_use == uses * (uses - 1) // 2).all(), "the uses of a text are not counted up from 0"
    manifest = orjson.loads((folder / "mixture" / "_manifest.json").read_bytes())
    assert (manifest["rows"], manifest["tokens"]) == (len(mixture), pc.sum(mixture["n_tokens"]).as_py()), "the manifest is not true"
    if run.mix.pairing:
        is_original = pc.equal(mixture["origin"], "original")
        has_original = pc.is_in(mixture["document_id"].filter(pc.invert(is_original)), mixture["id"].filter(is_original).combine_chunks())
        assert pc.all(has_original).as_py() if run.mix.pairing == "both" else not pc.any(has_original).as_py(), "the pairing is broken"
    longest = pc.max(inputs["n_tokens"]).as_py()
    return float(max(abs(part["tokens"] - part["target_tokens"]) / longest for part in manifest["components"]))


def files_of(folder: Path) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "mixture" / "data").glob("*.parquet"))]


def check(folder: Path, rows: int) -> None:
    """Mix by CONFIGS configs; the first few by several numbers of executors."""
    from rephrase.config.run import Run
    from rephrase.settings.validation import validate

    corpus = write_corpus(folder, rows // 2, rows // 2, MEAN_WORDS)
    inputs = inputs_of(folder)
    print(f"{len(inputs):,} rows, {sum(corpus.tokens.values()):,} tokens, the longest of {corpus.longest}", flush=True)
    dice = random.Random(1)
    tokens = min(corpus.tokens.values())
    runs = [validate(Run, settings_of(folder, random_settings(dice, tokens) | {"file_tokens": 500_000}), "bench") for _ in range(CONFIGS)]
    files_of_config: dict[int, list[str]] = {}
    worst = 0.0
    for executors in EXECUTORS:
        session = cluster(executors, 1 if executors > 1 else 2)
        for number, run in enumerate(runs if executors == 1 else runs[:COMPARED]):
            started = time.perf_counter()
            mix_again(run, session)
            files = files_of(folder)
            assert files_of_config.setdefault(number, files) == files, f"config {number}: other files from {executors} executors"
            off = verify(folder, inputs, run)
            worst = max(worst, off)
            phases = len(run.mix.phases) or 1
            print(
                f"config {number:2}, {executors} executors: {len(files)} files, {len(run.mix.selections)} components, {phases} phases, "
                f"pairing {run.mix.pairing}: off by {off:.2f} of the longest text ({time.perf_counter() - started:.0f} s)",
                flush=True,
            )
        session.stop()
    print(f"mix exact: at most {worst:.2f} of the longest text off its target, in {CONFIGS} configs")
