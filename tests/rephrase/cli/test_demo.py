"""The demo, as a new user runs it: examples/ in an empty folder, no model and no network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from rephrase.records import DOCUMENT, GENERATION, JUDGED, MIXTURE
from rephrase.storage import tables
from tests.places import EXAMPLES


def rephrase(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rephrase.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, cwd=folder)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, str]:
    """The demo's output folder, and what the command printed."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(EXAMPLES, folder / "examples")
    rephrase(folder, "classifier", "train", "examples/quality_labels.jsonl", "-o", "out/demo-quality/model", "--epoch", "25", "--lr", "0.5")
    done = rephrase(folder, "run", "examples/run.yaml", "--show", "3")
    return folder / "out" / "demo", done.stderr + done.stdout


def rows(demo, name: str) -> list[dict]:
    return tables.read_folder(str(demo[0] / name)).to_pylist()


def test_the_tables_have_the_columns_of_the_design(demo):
    for name, schema in (("documents", DOCUMENT), ("generations", GENERATION), ("judged", JUDGED), ("mixture", MIXTURE)):
        assert tables.read_folder(str(demo[0] / name)).schema.equals(schema), name


def test_the_crawl_is_read_without_boilerplate_repeats_and_empty_pages(demo):
    documents = {row["url"]: row["text"] for row in rows(demo, "documents")}
    assert len(documents) == 15
    assert "https://digest.example/2024/02/long-read" not in documents, "a login wall"
    assert sum("tide" in url for url in documents) == 1, "a mirror with the same text"
    assert "Málaga’s airport" in documents["https://slowrails.example/spain/malaga"], "its charset stands in the HTTP header alone"
    assert not any("cookie" in text.lower() for text in documents.values())


def test_both_origins_and_every_recipe_reach_the_mixture(demo):
    mixture = rows(demo, "mixture")
    recipes = {row["recipe"] for row in mixture if row["origin"] == "synthetic"}
    assert recipes == {"wrap/easy", "wrap/medium", "wrap/hard", "wrap/qa", "mind/teacher_student", "mind/interview", "entigraph/relations"}
    originals = {row["id"] for row in mixture if row["origin"] == "original"}
    assert originals == {row["id"] for row in rows(demo, "documents")}
    assert all(row["document_id"] in originals for row in mixture)
    tokens: Counter[str] = Counter()
    for row in mixture:
        tokens[(row["recipe"] or "original").split("/")[0]] += row["n_tokens"]
    total = sum(tokens.values())
    for family, share in (("original", 0.4), ("wrap", 0.3), ("mind", 0.2), ("entigraph", 0.1)):
        assert abs(tokens[family] / total - share) < 0.02, family


def test_planted_bad_completions_are_rejected_for_what_they_are(demo):
    generations = {row["id"]: row for row in rows(demo, "generations")}
    rejected = [(row, generations[row["id"]]) for row in rows(demo, "judged") if row["verdict"] != "keep"]
    found = Counter((made["recipe"], row["verdict"], made["error"]) for row, made in rejected)
    assert found == {
        ("wrap/easy", "chatter", None): 1,  # a refusal
        ("wrap/medium", "copied", None): 1,  # the passage word for word
        ("wrap/medium", "finished", None): 1,  # cut off
        ("wrap/hard", "finished", None): 1,
        ("wrap/hard", "repetition", None): 1,  # a loop
        ("wrap/qa", "parsed", "parse:no_questions"): 2,  # prose, and a refusal
        ("mind/teacher_student", "parsed", "parse:too_short"): 1,
        ("mind/teacher_student", "parsed", "parse:no_dialogue"): 1,
        ("entigraph/relations", "parsed", "parse:json"): 1,  # both attempts broken
    }
    assert all(row["scores"] for row, made in rejected if made["text"]), "rejected rows keep their scores"
    assert all(row["text"] is None for row, _ in rejected)
    retried = [row for row in generations.values() if row["attempts"] == 2 and row["error"] is None]
    assert len(retried) == 1, "one broken JSON was asked for again and came out well"


def test_lead_ins_are_cut_off(demo):
    led = [row for row in rows(demo, "generations") if row["completion"].startswith("Sure! Here is a simple version")]
    assert len(led) == 1
    assert led[0]["text"].startswith("Henry Hall died twelve days later.")


def test_it_says_that_it_replays_and_shows_pairs(demo):
    words = " ".join(demo[1].split())
    assert "completions recorded from a language model are replayed" in words
    assert words.count("original http") == 3
    for part in ("documents", "passages", "generations", "Kept by recipe", "asked for"):
        assert part in words


def test_a_second_run_does_no_work_and_says_so(demo):
    files = {path: path.stat().st_mtime_ns for path in demo[0].rglob("*")}
    again = rephrase(demo[0].parents[1], "run", "examples/run.yaml")
    assert again.stderr.count("nothing to do") == 5
    assert {path: path.stat().st_mtime_ns for path in demo[0].rglob("*")} == files


def test_the_recordings_belong_to_the_prompts(demo):
    stamped = subprocess.run(
        [sys.executable, "examples/build_recording.py"], capture_output=True, text=True, check=False, cwd=demo[0].parents[1]
    )
    assert stamped.returncode == 0, stamped.stdout
    assert "0 prompts without one" in stamped.stdout


def test_a_dry_run_of_the_filter_shows_what_other_thresholds_would_keep(demo):
    folder = demo[0].parents[1]

    def dry(*checks: str) -> str:
        return rephrase(folder, "filter", "examples/run.yaml", "--dry-run", "--set", f"filter.checks=[{', '.join(checks)}]").stdout

    kept = sum(row["verdict"] == "keep" for row in rows(demo, "judged"))
    looser, stricter = dry("finished", "parsed"), dry("finished", "parsed", "{length: {min_words: 100}}")
    assert f"(before: {kept:,} rows)" in looser
    counts = [int(said.split("kept: ")[1].split()[0]) for said in (stricter, looser)]
    assert counts[0] < kept < counts[1]
    with pytest.raises(subprocess.CalledProcessError) as refused:
        dry("finished", "{copied: {ngram: 5}}")
    assert "`copied` would give other scores" in refused.value.stderr
