"""The context that the rewrite stage asks its engine for, by the documents that are there."""

from __future__ import annotations

import pyarrow as pa
import pytest

from rephrase.config.run import Run
from rephrase.names import DocumentsName
from rephrase.notes import DocumentsNote
from rephrase.recipes.catalogue import recipes_of
from rephrase.records import DOCUMENT
from rephrase.settings.validation import validate
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.spark.stages.rewrite.context import longest_row, with_sized_engines
from rephrase.spark.stages.rewrite.rows import sources_of
from rephrase.storage import tables


def run_of(folder, tiny_model, tokens: list[int], **engine) -> Run:
    """A run whose documents have so many tokens, in objects of one row each."""
    for number, count in enumerate(tokens):
        row = {"id": f"d{number}", "text": "The tide rises.", "source": "s", "n_tokens": count, "synthetic_depth": 0}
        path = folder / "documents" / str(DocumentsName(number))
        tables.commit(str(path), pa.Table.from_pylist([row], schema=DOCUMENT), DocumentsNote(documents=1))
    claim(str(folder / "documents"), Tables.DOCUMENTS, Meaning({"made": "here"}))
    model = str(tiny_model)
    data = {
        "output": str(folder),
        "input": {"paths": "unused"},
        "tokenizer": model,
        "engine": {"kind": "vllm", "model": model, **engine},
        "recipes": [{"use": "finephrase/faq", "sampling": {"max_tokens": 256}}],
    }
    return validate(Run, data, "test")


@pytest.mark.parametrize(
    ("tokens", "engine", "length"),
    [
        ([120, 300, 80], {}, 1024),
        ([120, 1200], {}, 2048),
        ([120, 90_000], {}, None),  # passages of 5,500 tokens, and the model has a context of 4,096
        ([120], {"max_model_len": 3000}, 3000),
        ([0, 0], {}, None),  # tables that did not count
    ],
)
def test_the_engine_has_as_long_a_context_as_the_longest_document_needs(tmp_path, tiny_model, tokens, engine, length):
    run = run_of(tmp_path, tiny_model, tokens, **engine)
    recipes = recipes_of(run.recipes)
    sources = sources_of(run, recipes)
    assert longest_row(sources[0]) == (max(tokens) or None)
    assert with_sized_engines(run, recipes, sources).engine.max_model_len == length


def test_each_engine_has_what_its_own_steps_need(tmp_path, tiny_model):
    run = run_of(tmp_path, tiny_model, [1000])
    model = str(tiny_model)
    engine = {"kind": "vllm", "model": model}
    recipes = [
        {"use": "wrap/easy", "sampling": {"max_tokens": 128}},
        {"use": "finephrase/faq", "engine": "long", "sampling": {"max_tokens": 256}},
    ]
    data = {"output": run.output, "input": {"paths": "unused"}, "tokenizer": model, "recipes": recipes}
    run = validate(Run, {**data, "engines": {"writer": engine, "long": {**engine, "name": "other"}}}, "test")
    recipes = recipes_of(run.recipes)
    engines = with_sized_engines(run, recipes, sources_of(run, recipes)).all_engines
    assert [settings.max_model_len for settings in engines.by_name.values()] == [1024, 2048]
