"""Rows as `rephrase show` prints them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from rephrase import storage
from rephrase.cli.main import main
from rephrase.cli.show_panels import show_ids, show_pairs
from rephrase.cli.show_rows import ids_of_pairs
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.documents import DocumentTables
from rephrase.errors import UserError
from rephrase.notes import DocumentsNote, JudgedNote
from rephrase.readers.fields import FieldReader
from rephrase.records import JUDGED
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.spark.stages.pipeline import run_all
from rephrase.storage import tables
from tests.rephrase.spark.stages.test_pipeline import write_run

PAGE = "A forum post with [b]marks[/b] of its own. [/url] The tide rises twice a day, and falls twice a day. \\u001b[2J" * 9


@pytest.fixture(scope="module")
def run(tmp_path_factory, spark, tokenizer_file):
    folder = tmp_path_factory.mktemp("show")
    (folder / "pages.jsonl").write_text(f'{{"text": "{PAGE}", "metadata": {{"url": "https://forum.example/[1]"}}, "stars": 5}}\n')
    given = {"paths": ["pages.jsonl"], "fields": {"also": ["stars"]}}
    shares = {"components": [{"recipe": "wrap/easy", "share": 1.0}]}
    more = {"input": given, "recipes": ["wrap/easy", "wrap/qa"], "filter": {"checks": ["parsed"]}, "mix": shares}
    run = load_run(str(write_run(folder, tokenizer_file, {"kind": "echo"}, **more)))
    run_all(run, spark)
    return run


def printed(action, *arguments) -> str:
    console = Console(width=2000)
    with console.capture() as kept:
        action(*arguments, console=console)
    return kept.get()


def test_a_rewrite_stands_below_its_passage_whatever_brackets_the_page_has(run):
    text = printed(show_pairs, run, 3)
    assert text.count("[/url]") >= 2  # in the passage, and in what was made of it
    assert "https://forum.example/[1]" in text
    assert "wrap/easy  by echo" in text
    assert "\x1b" not in text, "a page must not steer the terminal"
    assert "\\x1b[2J" in text


def test_rejected_rows_are_found_by_their_verdict(run):
    text = printed(show_pairs, run, 3, "parsed")
    assert "wrap/qa  by echo  parsed: parse:" in text, "which error it was"
    assert "wrap/easy" not in text
    with pytest.raises(UserError, match=r"no row has the verdict `copied` \(rows have .*parsed \(\d+\)"):
        printed(show_pairs, run, 3, "copied")


def test_samples_of_one_document_stand_behind_those_of_others(tmp_path: Path, tokenizer_file: str) -> None:
    rows = [
        {"id": f"{recipe}{document}{sample}", "recipe": recipe, "document_id": document, "verdict": "copied"}
        for recipe in "rs"
        for document in "abc"
        for sample in range(4)
    ]
    folder = Tables.JUDGED.folder(str(tmp_path))
    claim(folder, Tables.JUDGED, Meaning({}))
    empty = dict.fromkeys(JUDGED.names)
    judged = pa.Table.from_pylist([{**empty, **row} for row in rows], JUDGED)
    tables.commit(storage.join(folder, "part-00000.parquet"), judged, JudgedNote(judged=len(rows)))
    run = Run.model_validate({"output": str(tmp_path), "tokenizer": tokenizer_file, "engine": {"kind": "echo"}, "recipes": ["wrap/easy"]})
    assert ids_of_pairs(run, 4, "copied") == ["ra0", "sa0", "rb0", "rc0"]
    assert set(ids_of_pairs(run, 24, "copied")) == {row["id"] for row in rows}


def test_an_id_leads_back_to_the_page_and_its_fields(run):
    row = tables.read_folder(storage.join(run.output, "mixture")).to_pylist()[0]
    text = printed(show_ids, run, [row["id"]])
    for words in (
        "origin: synthetic",
        "seed: ",
        "keep: ",
        f"document_id: {row['document_id']}",
        "https://forum.example/[1]",
        '"stars":"5"',
    ):
        assert words in text
    assert "not in the mixture" in printed(show_ids, run, [row["document_id"]])
    with pytest.raises(UserError, match="no table has a row with the id `f00`"):
        printed(show_ids, run, ["f00"])


@pytest.fixture
def with_ids(tmp_path: Path, tokenizer_file: str) -> Run:
    """A run over documents that have ids in the input, two of them the same; no document was rewritten yet."""
    rows = [
        {"uuid": "829e6a27", "text": "The tide rises twice a day.", "source": "829e6a28"},
        {"uuid": 17, "text": "Bees dance."},
        {"uuid": 17, "text": "Salt keeps \x1b[2J meat."},
    ]
    given = {"paths": ["raw"], "fields": {"id": "uuid"}}
    settings = {"output": str(tmp_path), "tokenizer": tokenizer_file, "input": given, "engine": {"kind": "echo"}, "recipes": ["wrap/easy"]}
    run = Run.model_validate(settings)
    assert run.input
    read = FieldReader(run.input.fields)
    table = DocumentTables(run.input, run.tokenizer).cleaned([read.document(row) for row in rows])
    folder = Tables.DOCUMENTS.folder(run.output)
    claim(folder, Tables.DOCUMENTS, Meaning({}))
    tables.commit(storage.join(folder, "part-00000.parquet"), table, DocumentsNote(documents=len(rows)))
    return run


def test_a_document_is_found_by_its_id_in_the_input_too(with_ids: Run, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(show_ids, with_ids, ["829e6a27"])
    assert "The tide rises" in text
    own = text.split()[0]
    assert printed(show_ids, with_ids, [own]) == text
    several = printed(show_ids, with_ids, ["17", own])
    assert "2 documents have the id `17` in the input; ask for one by its own:" in several
    assert several.count("Bees dance.") == several.count("Salt keeps") == several.count("The tide rises") == 1
    assert "\x1b" not in several
    listed = [line.split()[0] for line in several.splitlines() if line.startswith("  ")]
    assert "Bees dance." in printed(show_ids, with_ids, listed)
    with pytest.raises(UserError, match=r"no table has a row with the id `829e6a28`.*those of the input in the metadata"):
        printed(show_ids, with_ids, ["829e6a28"])
    main(["config", "input.fields.id"])
    assert "It goes into the metadata, under `id`: the column `id` holds a hash of the text" in " ".join(capsys.readouterr().out.split())
