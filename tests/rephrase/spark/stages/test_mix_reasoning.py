"""The mix stage where texts take up their reasoning: shares are of what is written, and what is written is what was counted."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from rephrase import storage
from rephrase.loading import VirtualMixture
from rephrase.records import DOCUMENT, JUDGED, content_id
from rephrase.spark import mix as mix_frames
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.spark.stages.mix.manifest import MANIFEST
from rephrase.spark.stages.mix.stage import mix
from rephrase.spark.stages.mix.virtual import virtual_mix
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer
from tests.rephrase.spark.stages.test_mix import run_of

ROWS = 240
THOUGHT = "Why does it rise? The Moon pulls the water, and the pull is weaker on the far side. So there are two bulges."
WRAPPED = f"<think>\n{THOUGHT}\n</think>\n\n"
SHARES = [{"origin": "synthetic", "share": 0.6}, {"origin": "original", "share": 0.4}]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> str:
    """Originals, and rewrites of which each second has reasoning; an object of these is of a version that knew none."""
    folder = str(tmp_path_factory.mktemp("run"))
    made: dict[str, list[dict[str, Any]]] = {"documents": [], "judged": []}
    for number in range(ROWS):
        for name, text in (
            ("documents", f"Page {number}: the tide rises twice a day."),
            ("judged", f"The sea comes up, says page {number}."),
        ):
            ids = {"id": content_id(name, str(number)), "document_id": content_id("documents", str(number))}
            row = {**ids, "text": text, "n_tokens": tokenizer.count([text])[0], "source": "web", "synthetic_depth": int(name == "judged")}
            reasoning = THOUGHT if number % 2 else None
            made[name].append({**row, "recipe": "wrap/easy", "verdict": "keep", "model": "m", "scores": [], "reasoning": reasoning})
    for table, schema in ((Tables.DOCUMENTS, DOCUMENT), (Tables.JUDGED, JUDGED)):
        claim(table.folder(folder), table, Meaning({}))
        for part in range(2):
            older = schema.remove(schema.get_field_index("reasoning")) if table is Tables.JUDGED and part == 0 else schema
            rows = made[table.path][part * ROWS // 2 : (part + 1) * ROWS // 2]
            columns = pa.Table.from_pylist([{f.name: row.get(f.name) for f in older} for row in rows], schema=older)
            tables.commit(storage.join(table.folder(folder), f"{part:05d}.parquet"), columns)
    return folder


def test_shares_are_of_the_texts_with_their_reasoning(output: str, spark: LazySession, tokenizer: Tokenizer, tokenizer_file: str) -> None:
    run = run_of(output, components=SHARES, reasoning="wrap").model_copy(update={"tokenizer": tokenizer_file})
    mix(run, spark)
    folder = Tables.MIXTURE.folder(output)
    rows = tables.read_folder(folder).to_pylist()
    assert [row["n_tokens"] for row in rows] == tokenizer.count([row["text"] for row in rows])
    written = {origin: sum(row["n_tokens"] for row in rows if row["origin"] == origin) for origin in ("synthetic", "original")}
    longest = max(row["n_tokens"] for row in rows)
    assert abs(written["synthetic"] - 0.6 * sum(written.values())) <= longest
    wrapped = [row for row in rows if row["text"].startswith("<think>")]
    assert wrapped
    assert all(row["text"].startswith(WRAPPED) and row["origin"] == "synthetic" for row in wrapped)
    plain = {content_id("judged", str(number)) for number in range(ROWS) if number % 2 == 0 or number < ROWS // 2}
    assert not plain & {row["id"] for row in wrapped}
    assert storage.exists(storage.join(folder, MANIFEST))
    virtual_mix(run, spark)
    assert list(VirtualMixture(storage.join(output, "virtual"))) == rows

    frames = [spark.get().read.parquet(*tables.objects(table.folder(output))) for table in (Tables.DOCUMENTS,)]
    judged = spark.get().read.option("mergeSchema", "true").parquet(*tables.objects(Tables.JUDGED.folder(output)))
    settings = {"components": SHARES, "reasoning": "wrap", "file_tokens": 60_000}
    made = mix_frames(frames[0], judged, settings, tokenizer=tokenizer_file).select("id", "text", "n_tokens").collect()
    assert [(row.id, row.text, row.n_tokens) for row in made] == [(row["id"], row["text"], row["n_tokens"]) for row in rows]
