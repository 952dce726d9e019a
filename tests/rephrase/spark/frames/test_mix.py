"""The mixture of DataFrames is that of the mix stage, row for row."""

from __future__ import annotations

from typing import Any

import pytest

from rephrase.errors import UserError
from rephrase.records import MIXTURE
from rephrase.spark import mix
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.run_tables import objects_of
from tests.rephrase.spark.mixtures import HALVES, mixture, write_inputs

SPLIT = {"origin": "original", "split_by": "source", "temperature": 2, "share": 0.6, "max_epochs": 2}
GRADED = {"origin": "synthetic", "min_scores": {"quality": 0.3}, "share": 0.4, "max_epochs": 2.5}
PHASES = [
    {"tokens": 6000, "components": [{"origin": "original", "source": "web", "share": 0.7}, {"recipe": "wrap/*", "share": 0.3}]},
    {"tokens": 4000, "components": [{"origin": "original", "source": "web", "share": 1}]},
]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("inputs"))
    write_inputs(folder)
    return folder


@pytest.fixture
def frames(output: str, spark: LazySession) -> list[Any]:
    """The two tables as frames of other partitions than their objects."""
    return [spark.get().read.parquet(*objects_of(output, table)).repartition(2) for table in (Tables.DOCUMENTS, Tables.JUDGED)]


@pytest.mark.parametrize(
    "settings",
    [
        {"components": [SPLIT, GRADED], "budget_tokens": 9000, "seed": 3},
        {"phases": PHASES},
        {"components": HALVES, "pairing": "both", "budget_tokens": 4000},
        {"components": HALVES, "pairing": "instead"},
    ],
    ids=["shares", "phases", "both", "instead"],
)
def test_the_rows_are_those_of_the_stage_in_the_same_order(
    output: str, spark: LazySession, frames: list[Any], settings: dict[str, Any]
) -> None:
    _, rows = mixture(output, spark, **settings)
    spark.get().catalog.clearCache()
    frame = mix(*frames, {"file_tokens": 5000, **settings})
    assert frame.columns == MIXTURE.names
    assert [row.asDict() for row in frame.collect()] == [{name: row[name] for name in MIXTURE.names} for row in rows]
    assert spark.get()._jsparkSession.sharedState().cacheManager().isEmpty(), "nothing stays cached"


def test_partitions_are_the_files_and_columns_tell_the_order(output: str, spark: LazySession, frames: list[Any]) -> None:
    settings = {"components": HALVES, "budget_tokens": 9000, "file_tokens": 2000}
    frame = mix(*frames, settings, order=True)
    rows = frame.collect()
    assert frame.columns == [*MIXTURE.names, "part", "place"]
    assert [row.part for row in rows] == [row["part"] for row in mixture(output, spark, **settings)[1]]
    assert len({row.part for row in rows}) == 5
    back = frame.repartition(3, "id").orderBy("part", "place", "id", "epoch")
    assert back.collect() == rows


def test_a_table_that_no_component_draws_from_may_be_none(spark: LazySession) -> None:
    documents = spark.get().createDataFrame([(f"d{n}", f"page {n}", 10) for n in range(20)], "id string, text string, n_tokens int")
    alone = {"components": [{"origin": "original", "share": 1}], "budget_tokens": 100}
    rows = mix(documents, None, alone).collect()
    assert [(row.n_tokens, row.origin, row.source, row.document_id == row.id) for row in rows] == [(10, "original", None, True)] * 10
    with pytest.raises(UserError, match="components draw from `judged`, which is None"):
        mix(documents, None, {"budget_tokens": 100})


def test_mistakes_are_told_before_a_frame_is_read(spark: LazySession) -> None:
    frame = spark.get().createDataFrame([("a", "text")], "id string, text string")
    alone = {"components": [{"origin": "original", "share": 1}]}
    with pytest.raises(UserError, match="mix, documents: there is no column `n_tokens`"):
        mix(frame, None, alone)
    with pytest.raises(UserError, match=r"unknown key `mix\.budget`|unknown key `budget`"):
        mix(frame, None, alone | {"budget": 3})


def test_too_little_material_is_a_plain_error(frames: list[Any]) -> None:
    with pytest.raises(UserError, match="`original` shall give 500,000 tokens and has"):
        mix(*frames, {"budget_tokens": 1_000_000})


def test_an_empty_source_is_a_source(spark: LazySession) -> None:
    rows = [(f"{source}{number}", "x", 10, source) for source in ("", "web", None) for number in range(4)]
    documents = spark.get().createDataFrame(rows, "id string, text string, n_tokens long, source string")
    settings = {"components": [{"origin": "original", "split_by": "source", "share": 1}], "budget_tokens": 60}
    taken = [row.source for row in mix(documents, None, settings).collect()]
    assert sorted(map(str, taken)) == ["", "", "None", "None", "web", "web"]
