"""`judge(generations, documents, checks)`: the filter stage on DataFrames of the user's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from classifiers.cascade import build_cascade
from classifiers.judging import DOCUMENT_COLUMNS, GENERATION_COLUMNS, OPTIONAL_COLUMNS, asked_by, judged_rows, labeller_of
from classifiers.settings import Filter, filter_of
from rephrase.labels import COLUMN
from rephrase.recipes.base import Recipe
from rephrase.records import JUDGED, content_id, require_columns
from rephrase.spark.runtime.frame_job import FrameJob
from rephrase.spark.runtime.pyspark_internals import to_spark_schema
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_KEY = "document"  # the id of the document beside a generation; null where it is not there


def judge(
    generations: DataFrame,
    documents: DataFrame,
    checks: Sequence[str | dict[str, dict[str, Any]]] | None = None,
    *,
    tokenizer: str | None = None,
    recipes: Sequence[str | Mapping[str, Any] | Recipe] = (),
    text: str = "text",
    id: str | None = None,  # noqa: A002  # the name of the user's id column
    labels: Mapping[str, Mapping[str, Any]] | None = None,
) -> DataFrame:
    """A verdict and all scores for every generation. Lazy; joins the two by the documents' ids, which shuffles both.

    Arguments and columns are those of `classifiers.judge`, on DataFrames: generations as `rephrase.spark.rewrite` returned them, and the
    documents it was given. Models and tokenizer must be readable on the executors. Rows come in any order.

    Returns a DataFrame with the columns of `rephrase.records.JUDGED`. Raises `UserError` for unknown checks, settings and columns. That of
    a task, such as a model that does not load, stands in the message of Spark's own exception: see `rephrase.spark.rewrite`.

    >>> documents = spark.createDataFrame([("k1", "The tide rises twice a day.")], "key string, body string")
    >>> rows = rewrite(documents, "wrap/easy", {"kind": "echo"}, tokenizer="examples/tokenizer.json", text="body", id="key")
    >>> judged = judge(rows, documents, ["finished", {"length": {"max_ratio": 3}}], text="body", id="key")
    >>> judged.select("document_id", "verdict").collect()
    [Row(document_id='k1', verdict='length')]
    """
    cascade = build_cascade(Filter() if checks is None else filter_of(checks))
    asked, labeller = asked_by(recipes), labeller_of(labels)
    require_columns(generations.columns, GENERATION_COLUMNS, "judge, generations")
    require_columns(documents.columns, [text, id], "judge, documents")

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counter = Tokenizer.load(tokenizer) if tokenizer else None
        for batch in batches:
            table = pa.Table.from_batches([batch])
            yield from judged_rows(table, _documents_beside(table), cascade, counter, asked, labeller).to_batches()

    from pyspark.sql.functions import coalesce, lit, udf

    texts = coalesce(documents[text].cast("string"), lit(""))
    ids = documents[id].cast("string") if id else udf(content_id, "string")(texts)
    beside = [
        (documents[name] if name in documents.columns else lit(None)).cast(_kind(name)).alias(_beside(name))
        for name in DOCUMENT_COLUMNS
        if name != "text"
    ]
    originals = documents.select(ids.alias(_KEY), texts.alias(_beside("text")), *beside).dropDuplicates([_KEY])
    rows = generations.select(*GENERATION_COLUMNS, *(name for name in OPTIONAL_COLUMNS if name in generations.columns))
    joined = rows.join(originals, rows["document_id"] == originals[_KEY], "left")
    return joined.mapInArrow(FrameJob(generations.sparkSession).reporting(body), to_spark_schema(JUDGED))


def _kind(name: str) -> str:
    return "map<string,string>" if name == COLUMN else "string"


def _beside(name: str) -> str:
    """How a column of the document is called beside those of the generation."""
    return f"document_{name}"


def _documents_beside(table: pa.Table) -> dict[str, dict[str, Any]]:
    columns = [table.column(_beside(name)).to_pylist() for name in DOCUMENT_COLUMNS]
    keyed = zip(table.column(_KEY).to_pylist(), *columns, strict=True)
    return {key: dict(zip(DOCUMENT_COLUMNS, values, strict=True)) for key, *values in keyed if key is not None}
