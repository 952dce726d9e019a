"""Which rows a look at a run shows, and what its tables say of them."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from rephrase import storage
from rephrase.errors import UserError
from rephrase.spark.stages.base import Stage, Table, Tables
from rephrase.spark.stages.pipeline import STAGES
from rephrase.spark.stages.run_tables import check_begun, objects_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

_DOCUMENT = ["id", "text", "source", "url", "language", "n_tokens", "license", "metadata", "labels"]
_GENERATION = ["id", "document_id", "span_start", "span_end", "recipe", "step", "model", "model_revision", "sampling", "seed", "error"]
_GENERATION += ["reasoning"]
MIXTURE_COLUMNS = ["id", "origin", "recipe", "epoch", "n_tokens", "synthetic_depth", "labels"]
_JUDGED = ["id", "verdict", "scores", "labels"]

ShownRow = tuple[str, dict[str, Any], dict[str, Any] | None, dict[str, Any] | None]
"""An id, its original, its generation where it is one, and what was judged of that."""


def ids_of_pairs(run: Run, number: int, verdict: str | None = None) -> list[str]:
    """The ids of `number` rewrites of the mixture, or with this verdict, of as many recipes as there are."""
    if number < 1:
        raise UserError(f"{number} rewrites are none to show", where="-n, --show", cure="1 or more")
    check_begun(run.output)
    table = Tables.JUDGED if verdict else Tables.MIXTURE
    paths = _made(run, table)
    rows = (row for row in _rows(paths, ["id", "recipe", "document_id", "verdict" if verdict else "origin"]) if _fits(row, verdict))
    ids = _spread(rows, number)
    if not ids and verdict:
        raise UserError(f"no row has the verdict `{verdict}`", where=table.folder(run.output), cure=f"rows have {_verdicts(paths)}")
    return ids


def looked_up(run: Run, ids: Sequence[str]) -> list[ShownRow]:
    """Rows by their ids, in that order, with what is known of each. Raises `UserError` for an id that no table has."""
    generations = rows_of(run, Tables.GENERATIONS.path, ids, [*_GENERATION, "text", "completion", "lineage"])
    judged = rows_of(run, Tables.JUDGED.path, ids, _JUDGED)
    originals = [row_id for row_id in ids if row_id not in generations]
    documents = documents_of(run, [row["document_id"] for row in generations.values()] + originals)
    missing = [row_id for row_id in originals if row_id not in documents]
    if missing:
        raise UserError(f"no table has a row with the id `{missing[0]}`", where=run.output, cure="ids stand in the column `id`")
    owners = {row_id: generations[row_id]["document_id"] if row_id in generations else row_id for row_id in ids}
    return [(row_id, documents[owners[row_id]], generations.get(row_id), judged.get(row_id)) for row_id in ids]


def documents_of(run: Run, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Documents and rows of recipes that have their own, by id."""
    documents = rows_of(run, Tables.DOCUMENTS.path, ids, _DOCUMENT)
    for table in {file.path.split("/")[-2] for file in storage.list_files(storage.join(run.output, "rows"))}:
        documents |= rows_of(run, f"rows/{table}", ids, _DOCUMENT)
    return documents


def rows_of(run: Run, table: str, ids: Sequence[str], columns: list[str]) -> dict[str, dict[str, Any]]:
    """The rows of a table below the output with one of these ids, by id."""
    wanted_ids, rows = set(ids), {}
    for path in tables.objects(storage.join(run.output, table)) if wanted_ids else ():
        if wanted_ids.intersection(tables.read(path, ["id"])["id"].to_pylist()):
            for row in tables.read(path, columns).to_pylist():
                if row["id"] in wanted_ids:
                    rows[row["id"]] = row
        if len(rows) == len(wanted_ids):
            break
    return rows


def by_input_id(run: Run, ids: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Documents by the ids that they have in the input, which are no keys: several may have the same."""
    documents: dict[str, list[dict[str, Any]]] = {}
    wanted = pa.array(sorted(ids), pa.string())
    for path in tables.objects(Tables.DOCUMENTS.folder(run.output)) if ids else ():
        metadata = tables.read(path, ["metadata"])["metadata"]
        if any(pc.any(pc.is_in(chunk.items, wanted)).as_py() for chunk in metadata.chunks):
            for row in tables.read(path, _DOCUMENT).to_pylist():
                input_id = dict(row["metadata"] or ()).get("id")
                if input_id in ids:
                    documents.setdefault(input_id, []).append(row)
    return documents


def _made(run: Run, table: Table) -> list[str]:
    """The table's objects. Raises `UserError` where there are none, with the stages to run first."""
    try:
        return objects_of(run.output, table)
    except UserError as error:
        before = itertools.takewhile(lambda stage: stage.table is not table, STAGES)
        if all(_is_complete(stage, run) for stage in before if stage.table.is_on(run) and not stage.table.of_input):
            raise
        what = f"{error.what}, and stages before it are not complete"
        raise UserError(what, where=error.where, cure="`rephrase run run.yaml` goes on with all of them") from error


def _is_complete(stage: Stage, run: Run) -> bool:
    with contextlib.suppress(UserError, FileNotFoundError):  # tables that it reads are not there, or are being removed
        status = stage.status(run)
        return status.total is not None and 0 < status.total <= status.done
    return False


def _rows(paths: Sequence[str], columns: list[str]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for group in tables.read_row_groups(path, columns):
            yield from group.to_pylist()


def _fits(row: dict[str, Any], verdict: str | None) -> bool:
    return bool(row["verdict"] == verdict if verdict else row["origin"] == "synthetic")


def _spread(rows: Iterator[dict[str, Any]], number: int) -> list[str]:
    """Ids from the head of a table: first one of each recipe, then of further documents, then others."""
    first: dict[str, str] = {}
    further: list[str] = []
    others: list[str] = []
    documents: set[str] = set()
    for row in rows:
        if first.setdefault(row["recipe"], row["id"]) != row["id"]:
            (others if row["document_id"] in documents else further).append(row["id"])
        documents.add(row["document_id"])
        if len(first) >= number or len(further) + len(others) >= 100 * number:
            break
    return [*first.values(), *further, *others][:number]


def _verdicts(paths: Sequence[str]) -> str:
    counts = Counter(row["verdict"] for row in _rows(paths, ["verdict"]))
    return ", ".join(f"{verdict} ({count:,})" for verdict, count in counts.most_common()) or "none: nothing was judged"
