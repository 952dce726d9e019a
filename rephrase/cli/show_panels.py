"""A look at rows: what a recipe made of a passage, what was thought of it, and where it came from."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from rich.panel import Panel
from rich.text import Text

from rephrase import storage
from rephrase.cli.console import harmless
from rephrase.errors import UserError
from rephrase.labels import as_mapping
from rephrase.live.plain_console import PlainConsole
from rephrase.notes import JudgedNote
from rephrase.recipes.missing import with_marks
from rephrase.spark.stages.base import Stage, Table, Tables
from rephrase.spark.stages.mix.rejections import nothing_kept
from rephrase.spark.stages.pipeline import STAGES
from rephrase.spark.stages.run_tables import check_begun, objects_of
from rephrase.spark.stages.unit_notes import sum_of_notes
from rephrase.storage import tables

if TYPE_CHECKING:
    from rich.console import Console

    from rephrase.config.run import Run

_CHARACTERS = 700  # of each of several texts: enough to see what was done to it
_DOCUMENT = ["id", "text", "source", "url", "language", "n_tokens", "license", "metadata", "labels"]
_GENERATION = ["id", "document_id", "span_start", "span_end", "recipe", "step", "model", "model_revision", "sampling", "seed", "error"]
_GENERATION += ["reasoning"]
_MIXTURE = ["id", "origin", "recipe", "epoch", "n_tokens", "synthetic_depth", "labels"]
_JUDGED = ["id", "verdict", "scores", "labels"]


def show_pairs(run: Run, number: int, verdict: str | None = None, console: Console | None = None) -> None:
    """Print `number` rewrites, of as many recipes as there are, each below the passage that it was made from.

    They are the mixture's, or with `verdict` those that the filter stage gave it. Raises `UserError` where there is no such table, and
    where no row has the verdict.
    """
    ids = ids_of_pairs(run, number, verdict)
    console = console or PlainConsole()
    if not ids:
        console.print(_without_rewrites(run), soft_wrap=True)
    _print(run, ids, console)


def _without_rewrites(run: Run) -> str:
    """Why there is nothing to show, and what to look at instead."""
    if rejected := nothing_kept(run):
        return rejected
    kept = sum_of_notes(run.output, Tables.JUDGED, JudgedNote)[1].kept
    look = "--verdict keep` shows rewrites that were kept" if kept else "ID` shows a text by its id, from the column `id`"
    return f"the mixture has no rewrites, originals alone; `rephrase show run.yaml {look}"


def ids_of_pairs(run: Run, number: int, verdict: str | None = None) -> list[str]:
    """The ids of `number` rewrites, of as many recipes as there are; see `show_pairs`."""
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


def _verdicts(paths: Sequence[str]) -> str:
    counts = Counter(row["verdict"] for row in _rows(paths, ["verdict"]))
    return ", ".join(f"{verdict} ({count:,})" for verdict, count in counts.most_common()) or "none: nothing was judged"


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


def as_json(run: Run, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Rows by their ids, whole: the original, and of rewrites the generation, its verdict and scores, and its place in the mixture.

    Raises `UserError` for an id that no table has.
    """
    check_begun(run.output)
    mixed = _find(run, Tables.MIXTURE.path, ids, _MIXTURE)
    rows = []
    for row_id, document, generation, judged in _looked_up(run, ids):
        text = document["text"][generation["span_start"] : generation["span_end"]] if generation else document["text"]
        verdict = _mapped({name: value for name, value in judged.items() if name != "id"}) if judged else None
        about = _mapped({name: value for name, value in document.items() if name != "text"})
        place = _mapped(mixed[row_id]) if row_id in mixed else None
        rows.append({"id": row_id, "passage": text, "document": about, "generation": generation, "judged": verdict, "mixture": place})
    return rows


def show_ids(run: Run, ids: Sequence[str], console: Console | None = None) -> None:
    """Print rows of the mixture, of `generations` or of `documents` by their ids, with all that is known of where they come from.

    A document's id in the input will do as well; where several documents have it, they are listed. Raises `UserError` for an id that no
    table has.
    """
    check_begun(run.output)
    console = console or PlainConsole()
    rows = _find(run, Tables.GENERATIONS.path, ids, ["id"]) | _documents(run, ids)
    of_input = _by_input_id(run, {row_id for row_id in ids if row_id not in rows})
    for row_id in ids:
        if row_id not in rows and row_id not in of_input:
            cure = "ids stand in the column `id`, those of the input in the metadata of `documents`"
            raise UserError(f"no table has a row with the id `{row_id}`", where=run.output, cure=cure)
    alone = {row_id: documents[0]["id"] for row_id, documents in of_input.items() if len(documents) == 1}
    mixed = _find(run, Tables.MIXTURE.path, [alone.get(row_id, row_id) for row_id in ids], _MIXTURE)
    for asked in ids:
        if asked in of_input and asked not in alone:
            console.print(Text(harmless(_list_of(asked, of_input[asked]))))
            continue
        row_id = alone.get(asked, asked)
        title = f"{row_id}  {_fields(mixed[row_id])}" if row_id in mixed else f"{row_id}  not in the mixture"
        console.print(Text(title, style="bold"))
        _print(run, [row_id], console, details=True)


def _list_of(input_id: str, documents: Sequence[dict[str, Any]]) -> str:
    """Documents of one id in the input, a line each with the id by which it can be asked for."""
    lines = [f"  {row['id']}  {row['url'] or row['source']}  {row['text'][:60]!r}" for row in documents]
    return "\n".join([f"{len(documents)} documents have the id `{input_id}` in the input; ask for one by its own:", *lines])


_Found = tuple[str, dict[str, Any], dict[str, Any] | None, dict[str, Any] | None]
"""An id, its original, its generation where it is one, and what was judged of that."""


def _looked_up(run: Run, ids: Sequence[str]) -> list[_Found]:
    generations = _find(run, Tables.GENERATIONS.path, ids, [*_GENERATION, "text", "completion", "lineage"])
    judged = _find(run, Tables.JUDGED.path, ids, _JUDGED)
    originals = [row_id for row_id in ids if row_id not in generations]
    documents = _documents(run, [row["document_id"] for row in generations.values()] + originals)
    missing = [row_id for row_id in originals if row_id not in documents]
    if missing:
        raise UserError(f"no table has a row with the id `{missing[0]}`", where=run.output, cure="ids stand in the column `id`")
    owners = {row_id: generations[row_id]["document_id"] if row_id in generations else row_id for row_id in ids}
    return [(row_id, documents[owners[row_id]], generations.get(row_id), judged.get(row_id)) for row_id in ids]


def _print(run: Run, ids: Sequence[str], console: Console, *, details: bool = False) -> None:
    for _, document, row, judged in _looked_up(run, ids):
        text = document["text"][row["span_start"] : row["span_end"]] if row else document["text"]
        title = f"original  {document['url'] or document['id']}"
        console.print(_panel(text, title, _fields(document, "text", "url") if details else "", whole=details))
        if row:
            verdict = judged or {"verdict": "not judged", "scores": []}
            scores = ", ".join(f"{name} {score:.3g}" for name, score in verdict["scores"])
            labels = _fields({"labels": verdict.get("labels")}, "text")
            notes = "\n".join([_fields(row, "text", "completion"), f"{verdict['verdict']}: {scores}", *filter(None, [labels])])
            notes = notes if details else ""
            error = with_marks(row["error"], run.recipes, [(row["recipe"], row["step"])]) if row["error"] else ""
            rejection = "" if verdict["verdict"] == "keep" else f"  {verdict['verdict']}" + (f": {error}" if error else "")
            completion = row["text"] if row["text"] is not None else row["completion"]
            style = "red" if rejection else "green"
            console.print(_panel(completion, f"{row['recipe']}  by {row['model']}{rejection}", notes, style, whole=details))


def _panel(text: str, title: str, details: str, style: str = "none", *, whole: bool = False) -> Panel:
    # Never as a string: what stands in brackets on a web page would be taken for markup.
    content = Text(harmless(text if whole or len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…"))
    if details:
        content.append(f"\n\n{harmless(details)}", style="dim")
    return Panel(content, title=Text(harmless(title)), title_align="left", border_style=style)


def _fields(row: dict[str, Any], *without: str) -> str:
    def as_text(value: Any) -> str:
        return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()

    present = {name: value for name, value in row.items() if name not in without and value is not None}
    values = _mapped(present)
    return "  ".join(f"{name}: {as_text(value)}" for name, value in values.items() if value not in ({}, []) and (name != "id" or without))


def _mapped(row: dict[str, Any]) -> dict[str, Any]:
    """The row with what Arrow gives as pairs as mappings."""
    return {name: as_mapping(value) if name in ("metadata", "labels", "scores") and value else value for name, value in row.items()}


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


def _rows(paths: Sequence[str], columns: list[str]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for group in tables.read_row_groups(path, columns):
            yield from group.to_pylist()


def _documents(run: Run, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Documents and rows of recipes that have their own, by id."""
    documents = _find(run, Tables.DOCUMENTS.path, ids, _DOCUMENT)
    for table in {file.path.split("/")[-2] for file in storage.list_files(storage.join(run.output, "rows"))}:
        documents |= _find(run, f"rows/{table}", ids, _DOCUMENT)
    return documents


def _find(run: Run, table: str, ids: Sequence[str], columns: list[str]) -> dict[str, dict[str, Any]]:
    wanted_ids, rows = set(ids), {}
    for path in tables.objects(storage.join(run.output, table)) if wanted_ids else ():
        if wanted_ids.intersection(tables.read(path, ["id"])["id"].to_pylist()):
            for row in tables.read(path, columns).to_pylist():
                if row["id"] in wanted_ids:
                    rows[row["id"]] = row
        if len(rows) == len(wanted_ids):
            break
    return rows


def _by_input_id(run: Run, ids: set[str]) -> dict[str, list[dict[str, Any]]]:
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
