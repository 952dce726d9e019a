"""`rewrite(df, recipe, engine)`: the rewrite stage on a DataFrame of the user's own, without tables or stages of ours."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from rephrase import storage
from rephrase.engines.keeping import Keeping
from rephrase.engines.settings import EngineSettings
from rephrase.engines.several import Engines, OwnEngine, engines_of
from rephrase.errors import UserError
from rephrase.generation.fits import check_fits
from rephrase.generation.rewrite import refuse_own_rows, run_recipes
from rephrase.generation.rounds import holder_of, rounds
from rephrase.generation.texts import KNOWN, metadata_column, rows_of_texts
from rephrase.recipes.base import Recipe
from rephrase.recipes.catalogue import find_recipes
from rephrase.records import DOCUMENT, GENERATION, MAX_DEPTH, content_id, require_columns
from rephrase.spark.runtime.frame_job import FrameJob
from rephrase.spark.runtime.gpus import discovery_script, executor_gpus
from rephrase.spark.runtime.pyspark_internals import to_spark_schema
from rephrase.spark.stages.meaning import plain
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


_INTEGERS = ("tinyint", "smallint", "int", "bigint")
_MAP = "map<string,string>"


def rewrite(
    frame: DataFrame,
    recipe: str | Mapping[str, Any] | Recipe,
    engine: Mapping[str, Any] | EngineSettings,
    *,
    tokenizer: str,
    text: str = "text",
    id: str | None = None,  # noqa: A002  # the name of the user's id column
    metadata: Sequence[str] = (),
    cache: str | None = None,
) -> DataFrame:
    """Rewrite a column of texts. Lazy, as every DataFrame operation; a further action on the same rows asks the engine for nothing again.

    Answers are kept as they come, by the batches of rows that tasks get (at most 512 rows each), in the folder `cache`: a path that all
    executors share, or a URL such as s3://bucket/answers; later sessions find them there too. By default each executor keeps them on its
    own disk until the session ends. Errors of the engine are not kept. What changes the batches, as another filter or partitioning
    before `rewrite` does, is asked for anew.

    frame: any DataFrame with a string column `text`, and, if given, a string column `id` (else ids are made of the texts). Columns
    that are named as in `rephrase.records.DOCUMENT` (source, language, n_tokens …) are the documents' own, as `when:` wants them.
    recipe: a name or pattern of the catalogue, a mapping as under `recipes:` in a run config, or a Recipe.
    engine: a mapping as under `engine:`; or a mapping of such by name, as under `engines:`, of which the recipe names those of its steps.
    Of these only one may be a vLLM of ours: batches go through all steps, and two would take turns on the same devices.
    metadata: columns that recipes find in the documents' metadata, such as the answer of a problem.
    tokenizer: counts the tokens of passages; a tokenizer.json, a folder, or a hub id, readable on the executors.

    Returns a DataFrame with the columns of `rephrase.records.GENERATION`, one row a completion. Failed requests are rows with an
    `error`. Raises `UserError` for unknown names and settings. That of a task stands in the message of Spark's own exception, from which
    `rephrase.errors.from_traceback` gives it back.

    >>> frame = spark.createDataFrame([("k1", "The tide rises twice a day.")], "key string, body string")
    >>> rows = rewrite(frame, "wrap/easy", {"kind": "echo"}, tokenizer="examples/tokenizer.json", text="body", id="key")
    >>> rows.select("document_id", "recipe", "model").collect()
    [Row(document_id='k1', recipe='wrap/easy', model='echo')]
    """
    recipes = find_recipes(recipe)
    engines = engines_of(engine)
    engines.check()
    check_fits(recipes, engines)
    _refuse_turns(recipes, engines)
    refuse_own_rows(recipes)
    require_columns(frame.columns, [text, id, *metadata, *(name for name in KNOWN if name in frame.columns)], "rewrite")
    script = discovery_script(frame.sparkSession)

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counter = Tokenizer.load(tokenizer)
        for batch in batches:
            rows = rows_of_texts(pa.Table.from_batches([batch]), recipes, counter, metadata)
            texts = [f"{row.document.id} {row.document.text}" for row in rows]
            opener = functools.partial(_open_keeping, script=script, cache=cache or _session_folder(), texts=texts)
            for table in run_recipes(rows, recipes, engines, opener, counter):
                yield from table.to_batches()

    from pyspark.sql.functions import lit

    known = [_known(frame, name).alias(name) for name, kind in frame.dtypes if _fits(name, kind) and name != text]
    ids = _column(frame, id) if id else lit(None)
    named = [_column(frame, name).cast("string").alias(metadata_column(number)) for number, name in enumerate(metadata)]
    texts = frame.select(_column(frame, text).cast("string").alias("text"), ids.cast("string").alias("id"), *known, *named)
    return texts.mapInArrow(FrameJob(frame.sparkSession).reporting(body), to_spark_schema(GENERATION))


def _open_keeping(settings: EngineSettings, *, script: str | None, cache: str, texts: Sequence[str]) -> Keeping:
    model = content_id(settings.model_name, orjson.dumps(plain(settings.meaning), option=orjson.OPT_SORT_KEYS).decode())
    return Keeping(settings.open(executor_gpus(script)), storage.join(cache, content_id(model, *texts)))


def _refuse_turns(recipes: Sequence[Recipe], engines: Engines) -> None:
    """Raise a `UserError` for engines that cannot be asked on executors batch by batch."""
    if own := next((settings for settings in engines.by_name.values() if isinstance(settings, OwnEngine)), None):
        cure = "register its settings as a kind of engine: see `docs/plugins.md`"
        raise UserError(f"{own.engine!r} lives in this process, and executors need one of their own", where="rewrite", cure=cure)
    holders = dict.fromkeys(name for steps in rounds(recipes, engines) if (name := holder_of(recipes, steps, engines)) is not None)
    if len(holders) > 1:
        what = f"the engines {' and '.join(f'`{name}`' for name in holders)} would take turns on the same devices with each batch of rows"
        raise UserError(what, where="rewrite", cure="start one of them yourself, as `kind: endpoint`; or use `rephrase run`")


def _session_folder() -> str:
    """A folder of this executor that goes with the session."""
    from pyspark import SparkFiles

    return os.path.join(SparkFiles.getRootDirectory(), "rephrase-answers")


def _column(frame: DataFrame, name: str) -> Column:
    """The column of this very name, which may hold dots."""
    return frame["`" + name.replace("`", "``") + "`"]


def _known(frame: DataFrame, name: str) -> Column:
    from pyspark.sql.functions import greatest, least, lit

    column = _column(frame, name)
    if name == "synthetic_depth":  # a number that is too large for its type would end the job
        column = greatest(least(column, lit(MAX_DEPTH)), lit(-MAX_DEPTH))
    return column.cast(_ddl(name))


def _fits(name: str, kind: str) -> bool:
    """Whether a column of the user's is one that documents take over."""
    return name in KNOWN and kind in {"bigint": _INTEGERS, "int": _INTEGERS, _MAP: (_MAP,)}.get(_ddl(name), ("string",))


def _ddl(name: str) -> str:
    kind = DOCUMENT.field(name).type
    return _MAP if pa.types.is_map(kind) else "bigint" if kind == pa.int64() else "int" if kind == pa.int32() else "string"
