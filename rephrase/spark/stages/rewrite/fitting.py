"""Recipes that take none of the run's documents: told before a model is asked for anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.recipes.base import Recipe
from rephrase.recipes.fitting import Fitting
from rephrase.records import Document
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.dropped import folders_of, without_dropped
from rephrase.spark.stages.run_tables import documents_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

_ENOUGH = 1_000_000  # documents; of a larger table these stand for all


def tell_unfit(run: Run, recipes: Sequence[Recipe]) -> None:
    """Print a line for each recipe whose `when` fits none of the documents that stay, as far as they are looked at.

    Raises `UserError` where the run has no other recipe, and the whole table was looked at.
    """
    fitting = Fitting.of(recipes)
    if not fitting.unfit:
        return
    alone = len(fitting.unfit) == len(recipes)
    columns = ["id", "source", "language", "n_tokens"]
    if any(when.scores for when in fitting.unfit.values()):
        columns.append("metadata")
    if any(when.labels for when in fitting.unfit.values()):
        columns.append("labels")
    for document in _documents(run, columns):
        if not fitting.unfit or fitting.documents == _ENOUGH:
            break
        fitting.look(document)
    reasons = fitting.reasons()
    if alone and len(reasons) == len(recipes) and fitting.documents < _ENOUGH:
        more = f"; {len(reasons) - 1} more likewise" if len(reasons) > 1 else ""
        cure = "change `when` of the recipe; `input.fields` says where documents have their language"
        raise UserError(f"no recipe fits any document: {reasons[0]}{more}", where="recipes", cure=cure)
    for reason in reasons:
        console.print(f"rewrite: {reason}", soft_wrap=True)


def _documents(run: Run, columns: list[str]) -> Iterator[Document]:
    drops = folders_of(run, Tables.DOCUMENTS)
    for path in documents_of(run):
        for row in without_dropped(tables.read(path, columns), path, drops).to_pylist():
            metadata, labels = (dict(row.get(name) or ()) for name in ("metadata", "labels"))
            tokens = row["n_tokens"] or 0
            yield Document(row["id"], "", row["source"], language=row["language"], n_tokens=tokens, metadata=metadata, labels=labels)
