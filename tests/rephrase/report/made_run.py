"""A run of any size without Spark: real documents, recorded rewrites, real verdicts, written as the stages write them.

What a larger run has more of are copies of the examples' pages, each with a number of its own, in as many units.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import yaml

import rephrase
from classifiers.cascade import build_cascade
from classifiers.judging import Asked
from rephrase import storage
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.names import DocumentsName, GenerationsName, Place
from rephrase.notes import DocumentsNote, EngineFigures, GenerationsNote, MixtureNote
from rephrase.records import DOCUMENT, GENERATION, MIXTURE
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.filter import filter_unit
from rephrase.storage import tables
from tests.places import EXAMPLES

RECIPES = ("wrap/easy", "wrap/medium", "wrap/hard", "wrap/qa", "mind/interview")
CHECKS = ["finished", "parsed", "chatter", "commentary", "leaked", "length", "repetition", "copied", "facts"]
REPLAY = {"kind": "replay", "path": str(EXAMPLES / "recorded"), "model": "recorded-language-model"}
START = 1_780_000_000.0
"""Unix time at which the run begins, seconds."""
STARTS = 3.0
"""Seconds that each server takes to start, within its first unit."""


def make_run(folder: Path, copies: int = 1, *, hostile: str = "", **changes: Any) -> Run:
    """A finished run in `folder / "out"`, with its run.yaml. Of each recipe, each copy of the pages is a unit.

    `hostile` stands at the beginning and the end of the first page and of its rewrites.
    """
    config = {
        "output": "out",
        "input": {"paths": [str(EXAMPLES / "crawl" / "sample.warc.gz"), str(EXAMPLES / "crawl" / "notes.jsonl")], "min_characters": 300},
        "tokenizer": str(EXAMPLES / "tokenizer.json"),
        "engine": REPLAY,
        "recipes": list(RECIPES),
        "filter": {"checks": CHECKS},
        "mix": {"components": [{"origin": "original", "share": 0.5}, {"recipe": "wrap/*", "share": 0.5}]},
        **changes,
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    run = load_run(str(folder / "run.yaml"))
    documents = rephrase.read_documents({**config["input"], "source": "example-crawl"}, run.tokenizer)
    tokens = sum(documents.column("n_tokens").to_pylist())
    written = {recipe: rephrase.rewrite(documents, recipe, REPLAY, tokenizer=run.tokenizer, id="id") for recipe in RECIPES}
    cascade = build_cascade(run.filter)
    for copy in range(copies):
        path = storage.join(Tables.DOCUMENTS.folder(run.output), str(DocumentsName(copy)))
        note = DocumentsNote(documents=documents.num_rows, tokens=tokens, records=documents.num_rows + 3, dropped_short=3)
        tables.commit(path, _copied(documents, copy, hostile), note)
        for number, (recipe, rows) in enumerate(written.items()):
            _unit(run, path, recipe, _copied(rows, copy, hostile), copy, number, cascade)
    _mixture(run)
    return run


def _unit(run: Run, documents: str, recipe: str, rows: pa.Table, copy: int, number: int, cascade: Any) -> None:
    step = rows.column("step")[0].as_py()
    name = str(GenerationsName(Place.at(recipe, step, documents, 0)))
    server = copy % 2
    started = START + 40.0 * (copy // 2) + 5.0 * number + 7.0 * server
    errors = [error for error in rows.column("error").to_pylist() if error]
    note = GenerationsNote(
        documents=rows.num_rows,
        passages=rows.num_rows,
        generations=rows.num_rows,
        requests=rows.num_rows,
        prompt_tokens=sum(rows.column("prompt_tokens").to_pylist()),
        completion_tokens=sum(rows.column("completion_tokens").to_pylist()),
        errors=len(errors),
        parse_errors=len(errors),
        causes={error: errors.count(error) for error in errors},
        recipe=recipe,
        step=step,
        model=REPLAY["model"],
        rows_path=f"documents/{storage.name_of(documents)}",
        engine=EngineFigures(server=f"node-{server + 1}-4711-1", ready=START + 7.0 * server + STARTS),
        host=f"node-{server + 1}",
        started=started,
        ended=started + 4.0 + number,
    )
    generations = storage.join(Tables.GENERATIONS.folder(run.output), name)
    tables.commit(generations, rows, note)
    unit = Unit(storage.join(Tables.JUDGED.folder(run.output), name), generations)
    filter_unit(unit, output=run.output, cascade=cascade, tokenizer=run.tokenizer, asked=Asked(), models={})


def _copied(rows: pa.Table, copy: int, hostile: str) -> pa.Table:
    """The rows with ids of their own for each copy, and the hostile text in the first."""
    schema = DOCUMENT if "url" in rows.schema.names else GENERATION
    records = rows.to_pylist()
    for place, record in enumerate(records):
        for name in ("id", "document_id"):
            if record.get(name):
                record[name] = f"{copy:06x}{record[name][6:]}"
        if hostile and place == 0 and record["text"]:
            record["text"] = f"{hostile}{record['text']}{hostile}"
            if "span_end" in record:
                record["span_end"] += 2 * len(hostile)
    return pa.Table.from_pylist(records, schema=schema)


def _mixture(run: Run) -> None:
    """The kept rewrites and as many originals, and a manifest that tells of them."""
    judged = tables.read_folder(Tables.JUDGED.folder(run.output)).to_pylist()
    originals = tables.read_folder(Tables.DOCUMENTS.folder(run.output)).to_pylist()
    records = [{**row, "origin": "synthetic", "epoch": 0} for row in judged if row["verdict"] == "keep"]
    records += [{**row, "origin": "original", "document_id": row["id"], "epoch": 0} for row in originals]
    counts = {name: _counted(records, name) for name in ("origin", "source", "recipe", "license", "synthetic_depth")}
    tokens = sum(row["n_tokens"] for row in records)
    table = pa.Table.from_pylist([{name: row.get(name) for name in MIXTURE.names} for row in records], schema=MIXTURE)
    folder = Tables.MIXTURE.folder(run.output)
    tables.commit(storage.join(folder, "data", "part-00000.parquet"), table, MixtureNote(rows=len(records), tokens=tokens))
    components = []
    for name, origin, share in (("original", "original", 0.5), ("wrap/*", "synthetic", 0.5)):
        own = [row for row in records if row["origin"] == origin]
        part = {"rows": len(own), "tokens": sum(row["n_tokens"] for row in own), "epochs": 1.0}
        components.append({"name": name, "phase": 0, "share": share, "available_tokens": part["tokens"], **part})
    manifest = {"rows": len(records), "tokens": tokens, "components": components, "counts": counts, "left_out": {}, "files": [{"phase": 0}]}
    storage.put(storage.join(folder, "_manifest.json"), orjson.dumps(manifest))


def _counted(records: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    sums: dict[Any, list[int]] = {}
    for row in records:
        count = sums.setdefault(row.get(name), [0, 0])
        count[0] += 1
        count[1] += row["n_tokens"]
    return [{"value": value, "rows": rows, "tokens": tokens} for value, (rows, tokens) in sums.items()]
