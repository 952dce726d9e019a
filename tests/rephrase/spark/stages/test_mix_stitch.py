"""The mix stage where rewrites are joined: shares of what is written, nothing twice, the same rows from frames and after a lost object."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest

from rephrase import storage
from rephrase.cli.mix_plan import show_plan
from rephrase.errors import UserError
from rephrase.notes import DocumentsNote, JudgedNote
from rephrase.records import DOCUMENT, JUDGED, content_id
from rephrase.spark import mix as mix_frames
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.spark.stages.mix.stage import mix
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer
from tests.rephrase.spark.stages.test_mix import run_of

PAGES = 60
NAMES = ["Maren Holt", "Jan Visser", "Ola Berg", "Tove Lind"]
COMPONENTS = [{"stitched": True, "share": 0.5}, {"origin": "original", "share": 0.3}, {"recipe": "mind/*", "share": 0.2}]
STITCH = {"recipe": "wrap/*", "tokens": 160}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> tuple[str, dict[str, str]]:
    """The folder of a run, and its texts by id: pages with five rewrites each, of two recipes in several objects, but for some with one."""
    folder = str(tmp_path_factory.mktemp("run"))
    made: dict[str, list[dict[str, Any]]] = {"documents": [], "judged": []}
    for number in range(PAGES):
        page = {"id": content_id("page", str(number)), "source": "web", "language": "en", "license": "MIT"}
        text = f"Page {number}: when the tide had gone, {NAMES[number % 4]} went out to the boats and counted them all again."
        made["documents"].append({**page, "text": text, "synthetic_depth": 0})
        for take in range(5 if number % 10 else 1):
            text = f"Take {take} of page {number}: at low water all of the boats are counted."
            ids = {"id": content_id("take", str(number), str(take)), "document_id": page["id"]}
            by = {"recipe": "mind/debate" if take == 4 else "wrap/easy", "model": f"m{take % 2}", "synthetic_depth": 1 + take % 2}
            made["judged"].append({**page, **ids, **by, "text": text, "verdict": "keep", "scores": [("edu", 1.0)]})
    for rows in made.values():
        for row, count in zip(rows, tokenizer.count([row["text"] for row in rows]), strict=True):
            row["n_tokens"] = count
    plans = ((Tables.DOCUMENTS, DOCUMENT, {"files": {"count": 3}}, DocumentsNote()), (Tables.JUDGED, JUDGED, {}, JudgedNote()))
    for table, schema, content, note in plans:
        claim(table.folder(folder), table, Meaning(content))
        for number in range(3):
            part = [{field.name: row.get(field.name) for field in schema} for row in made[table.path][number::3]]
            tables.commit(storage.join(table.folder(folder), f"{number:05d}.parquet"), pa.Table.from_pylist(part, schema=schema), note)
    return folder, {row["id"]: row["text"] for rows in made.values() for row in rows}


def mixed(folder: str, spark: LazySession, tokenizer_file: str, **settings: Any) -> list[dict[str, Any]]:
    run = run_of(folder, **settings).model_copy(update={"tokenizer": tokenizer_file})
    mix(run, spark, replace=True)
    rows: list[dict[str, Any]] = tables.read_folder(Tables.MIXTURE.folder(folder)).to_pylist()
    assert not [file for file in storage.list_files(folder) if "_stitched" in file.path or "_exchange" in file.path]
    return rows


def check(rows: list[dict[str, Any]], texts: dict[str, str], tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """What holds of every such mixture. Returns the texts that were joined."""
    assert [row["n_tokens"] for row in rows] == tokenizer.count([row["text"] for row in rows])
    joined = [row for row in rows if row["parts"]]
    assert joined
    for row in joined:
        assert row["text"] == "\n\n".join(texts[part] for part in row["parts"])
        assert row["n_tokens"] <= STITCH["tokens"]
        assert row["origin"] == "synthetic"
        assert row["synthetic_depth"] >= 1
    pages = {id_ for id_, text in texts.items() if text.startswith("Page")}
    uses = Counter([part for row in joined for part in row["parts"] if part not in pages] + [row["id"] for row in rows if not row["parts"]])
    assert set(uses.values()) == {1}, "no rewrite is joined twice, or joined and by itself"
    total = sum(row["n_tokens"] for row in rows)
    longest = max(row["n_tokens"] for row in rows)
    for share, mine in ((0.5, joined), (0.3, [row for row in rows if row["id"] in pages])):
        assert abs(sum(row["n_tokens"] for row in mine) - share * total) <= longest
    return joined


def test_shares_hold_and_the_same_rows_come_from_frames(
    texts: tuple[str, dict[str, str]], spark: LazySession, tokenizer: Tokenizer, tokenizer_file: str
) -> None:
    folder, by_id = texts
    settings: dict[str, Any] = {"components": COMPONENTS, "stitch": STITCH, "max_synthetic_depth": 2}
    show_plan(run_of(folder, **settings).model_copy(update={"tokenizer": tokenizer_file}), spark)
    assert not list(storage.list_files(Tables.MIXTURE.folder(folder))), "planning leaves nothing behind"
    rows = mixed(folder, spark, tokenizer_file, **settings)
    joined = check(rows, by_id, tokenizer)
    assert all(row["parts"][-1] == row["document_id"] for row in joined if len(row["parts"]) > 2), "the document stands last"
    assert all(row["recipe"] == "wrap/easy" for row in joined)
    assert {row["recipe"] for row in rows if not row["parts"]} == {None, "mind/debate"}
    frames = [spark.get().read.parquet(*tables.objects(table.folder(folder))) for table in (Tables.DOCUMENTS, Tables.JUDGED)]
    made = mix_frames(*frames, {**settings, "file_tokens": 60_000}, tokenizer=tokenizer_file)
    assert [row.asDict() for row in made.collect()] == rows
    with pytest.raises(UserError, match="`stitch` makes texts longer, and nothing counts them"):
        mix_frames(*frames, settings)


def test_near_documents_are_joined_and_what_finds_nothing_stays_by_itself(
    texts: tuple[str, dict[str, str]], spark: LazySession, tokenizer: Tokenizer, tokenizer_file: str
) -> None:
    folder, by_id = texts
    near = {**STITCH, "by": "near", "documents": 3, "original": "none"}
    joined = check(mixed(folder, spark, tokenizer_file, components=COMPONENTS, stitch=near), by_id, tokenizer)
    pages = [{by_id[part].split("page ")[1].split(":")[0] for part in row["parts"]} for row in joined]
    assert max(map(len, pages)) > 1
    assert all(len({int(number) % 4 for number in group}) == 1 for group in pages), "they name the same person"
    by_document = {**STITCH, "original": "none", "least": 3}
    alone = [*COMPONENTS[:2], {"recipe": "wrap/*", "share": 0.2}]
    rows = mixed(folder, spark, tokenizer_file, components=alone, stitch=by_document, budget_tokens=700)
    lone = [row for row in rows if not row["parts"] and row["origin"] == "synthetic"]
    assert lone
    assert {int(row["text"].split("page ")[1].split(":")[0]) % 10 for row in lone} == {0}, "of pages with one rewrite"


def test_a_mixture_that_asks_for_too_much_leaves_nothing_behind(
    texts: tuple[str, dict[str, str]], spark: LazySession, tokenizer_file: str
) -> None:
    folder, _ = texts
    storage.remove_folder(Tables.MIXTURE.folder(folder))
    with pytest.raises(UserError, match="too little material"):
        mixed(folder, spark, tokenizer_file, components=COMPONENTS, stitch=STITCH, budget_tokens=10**9)
    assert not list(storage.list_files(Tables.MIXTURE.folder(folder)))
