"""Small inputs of the mix stage, and mixtures of them without their files."""

from __future__ import annotations

import random
import tempfile
from typing import Any

import pyarrow as pa

from rephrase import storage
from rephrase.config.run import Mix, Run
from rephrase.engines.replay import ReplaySettings
from rephrase.mixing.plan import Plan
from rephrase.notes import DocumentsNote, JudgedNote
from rephrase.readers.settings import Input
from rephrase.records import DOCUMENT, JUDGED, content_id
from rephrase.settings.labels import InputLabel
from rephrase.spark.runtime.job import open_job
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.spark.stages.mix.exchange import Exchange
from rephrase.spark.stages.mix.inputs import find_inputs
from rephrase.spark.stages.mix.planning import make_plan
from rephrase.spark.stages.mix.scatter import scatter
from rephrase.storage import tables

LONGEST = 120
SOURCES = {"web": 240, "wiki": 90, "code": 30}


def run_of(output: str, **settings: Any) -> Run:
    return Run(
        output=output,
        input=Input(paths=["unused"], labels={name: InputLabel(field=name) for name in ("topic", "genre")}),
        tokenizer="unused",
        engine=ReplaySettings(kind="replay", path="unused"),
        recipes=["wrap/easy"],
        mix=Mix.model_validate({"file_tokens": 5000, **settings}),
    )


def documents_and_rewrites() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Documents of three sources, of which the even ones have one to three rewrites; and a rewrite whose document is gone."""
    dice = random.Random(3)
    documents: list[dict[str, Any]] = []
    rewrites: list[dict[str, Any]] = []
    names = [source for source, count in SOURCES.items() for _ in range(count)]
    for number, source in enumerate(names):
        documents.append(
            {
                "id": content_id("document", str(number)),
                "text": f"original {number}",
                "source": source,
                "n_tokens": dice.randint(20, LONGEST),
                "synthetic_depth": 0,
                "license": dice.choice(["CC-BY-4.0", "CC-BY-SA-4.0", "MIT"]),
                "metadata": [("edu", str(dice.randint(0, 5)))],
            }
        )
    parents = [document for number, document in enumerate(documents) for _ in range(dice.randint(1, 3)) if number % 2 == 0]
    for number, parent in enumerate([*parents, {**documents[0], "id": "gone"}]):
        rewrites.append(
            {
                "id": content_id("rewrite", str(number)),
                "document_id": parent["id"],
                "recipe": dice.choice(["wrap/easy", "mind/debate"]),
                "verdict": "keep",
                "text": f"rewrite {number}",
                "n_tokens": dice.randint(20, LONGEST),
                "source": parent["source"],
                "license": parent["license"],
                "model": dice.choice(["small", "large"]),
                "synthetic_depth": 1,
                "scores": [("quality", dice.random())],
            }
        )
    return documents, rewrites


def write_inputs(folder: str) -> None:
    """The two tables, each of three objects."""
    plans = ((Tables.DOCUMENTS, DOCUMENT, {"files": {"count": 3}}, DocumentsNote()), (Tables.JUDGED, JUDGED, {}, JudgedNote()))
    for (table, schema, content, note), rows in zip(plans, documents_and_rewrites(), strict=True):
        claim(table.folder(folder), table, Meaning(content))
        for number in range(3):
            part = [{field.name: row.get(field.name) for field in schema} for row in rows[number::3]]
            tables.commit(storage.join(table.folder(folder), f"{number:05d}.parquet"), pa.Table.from_pylist(part, schema=schema), note)


def mixture(output: str, spark: LazySession, **settings: Any) -> tuple[Plan, list[dict[str, Any]]]:
    """The plan, and the rows in their order, without the files."""
    run = run_of(output, **settings)
    inputs = find_inputs(run)
    with tempfile.TemporaryDirectory() as folder, open_job(spark.get(), folder) as job:
        plan, marks = make_plan(run.mix, inputs, job)
        exchange = Exchange.of(folder, inputs, run.mix, plan)
        scatter(job, inputs, run.mix, plan, exchange, marks)
        files = enumerate(exchange.read(0, exchange.files))
        return plan, [{**row, "part": part} for part, stretches in files for rows in stretches for row in rows.to_pylist()]


def tokens(rows: list[dict[str, Any]], **values: Any) -> int:
    return sum(row["n_tokens"] for row in rows if all(row[key] == value for key, value in values.items()))


def check_pairing(pairing: str | None, rows: list[dict[str, Any]]) -> None:
    originals = {row["id"] for row in rows if row["origin"] == "original"}
    parents = {row["document_id"] for row in rows if row["origin"] == "synthetic"}
    if pairing == "both":
        assert parents
        assert parents <= originals
    if pairing == "instead":
        assert parents
        assert not parents & originals


HALVES: list[dict[str, Any]] = [{"origin": "original", "share": 0.5}, {"origin": "synthetic", "share": 0.5, "max_epochs": 2}]
