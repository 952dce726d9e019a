"""Paths over all documents of a run, for recipes that ask for them: found on Spark before the first prompt, and kept beside the documents.

Each pass hands on what is small and bounded for each document: names, links, places on paths, and at last the passages themselves, which
are read where they stand, row group by row group. No pass holds more than the documents of a name, the links of a document, or the
passages that one row group lends; nothing comes to the driver. What is bounded, and why, says `rephrase.recipes.graph.search`.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from rephrase import storage
from rephrase.names import RowsName
from rephrase.notes import PathsNote
from rephrase.recipes.base import Recipe, Row
from rephrase.recipes.graph.path import Hop, Path, PathSettings
from rephrase.recipes.graph.search import Link, Mention, chosen_paths, links_of, mentions_of, rank_of
from rephrase.records import PATH, Document
from rephrase.spark.runtime.job import Job, open_job
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.dropped import folders_of, require, without_dropped
from rephrase.spark.stages.ledger import stage_note
from rephrase.spark.stages.meaning import digest
from rephrase.spark.stages.run_tables import documents_of
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession

_DONE = "_paths.json"  # written last
_ROWS = 256  # of a batch; Python's numbers become the long integers that the columns below are
_MENTION = "name string, rank string, document string, object long, row_group long, start long, end long"
_LINK = ", ".join(f"{side}_{column}" for side in ("own", "other") for column in _MENTION.split(", "))
_PLACE = "object long, row_group long, document string, number long, position long, owner long, bridge string"
_HOP = "hop_object long, hop_group long, hop_document string, start long, end long"


@dataclass(frozen=True, slots=True)
class _Searched:
    """The objects of documents, and what each task needs to read them."""

    paths: tuple[str, ...]
    drops: tuple[str, ...]
    tokenizer: str
    settings: PathSettings
    folder: str


def make_paths(run: Run, spark: LazySession, recipes: Sequence[Recipe]) -> dict[str, str]:
    """Find the paths of recipes that ask for them, unless they are there. Returns the folder of each such recipe, by its name.

    A folder is named by a digest of the documents and of how paths are found. Raises `UserError` for missing tables.
    """
    folders = {}
    for recipe in recipes:
        if recipe.paths is None:
            continue
        folder = _folder(run, recipe, recipe.paths)
        folders[recipe.name] = folder
        if not storage.exists(storage.join(folder, _DONE)):
            searched = _Searched(tuple(documents_of(run)), folders_of(run, Tables.DOCUMENTS), run.tokenizer, recipe.paths, folder)
            with open_job(spark.get(), folder, title=f"paths ({recipe.name})") as job:
                count = _search(job, searched)
            storage.create(storage.join(folder, _DONE), orjson.dumps({"paths": count}))
            console.print(f"rewrite: {count:,} paths over documents for {recipe.name}")
    return folders


def _folder(run: Run, recipe: Recipe, settings: PathSettings) -> str:
    of = [stage_note(Tables.DOCUMENTS.folder(run.output))["digest"], require(run, Tables.DOCUMENTS)]
    meaning = [settings.describe(), os.path.basename(run.tokenizer.rstrip("/")), *of]
    return storage.join(run.output, "paths", str(RowsName(recipe.name, digest(meaning)[:8])))


def with_paths_of(rows: Sequence[Row], folder: str, documents: str, row_group: int) -> list[Row]:
    """The rows of a row group of documents, with the paths that belong to them. `folder` is one that `make_paths` gave."""
    stored = storage.join(folder, storage.name_of(documents))
    if not storage.exists(stored):
        return list(rows)
    groups = tables.footer(stored, PathsNote).note.row_groups
    if row_group not in groups:
        return list(rows)
    paths: dict[str, list[Path]] = {}
    for entry in tables.read(stored, row_group=groups.index(row_group)).to_pylist():
        hops = zip(entry["documents"], entry["starts"], entry["ends"], entry["texts"], strict=True)
        path = Path(tuple(itertools.starmap(Hop, hops)), tuple(entry["bridges"]), entry["owner"])
        paths.setdefault(entry["id"], []).append(path)
    return [replace(row, paths=tuple(paths.get(row.document.id, ()))) for row in rows]


def _search(job: Job, searched: _Searched) -> int:
    """Find the paths and write them; returns how many there are."""

    def task(rows: Callable[[Iterator[pa.RecordBatch], _Searched], Iterator[dict[str, Any]]], ddl: str) -> Any:
        names = [column.split()[0] for column in ddl.split(", ")]
        return job.reporting(functools.partial(_batches, rows=rows, searched=searched, names=names))

    numbers = job.spark.range(0, len(searched.paths), 1, len(searched.paths))
    mentions = numbers.mapInArrow(task(_mentions, _MENTION), _MENTION)
    links = mentions.repartition("name").sortWithinPartitions("name", "rank").mapInArrow(task(_links, _LINK), _LINK)
    own = ("own_object", "own_row_group", "own_document")
    placed = f"{_PLACE}, {_HOP}"
    chosen = links.repartition("own_object").sortWithinPartitions(*own).mapInArrow(task(_chosen, placed), placed)
    read = f"{_PLACE}, hop_document string, start long, end long, text string"
    at = ("hop_object", "hop_group")
    texts = chosen.repartition("hop_object").sortWithinPartitions(*at).mapInArrow(task(_read, read), read)
    # A fixed order within the object makes its bytes the same, whoever writes it.
    order = ("object", "row_group", "document", "number", "position")
    parts = texts.repartition("object").sortWithinPartitions(*order).mapInArrow(task(_written, "paths long"), "paths long")
    return int(job.run(parts.groupBy().sum("paths").toArrow).to_pylist()[0]["sum(paths)"] or 0)


def _batches(
    batches: Iterator[pa.RecordBatch],
    *,
    rows: Callable[[Iterator[pa.RecordBatch], _Searched], Iterator[dict[str, Any]]],
    searched: _Searched,
    names: Sequence[str],
) -> Iterator[pa.RecordBatch]:
    made = rows(batches, searched)
    while some := list(itertools.islice(made, _ROWS)):
        yield pa.RecordBatch.from_pylist([{name: row[name] for name in names} for row in some])


def _mentions(batches: Iterator[pa.RecordBatch], searched: _Searched) -> Iterator[dict[str, Any]]:
    """The names of all documents of some objects."""
    tokenizer = Tokenizer.load(searched.tokenizer)
    for batch in batches:
        for number in batch.column(0).to_pylist():
            path = searched.paths[number]
            for row_group, table in enumerate(tables.read_row_groups(path, ["id", "text", "language", "metadata"])):
                for row in without_dropped(table, path, searched.drops).to_pylist():
                    document = Document(row["id"], row["text"], language=row["language"], metadata=dict(row["metadata"] or ()))
                    for mention in mentions_of(document, searched.settings, tokenizer):
                        yield {**_as_row(mention), "rank": rank_of(mention), "object": number, "row_group": row_group}


def _as_row(mention: Mention) -> dict[str, Any]:
    return {name: getattr(mention, name) for name in Mention.__dataclass_fields__}


def _links(batches: Iterator[pa.RecordBatch], searched: _Searched) -> Iterator[dict[str, Any]]:
    """The links of names that are neither in one document alone nor in too many. Rows come sorted by name and rank."""
    most = searched.settings.most_documents
    for _, group in itertools.groupby(_rows(batches), key=lambda row: row["name"]):
        held = list(itertools.islice(group, most + 1))  # of a name of too many documents no more are kept
        if 1 < len(held) <= most:
            for link in links_of([_mention(row) for row in held]):
                sides = (("own", link.own), ("other", link.other))
                yield {f"{side}_{key}": value for side, one in sides for key, value in {**_as_row(one), "rank": rank_of(one)}.items()}


def _mention(row: dict[str, Any], side: str = "") -> Mention:
    return Mention(**{name: row[f"{side}{name}"] for name in Mention.__dataclass_fields__})


def _chosen(batches: Iterator[pa.RecordBatch], searched: _Searched) -> Iterator[dict[str, Any]]:
    """The places of the paths of each document, one for each document of a path. Rows come sorted by document."""
    for _, group in itertools.groupby(_rows(batches), key=lambda row: (row["own_object"], row["own_document"])):
        links = [Link(_mention(row, "own_"), _mention(row, "other_")) for row in group]
        own = links[0].own
        for number, path in enumerate(chosen_paths(links, searched.settings)):
            for position, mention in enumerate(path.mentions):
                yield {
                    "object": own.object,
                    "row_group": own.row_group,
                    "document": own.document,
                    "number": number,
                    "position": position,
                    "owner": path.owner,
                    "bridge": path.bridges[position] if position < len(path.bridges) else "",
                    "hop_object": mention.object,
                    "hop_group": mention.row_group,
                    "hop_document": mention.document,
                    "start": mention.start,
                    "end": mention.end,
                }


def _read(batches: Iterator[pa.RecordBatch], searched: _Searched) -> Iterator[dict[str, Any]]:
    """The same with the passages, read from the documents. Rows come sorted by the row group that holds these."""
    for (number, row_group), group in itertools.groupby(_rows(batches), key=lambda row: (row["hop_object"], row["hop_group"])):
        wanted = list(group)
        table = tables.read(searched.paths[number], ["id", "text"], row_group=row_group)
        ids = pa.array({row["hop_document"] for row in wanted}, pa.string())
        table = table.filter(pc.is_in(table.column("id"), ids))
        texts = dict(zip(table.column("id").to_pylist(), table.column("text").to_pylist(), strict=True))
        for row in wanted:
            yield {**row, "text": texts[row["hop_document"]][row["start"] : row["end"]]}


def _written(batches: Iterator[pa.RecordBatch], searched: _Searched) -> Iterator[dict[str, Any]]:
    """Create the object of paths beside each object of documents that has some; a row group for each of theirs that has."""
    for number, of_object in itertools.groupby(_rows(batches), key=lambda row: row["object"]):
        writer = tables.Writer(PATH)
        groups: list[int] = []
        count = 0
        for row_group, of_group in itertools.groupby(of_object, key=lambda row: row["row_group"]):
            by_path = itertools.groupby(of_group, key=lambda row: (row["document"], row["number"]))
            table = pa.Table.from_pylist([_stored(list(hops)) for _, hops in by_path], schema=PATH)
            writer.add(table)
            groups.append(row_group)
            count += table.num_rows
        stored = storage.join(searched.folder, storage.name_of(searched.paths[number]))
        writer.commit(stored, PathsNote(paths=count, row_groups=tuple(groups)))
        yield {"paths": count}


def _stored(hops: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first = hops[0]
    return {
        "id": first["document"],
        "owner": first["owner"],
        "bridges": [hop["bridge"] for hop in hops[:-1]],
        "documents": [hop["hop_document"] for hop in hops],
        "starts": [hop["start"] for hop in hops],
        "ends": [hop["end"] for hop in hops],
        "texts": [hop["text"] for hop in hops],
    }


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()
