"""Judging DataFrames gives what judging Arrow tables gives."""

from __future__ import annotations

import pyarrow as pa
import pytest

import classifiers
from rephrase.errors import UserError
from rephrase.generation.rewrite import rewrite
from rephrase.records import JUDGED
from rephrase.spark import judge
from rephrase.spark.runtime.session import LazySession

CHECKS = ["finished", "parsed", {"length": {"min_ratio": 2, "max_ratio": None}}, "leaked"]


@pytest.fixture(scope="module")
def documents() -> pa.Table:
    texts = ["The tide rises twice a day.", "The Moon pulls at the sea.", "Never rewritten."]
    return pa.table({"key": [7, 8, 9], "text": texts, "source": ["a", "b", "c"]})


@pytest.mark.parametrize("key", ["key", None])
def test_rows_are_those_of_the_library(spark: LazySession, documents: pa.Table, tokenizer_file: str, key: str | None) -> None:
    generations = rewrite(documents, "wrap/*", {"kind": "echo"}, tokenizer=tokenizer_file, id=key)
    expected = classifiers.judge(generations, documents, CHECKS, tokenizer=tokenizer_file, id=key)
    frames = [spark.get().createDataFrame(table).repartition(3) for table in (generations, documents)]
    judged = judge(*frames, CHECKS, tokenizer=tokenizer_file, id=key)
    assert judged.columns == JUDGED.names
    rows = judged.toArrow().cast(JUDGED).sort_by("id")
    assert rows.to_pylist() == expected.sort_by("id").to_pylist()
    assert set(rows.column("verdict").to_pylist()) >= {"leaked", "parsed"}


def test_mistakes_are_told_before_any_task_runs(spark: LazySession) -> None:
    frame = spark.get().createDataFrame([("a",)], "text string")
    with pytest.raises(UserError, match="did you mean `length`"):
        judge(frame, frame, ["lenght"])
    with pytest.raises(UserError, match="judge, generations: there is no column `id`"):
        judge(frame, frame, ["length"])
