"""`rewrite(df, recipe, engine)`: the rewrite stage on a DataFrame of the user's own, without tables or stages of ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rephrase.config.file import engine_of
from rephrase.engines.factory import check_engine, open_engine
from rephrase.engines.settings import EngineConfig
from rephrase.errors import TaskError, UserError
from rephrase.generation.loop import generate
from rephrase.generation.rows import with_generations
from rephrase.generation.step_run import StepRun
from rephrase.recipes.base import Recipe, Row
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.neighbours import with_neighbours
from rephrase.recipes.use import RecipeUse
from rephrase.records import GENERATION, Document, content_id
from rephrase.settings.validation import validate
from rephrase.spark.runtime.gpus import discovery_script, executor_gpus
from rephrase.spark.runtime.pyspark_internals import to_spark_schema
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame


def rewrite(
    frame: DataFrame,
    recipe: str | dict[str, Any] | Recipe,
    engine: dict[str, Any] | EngineConfig,
    *,
    tokenizer: str,
    text: str = "text",
    id: str | None = None,  # noqa: A002  # the name of the user's id column
    metadata: Sequence[str] = (),
) -> DataFrame:
    """Rewrite a column of texts. Lazy, as every DataFrame operation.

    frame: any DataFrame with a string column `text`, and, if given, a string column `id` (else ids are made of the texts).
    recipe: a name of the catalogue, a mapping as under `recipes:` in a run config, or a Recipe. engine: a mapping as under `engine:`.
    metadata: columns that recipes find in the documents' metadata, such as the answer of a problem.
    tokenizer: counts the tokens of passages; a tokenizer.json, a folder, or a hub id, readable on the executors.

    Returns a DataFrame with the columns of `rephrase.records.GENERATION`, one row a completion. Failed requests are rows with an
    `error`. Raises `UserError` for unknown names and settings.
    """
    chosen = [recipe] if isinstance(recipe, Recipe) else recipes_of([validate(RecipeUse, recipe, "recipe")])
    config = engine_of(engine)
    check_engine(config)
    if alone := next((one.name for one in chosen if one.rows is not None), None):
        cure = "run it with `rephrase run`"
        raise UserError(f"the recipe `{alone}` has rows of its own and takes none", where="rewrite", cure=cure)
    missing = [name for name in (text, id, *metadata) if name and name not in frame.columns]
    if missing:
        raise UserError(f"there is no column `{missing[0]}`", where="rewrite", cure=f"the columns are: {', '.join(frame.columns)}")

    script = discovery_script(frame.sparkSession)

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counter = Tokenizer.load(tokenizer)
        for batch in batches:
            texts, ids, *more = (column.to_pylist() for column in batch.columns)
            rows = []
            for key, value, *extra in zip(ids, texts, *more, strict=True):
                known = {name: found for name, found in zip(metadata, extra, strict=True) if found is not None}
                rows.append(Row(Document(content_id(value or "") if key is None else key, value or "", metadata=known)))
            with _user_errors_marked():
                for one in chosen:
                    near = with_neighbours(rows, one.neighbours) if one.neighbours else rows
                    yield from _answer(near, one, config, counter, executor_gpus(script))

    from pyspark.sql.functions import lit

    ids = frame[id].cast("string") if id else lit(None).cast("string")
    return frame.select(frame[text].cast("string"), ids, *(frame[name].cast("string") for name in metadata)).mapInArrow(
        body, to_spark_schema(GENERATION)
    )


def _answer(rows: list[Row], recipe: Recipe, config: EngineConfig, tokenizer: Tokenizer, gpus: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    async def run() -> list[pa.Table]:
        engine = open_engine(config, gpus)
        try:
            made, grown = [], rows
            for step in recipe.steps:
                table, _ = await generate(grown, StepRun(recipe, step, tokenizer, engine.model), engine)
                made.append(table)
                grown = with_generations(grown, step.name, table)
            return made
        finally:
            await engine.close()

    for table in asyncio.run(run()):
        yield from table.to_batches()


@contextlib.contextmanager
def _user_errors_marked() -> Iterator[None]:
    """No driver of ours watches the task: let a `UserError` reach the driver in a form that it finds again in Spark's message."""
    try:
        yield
    except UserError as error:
        raise TaskError(error) from error
