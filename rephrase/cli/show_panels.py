"""A look at rows: what a recipe made of a passage, what was thought of it, and where it came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from rich.panel import Panel
from rich.text import Text

from rephrase.cli.console import harmless
from rephrase.cli.show_rows import MIXTURE_COLUMNS, by_input_id, documents_of, ids_of_pairs, looked_up, rows_of
from rephrase.errors import UserError
from rephrase.labels import as_mapping
from rephrase.live.plain_console import PlainConsole
from rephrase.notes import JudgedNote
from rephrase.recipes.missing import with_marks
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.mix.rejections import nothing_kept
from rephrase.spark.stages.run_tables import check_begun
from rephrase.spark.stages.unit_notes import sum_of_notes

if TYPE_CHECKING:
    from rich.console import Console

    from rephrase.config.run import Run

_CHARACTERS = 700  # of each of several texts: enough to see what was done to it


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


def as_json(run: Run, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Rows by their ids, whole: the original, and of rewrites the generation, its verdict and scores, and its place in the mixture.

    Raises `UserError` for an id that no table has.
    """
    check_begun(run.output)
    mixed = rows_of(run, Tables.MIXTURE.path, ids, MIXTURE_COLUMNS)
    rows = []
    for row_id, document, generation, judged in looked_up(run, ids):
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
    rows = rows_of(run, Tables.GENERATIONS.path, ids, ["id"]) | documents_of(run, ids)
    of_input = by_input_id(run, {row_id for row_id in ids if row_id not in rows})
    for row_id in ids:
        if row_id not in rows and row_id not in of_input:
            cure = "ids stand in the column `id`, those of the input in the metadata of `documents`"
            raise UserError(f"no table has a row with the id `{row_id}`", where=run.output, cure=cure)
    alone = {row_id: documents[0]["id"] for row_id, documents in of_input.items() if len(documents) == 1}
    mixed = rows_of(run, Tables.MIXTURE.path, [alone.get(row_id, row_id) for row_id in ids], MIXTURE_COLUMNS)
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


def _print(run: Run, ids: Sequence[str], console: Console, *, details: bool = False) -> None:
    for _, document, row, judged in looked_up(run, ids):
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
