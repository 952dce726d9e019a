"""`run(run)`: the whole pipeline from a program or a notebook, and the tables that it made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Table, Tables
from rephrase.spark.stages.mix.manifest import mixture_manifest
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

    def read(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """A whole table, or some of its columns, in memory. Raises `UserError` where it is not there, with the stage that makes it."""
        table = self._table(name)
        objects_of(self.output, table)
        return tables.read_folder(table.folder(self.output), columns)

    def paths(self, name: str) -> list[str]:
        """The Parquet objects of a table, in their order, for `spark.read.parquet(*paths)` or any other reader. Raises as `read`."""
        return objects_of(self.output, self._table(name))

    def _table(self, name: str) -> Table:
        by_name = {table.path: table for table in Tables.all()}
        if name not in by_name:
            raise UserError(f"a run has no table `{name}`", where=self.output, cure=f"there are: {', '.join(by_name)}")
        return by_name[name]

    @property
    def manifest(self) -> dict[str, Any]:
        """What the mixture says of itself: rows, tokens and shares of its components, counts, files, and what made them."""
        return mixture_manifest(Tables.MIXTURE.folder(self.output))


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
    return RunTables(chosen.trial().output)
