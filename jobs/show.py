"""A look at the mixture: passages of originals beside what a recipe made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.panel import Panel

from rephrase import storage, tables

if TYPE_CHECKING:
    from rephrase.config import Run

_CHARACTERS = 700  # of each text: enough to see what was done to it


def show_pairs(run: Run, number: int, console: Console | None = None) -> None:
    """Print `number` rewrites of the mixture, of as many recipes as there are, each below the passage that it was made from."""
    console = console or Console(highlight=False)
    rows = _rewrites(run, number)
    spans = _find(run, "generations", [row["id"] for row in rows], ["id", "span_start", "span_end"])
    ids, columns = [row["document_id"] for row in rows], ["id", "text", "url"]
    documents = _find(run, "documents", ids, columns)
    for table in {file.path.split("/")[-2] for file in storage.list_files(storage.join(run.output, "rows"))}:
        documents |= _find(run, f"rows/{table}", ids, columns)
    for row in rows:
        span, document = spans[row["id"]], documents[row["document_id"]]
        original = document["text"][span["span_start"] : span["span_end"]]
        console.print(Panel(_short(original), title=f"original  {document['url'] or document['id']}", title_align="left"))
        console.print(Panel(_short(row["text"]), title=f"{row['recipe']}  by {row['model']}", title_align="left", border_style="green"))


def _rewrites(run: Run, number: int) -> list[dict[str, Any]]:
    """Rewrites from the head of the mixture: first one of each recipe, then others."""
    columns = ["id", "text", "origin", "recipe", "document_id", "model"]
    first: dict[str, dict[str, Any]] = {}
    others: list[dict[str, Any]] = []
    for path in tables.objects(storage.join(run.output, "mixture")):
        for group in tables.read_row_groups(path, columns):
            rewrites = [row for row in group.to_pylist() if row["origin"] == "synthetic"]
            others += [row for row in rewrites if first.setdefault(row["recipe"], row) is not row]
            if len(first) >= number or len(first) + len(others) >= 100 * number:
                return [*first.values(), *others][:number]
    return [*first.values(), *others][:number]


def _find(run: Run, table: str, ids: list[str], columns: list[str]) -> dict[str, dict[str, Any]]:
    wanted, found = set(ids), {}
    for path in tables.objects(storage.join(run.output, table)):
        if wanted.intersection(tables.read(path, ["id"])["id"].to_pylist()):
            for row in tables.read(path, columns).to_pylist():
                if row["id"] in wanted:
                    found[row["id"]] = row
        if len(found) == len(wanted):
            break
    return found


def _short(text: str) -> str:
    # Square brackets in web text must not be taken for rich's markup.
    text = text if len(text) <= _CHARACTERS else text[:_CHARACTERS].rsplit(" ", 1)[0] + " …"
    return text.replace("[", r"\[")
