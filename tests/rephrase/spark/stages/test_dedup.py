"""Screening and near duplicates on a local Spark: what is out, what stays, and that nobody else's text goes."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from rich.console import Console

from classifiers.words import ngrams_of, words_of
from rephrase import storage
from rephrase.cli.contamination_tables import contamination
from rephrase.cli.summary_tables import print_summary
from rephrase.config.duplicates import Dedup
from rephrase.config.run import Run, Screen
from rephrase.engines.replay import ReplaySettings
from rephrase.errors import UserError
from rephrase.notes import DocumentsNote
from rephrase.readers.settings import Input
from rephrase.records import DOCUMENT, JUDGED, content_id
from rephrase.settings.validation import validate
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.dedup.stage import find_duplicates
from rephrase.spark.stages.dropped import folders_of, without_dropped
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.spark.stages.pipeline import run_all, run_stage
from rephrase.storage import tables
from tests.places import EXAMPLES
from tests.rephrase.spark.no_spark import NoSpark

TOKENIZER = EXAMPLES / "tokenizer.json"
WORDS = [f"w{number}" for number in range(4000)]
DICE = random.Random(3)


def page(words: int = 240) -> list[str]:
    return DICE.choices(WORDS, k=words)


def variant(words: list[str], replaced: int) -> list[str]:
    """The same words with a run of them replaced, so that so many 5-grams and four more are others."""
    at = DICE.randrange(4, len(words) - replaced - 4)
    return [*words[:at], *(f"new{DICE.randrange(10**9)}" for _ in range(replaced)), *words[at + replaced :]]


def similarity(a: str, b: str) -> float:
    one, other = (set(ngrams_of(words_of([text]), 5)[0].tolist()) for text in (a, b))
    return len(one & other) / len(one | other)


def run_of(folder: Path, **sections: Any) -> Run:
    engine = ReplaySettings(kind="replay", path="unused")
    return Run(output=str(folder), input=Input(paths=["unused"]), tokenizer="unused", engine=engine, recipes=["wrap/easy"], **sections)


def write_documents(folder: Path, texts: list[str], objects: int = 2, **columns: list[Any]) -> list[str]:
    """Documents over several objects. Returns their ids."""
    rows = [{"id": content_id(text), "text": text, "language": "en", "n_tokens": 1, "synthetic_depth": 0} for text in texts]
    for name, values in columns.items():
        rows = [{**row, name: value} for row, value in zip(rows, values, strict=True)]
    for number in range(objects):
        part = pa.Table.from_pylist(rows[number::objects], schema=DOCUMENT)
        tables.commit(str(folder / "documents" / f"part-{number:05d}.parquet"), part, DocumentsNote(documents=part.num_rows))
    claim(str(folder / "documents"), Tables.DOCUMENTS, Meaning({"files": {"count": objects}}))
    return [str(row["id"]) for row in rows]


def write_judged(folder: Path, rows: list[dict[str, Any]]) -> list[str]:
    given = [{"id": content_id("generation", row["text"]), "recipe": "wrap/easy", "verdict": "keep", **row} for row in rows]
    tables.commit(str(folder / "judged" / "wrap.easy.rewrite-00000-0000-0000.parquet"), pa.Table.from_pylist(given, schema=JUDGED))
    claim(str(folder / "judged"), Tables.JUDGED, Meaning({"checks": []}))
    return [str(row["id"]) for row in given]


def gone(folder: Path, table: str) -> dict[str, str]:
    """What is out, and for which text."""
    paths = tables.objects(str(folder / "duplicates" / table))
    return {row["id"]: row["kept_id"] for path in paths for row in tables.read(path).to_pylist()}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, spark) -> tuple[Path, dict[str, list[tuple[str, str]]]]:
    """A searched table of pages, with planted pairs that are 0.9 and 0.5 alike."""
    folder = tmp_path_factory.mktemp("pairs")
    planted: dict[str, list[tuple[str, str]]] = {"near": [], "half": []}
    texts = [" ".join(page()) for _ in range(300)]
    for kind, replaced in (("near", 8), ("half", 75)):
        for _ in range(120):
            words = page()
            both = " ".join(words), " ".join(variant(words, replaced))
            planted[kind].append((content_id(both[0]), content_id(both[1])))
            assert similarity(*both) == pytest.approx(0.9 if kind == "near" else 0.5, abs=0.02)
            texts += both
    DICE.shuffle(texts)
    write_documents(folder, texts, objects=3)
    find_duplicates(run_of(folder, dedup=Dedup()), spark, Tables.DOCUMENTS)
    return folder, planted


def test_pairs_nine_tenths_alike_are_found_and_pairs_half_alike_are_not(pairs):
    folder, planted = pairs
    duplicates = gone(folder, "documents")
    together = {kind: sum(duplicates.get(a) == b or duplicates.get(b) == a for a, b in planted[kind]) for kind in planted}
    assert together["near"] >= 0.95 * len(planted["near"])
    assert together["half"] <= 0.05 * len(planted["half"])
    assert len(duplicates) == sum(together.values()), "nothing else is a duplicate"


def test_a_second_search_has_nothing_to_do_and_another_config_is_refused(pairs, spark, capsys):
    folder, _ = pairs
    find_duplicates(run_of(folder, dedup=Dedup()), spark, Tables.DOCUMENTS)
    assert "nothing to do" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"`dedup\.ngram` was 5, is 3"):
        find_duplicates(run_of(folder, dedup=Dedup(ngram=3)), spark, Tables.DOCUMENTS)


def test_a_search_that_was_cut_off_is_ended_by_the_next(pairs, spark):
    folder, _ = pairs
    before = gone(folder, "documents")
    storage.delete(str(folder / "duplicates" / "documents" / "_clusters.json"))
    storage.delete(tables.objects(str(folder / "duplicates" / "documents"))[0])
    find_duplicates(run_of(folder, dedup=Dedup()), spark, Tables.DOCUMENTS)
    assert gone(folder, "documents") == before


def test_one_of_each_cluster_stays_the_original_then_the_best(tmp_path, spark):
    words = page()
    text, close, closer = (" ".join(version) for version in (words, variant(words, 3), variant(words, 2)))
    others = page()
    lone, lone_again = " ".join(others), " ".join(variant(others, 3))
    blank = ["", "   ", "!!!"]
    [original, elsewhere, *_] = write_documents(tmp_path, [text, " ".join(page()), *blank])
    rewrites = write_judged(
        tmp_path,
        [
            {"text": close, "document_id": elsewhere, "scores": [("quality", 0.99)]},
            {"text": closer, "document_id": original, "scores": [("quality", 0.9)]},
            {"text": lone, "document_id": elsewhere, "scores": [("quality", 0.2)]},
            {"text": lone_again, "document_id": elsewhere, "scores": [("quality", 0.8)]},
            {"text": lone, "document_id": elsewhere, "scores": [("quality", 1.0)], "verdict": "length"},
        ],
    )
    run = run_of(tmp_path, dedup=Dedup(score="quality"))
    find_duplicates(run, spark, Tables.DOCUMENTS)
    assert gone(tmp_path, "documents") == {}, "texts without words are nobody's duplicates"
    find_duplicates(run, spark, Tables.JUDGED)
    duplicates = gone(tmp_path, "judged")
    assert duplicates[rewrites[0]] == original, "an original stays before a rewrite, whatever its score"
    assert duplicates[rewrites[2]] == rewrites[3], "the higher score stays, and a rejected row is not in the search"
    assert rewrites[3] not in duplicates


def test_a_rewrite_is_no_duplicate_of_its_own_document(tmp_path, spark):
    words = page()
    [original] = write_documents(tmp_path, [" ".join(words)], objects=1)
    write_judged(tmp_path, [{"text": " ".join(variant(words, 3)), "document_id": original}])
    run = run_of(tmp_path, dedup=Dedup())
    find_duplicates(run, spark, Tables.DOCUMENTS)
    find_duplicates(run, spark, Tables.JUDGED)
    assert gone(tmp_path, "judged") == {}


def test_screened_documents_are_out_and_keep_their_scores(tmp_path, spark):
    good = " ".join(page(120))
    looping, short = "the same again and again. " * 40, "too short"
    words = page(120)
    twins = [" ".join(words), " ".join(variant(words, 2))]
    ids = write_documents(tmp_path, [good, looping, short, *twins])
    run = run_of(tmp_path, screen=Screen(checks=["repetition", {"length": {"min_words": 20}}]), dedup=Dedup())
    run_stage("screen", run, spark)
    rows = {row["id"]: row for path in tables.objects(str(tmp_path / "screened")) for row in tables.read(path).to_pylist()}
    assert [rows[id_]["verdict"] for id_ in ids] == ["keep", "repetition", "length", "keep", "keep"]
    assert all(dict(rows[id_]["scores"])["length.words"] > 0 for id_ in ids), "rejected documents have all scores"
    left = []
    for path in tables.objects(str(tmp_path / "documents")):
        left += without_dropped(tables.read(path), path, folders_of(run, Tables.DOCUMENTS)).column("id").to_pylist()
    assert set(left) in ({ids[0], ids[3]}, {ids[0], ids[4]})
    assert len(left) == 2


def test_checks_of_rewrites_are_refused_for_documents():
    with pytest.raises(UserError, match="`copied` judges a rewrite"):
        validate(Screen, {"checks": ["copied"]}, "screen")
    with pytest.raises(UserError, match="did you mean `repetition`"):
        validate(Screen, {"checks": ["repetitions"]}, "screen")


def test_a_report_on_benchmarks_needs_a_check_that_looks_for_them(tmp_path):
    with pytest.raises(UserError, match="no check of this run looks for benchmarks"):
        contamination(run_of(tmp_path, screen=Screen(checks=["repetition"])))


def test_what_is_screened_out_is_neither_rewritten_nor_mixed(bucket, tmp_path, spark, capsys):
    """The whole run on S3: a contaminated source has no rewrites, a duplicate and a short page are gone, and shares hold for the rest."""
    question = "A harbour master counts 14 boats in the morning and twice as many at noon, then 9 leave. How many boats are left at night?"
    storage.create(storage.join(bucket, "quiz.jsonl"), orjson.dumps({"question": question, "answer": "33"}))
    twin = page(200)
    texts = [
        *(" ".join(page(200)) for _ in range(6)),
        " ".join([*page(100), question.upper().replace(",", " -"), *page(100)]),
        " ".join(twin),
        " ".join(variant(twin, 3)),
        " ".join(page(30)),
    ]
    lines = b"".join(orjson.dumps({"text": text, "id": str(number), "source": "notes"}) + b"\n" for number, text in enumerate(texts))
    storage.create(storage.join(bucket, "raw.jsonl"), lines)
    settings = {
        "output": storage.join(bucket, "out"),
        "input": {"paths": storage.join(bucket, "raw.jsonl"), "min_characters": 0},
        "tokenizer": str(TOKENIZER),
        "engine": {"kind": "echo"},
        "recipes": ["wrap/easy"],
        "screen": {
            "checks": [
                {"length": {"min_words": 50}},
                {"contamination": {"benchmarks": [{"name": "quiz", "paths": storage.join(bucket, "quiz.jsonl")}]}},
            ]
        },
        "filter": {"checks": ["parsed"]},
        "dedup": {},
        "mix": {"components": [{"origin": "original", "share": 1.0}]},
    }
    run = validate(Run, settings, "test")
    run_all(run, spark)
    begins = " ".join(capsys.readouterr().err.split())
    assert re.search(r"over 10 rows with [\d,]+ tokens, less what is screened out or a duplicate, asks", begins)
    verdicts = Counter(tables.read_folder(storage.join(run.output, "screened"))["verdict"].to_pylist())
    assert verdicts == {"keep": 8, "contamination": 1, "length": 1}
    documents = {row["text"]: row["id"] for row in tables.read_folder(storage.join(run.output, "documents")).to_pylist()}
    assert len(documents) == 10, "documents stay where they are"
    out = {documents[texts[6]], documents[texts[9]]}
    [gone_twin] = {
        row["id"] for path in tables.objects(storage.join(run.output, "duplicates", "documents")) for row in tables.read(path).to_pylist()
    }
    assert gone_twin in {documents[texts[7]], documents[texts[8]]}
    left = set(documents.values()) - out - {gone_twin}
    assert set(tables.read_folder(storage.join(run.output, "generations"))["document_id"].to_pylist()) == left
    assert set(tables.read_folder(storage.join(run.output, "mixture"))["document_id"].to_pylist()) == left
    print_summary(run, console := Console(record=True, width=140))
    printed = console.export_text()
    assert "kept of 10; rejected by" in printed
    assert re.search(r"near duplicates +│ +1 │ documents", printed)
    contamination(run, json=str(tmp_path / "met.json"), console=(console := Console(record=True, width=140)))
    printed = " ".join(console.export_text().split())
    assert f"screened {documents[texts[6]]} holds 100% of item 1 of quiz, 25 words in a run: A HARBOUR MASTER COUNTS" in printed
    [met] = orjson.loads((tmp_path / "met.json").read_bytes())
    assert (met["table"], met["items"], met["searched"], met["rows"], met["found"]) == ("screened", 1, 1, 1, {"1": 1})
    before = {file.path: file.modified for file in storage.list_files(run.output)}
    run_all(run, NoSpark())
    assert {file.path: file.modified for file in storage.list_files(run.output)} == before, "a second run has nothing to do"
    looser = validate(Run, {**settings, "screen": {"checks": ["length"]}}, "test")
    with pytest.raises(UserError, match="another config"):
        run_all(looser, NoSpark())
