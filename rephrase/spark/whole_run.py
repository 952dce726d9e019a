"""`run(run)`: the whole pipeline from a program or a notebook, and the tables that it made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.manifest import MANIFEST
from rephrase.spark.stages.pipeline import fasttext_models, run_all
from rephrase.spark.stages.run_tables import objects_of
from rephrase.storage import tables

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession


@dataclass(frozen=True, slots=True)
class RunTables:
    """The tables of a run by their names: documents, generations, judged, mixture and so on."""

    output: str

    def read(self, table: str, columns: list[str] | None = None) -> pa.Table:
        """A whole table, or some of its columns, in memory. Raises `UserError` where no stage has made it."""
        return tables.read_folder(storage.join(self.output, table), columns)

    def paths(self, table: str) -> list[str]:
        """The Parquet objects of a table, in their order, for `spark.read.parquet(*paths)` or any other reader. Raises as `read`."""
        return objects_of(self.output, table)

    @property
    def manifest(self) -> dict[str, Any]:
        """What the mixture says of itself: rows, tokens and shares of its components, counts, files, and what made them."""
        manifest: dict[str, Any] = orjson.loads(storage.read(storage.join(self.output, "mixture", MANIFEST)))
        return manifest


def run(run: str | Run, spark: SparkSession | None = None, *, retry_errors: bool = False, replace: bool = False) -> RunTables:
    """All stages of a run, as `rephrase run` does them; each does only what is not there yet. Blocks until the mixture is complete.

    run: the path of a run.yaml, or what `rephrase.load_run` returned. spark: the session to work in, which stays; default: the one that
    runs in this process, else a new one, by the run's section `spark`, which is stopped at the end. retry_errors: requests that ended in an
    error are asked again. replace: verdicts, duplicates and a mixture of another config are removed and made again.

    Raises `UserError` from any stage; run it again to resume.

    >>> made = run(example)
    >>> made.manifest["components"][0]["name"], made.read("mixture").num_rows == made.manifest["rows"]
    ('original', True)
    """
    chosen = load_run(run) if isinstance(run, str) else run
    session = LazySession(chosen.spark, session=spark, models=fasttext_models(chosen))
    try:
        run_all(chosen, session, retry_errors=retry_errors, replace=replace)
    finally:
        session.stop()
    return RunTables(chosen.output)
