"""What a run works on: the documents table where there is one, else a part of the input; and the rows that recipes make for themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from rephrase import storage
from rephrase.documents import DocumentTables
from rephrase.errors import UserError
from rephrase.notes import DocumentsNote
from rephrase.readers import RawDocument, ReadError, read_documents
from rephrase.records import unit_interval
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.dropped import folders_of, require, without_dropped
from rephrase.spark.stages.input_table.looking import looked_at
from rephrase.spark.stages.rewrite.rows import own_rows
from rephrase.spark.stages.run_tables import documents_of
from rephrase.spark.stages.shard.plan import input_files, input_of
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.recipes.base import Recipe

_ENOUGH = 2000  # documents of the input, where there is no table yet; the file that has the last of them is read to its end
_BATCH = 512  # documents whose tokens are counted in one call


@dataclass(frozen=True, slots=True)
class Group:
    """A row group of documents: what a unit of the rewrite stage works on. `table` holds rows that are stored nowhere."""

    rows: int
    tokens: int
    path: str = ""
    row_group: int = 0
    drops: tuple[str, ...] = ()
    table: pa.Table | None = None

    def read(self) -> pa.Table:
        """Its documents, without those that screening or the search for duplicates left out."""
        if self.table is not None:
            return self.table
        documents = tables.read(self.path, row_group=self.row_group)
        return without_dropped(documents, self.path, self.drops)


@dataclass(frozen=True, slots=True)
class Material:
    """Groups of rows, the recipes (by index) that work on them, and how they were come by."""

    groups: tuple[Group, ...]
    recipes: tuple[int, ...]
    origin: str
    scale: float = 1.0
    """How many times the rows here there are in all, where only a part of the input was read."""
    remarks: tuple[str, ...] = field(default=())


def materials_of(run: Run, recipes: Sequence[Recipe]) -> list[Material]:
    """The rows of all recipes of a run. Nothing is written. Raises `UserError` for input that is not there or gives no documents."""
    grounded = tuple(index for index, recipe in enumerate(recipes) if recipe.rows is None)
    materials = [_of_documents(run, grounded)] if grounded else []
    tokenizer = Tokenizer.load(run.tokenizer)
    for index, recipe in enumerate(recipes):
        if recipe.rows is not None:
            groups = tuple(_held(table) for table in own_rows(run, recipe, tokenizer))
            materials.append(Material(groups, (index,), f"the own rows of {recipe.name}"))
    return materials


def _of_documents(run: Run, recipes: tuple[int, ...]) -> Material:
    try:
        paths = documents_of(run)
    except UserError:  # the shard stage has not finished
        return _of_input(run, recipes)
    drops = folders_of(run, Tables.DOCUMENTS)
    remarks: tuple[str, ...] = ()
    try:
        require(run, Tables.DOCUMENTS)
    except UserError:
        remarks = ("the screen stage has not finished: documents that it will leave out are counted too",)
    groups = []
    for footer in tables.footers(paths, DocumentsNote):
        known = footer.note.row_group_tokens or (0,) * len(footer.row_groups)
        pairs = enumerate(zip(footer.row_groups, known, strict=True))
        groups += [Group(rows, tokens, footer.path, number, drops) for number, (rows, tokens) in pairs]
    return Material(tuple(groups), recipes, "the documents table", remarks=remarks)


def _of_input(run: Run, recipes: tuple[int, ...]) -> Material:
    """Documents of whole files of the input, or of the first rows of a table that has no files of its own."""
    config = input_of(run)
    if config.table is None:
        return _of_files(run, recipes, input_files(config.paths, run.output))
    with looked_at(run, config, _ENOUGH) as (files, rows):
        return _of_files(run, recipes, files, rows)


def _of_files(run: Run, recipes: tuple[int, ...], files: Sequence[storage.FileInfo], in_all: int | None = None) -> Material:
    """Documents of whole files, drawn by the hash of their names until there are enough.

    in_all: How many rows there are of which the files have the first ones; None: the files have all.
    """
    config = input_of(run)
    drawn = sorted(files, key=lambda file: (unit_interval(file.path, "plan"), file.path))
    maker = DocumentTables(config, run.tokenizer)
    parts: dict[str, pa.Table] = {}
    read, rows, seen, trouble = 0, 0, 0, ""
    for file in drawn:
        for batch in _batches(file, run):
            if isinstance(batch, str):
                trouble, seen = trouble or batch, seen + 1
                continue
            seen += len(batch)
            table = maker.kept(batch)[0]
            rows += table.num_rows
            parts[f"{file.path} {len(parts)}"] = table
        read += 1
        if rows >= _ENOUGH:
            break
    if not rows:
        what = "the input gives no documents" + (f": {trouble}" if trouble else "")
        raise UserError(what, where=drawn[0].path, cure="check `input.format`, `input.fields` and `input.min_characters`")
    whole = pa.concat_tables(parts.values())
    first = {key: row for row, key in reversed(list(enumerate(whole.column("id").to_pylist())))}
    whole = whole.take(sorted(first.values()))
    share = sum(file.size for file in drawn[:read]) / max(1, sum(file.size for file in files))
    part = "all" if read == len(files) else f"{read} of"
    remarks = ["the shard stage has not run: `rephrase shard run.yaml` makes the counts those of the table"]
    if read < len(files):
        remarks.append("the other files are taken to give as many documents for their bytes: no interval tells how far that is wrong")
    groups = tuple(_held(whole.slice(at, _BATCH)) for at in range(0, whole.num_rows, _BATCH))
    if in_all is not None:
        remarks.append("the other rows are taken to give as many documents: no interval tells how far that is wrong")
        return Material(groups, recipes, f"the first {seen:,} of {in_all:,} rows", max(1.0, in_all / max(1, seen)), tuple(remarks))
    return Material(groups, recipes, f"{part} {len(files)} input files", 1 / share if read < len(files) else 1.0, tuple(remarks))


def _batches(file: storage.FileInfo, run: Run) -> Iterator[list[RawDocument] | str]:
    """The documents of a file, some at a time, and why parts of it could not be read."""
    batch: list[RawDocument] = []
    for item in read_documents(file, input_of(run)):
        if isinstance(item, ReadError):
            yield item.reason
        if isinstance(item, RawDocument):
            batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _held(table: pa.Table) -> Group:
    return Group(table.num_rows, sum(table.column("n_tokens").to_pylist()), table=table)
