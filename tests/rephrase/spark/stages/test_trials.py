"""Runs on some documents: the same ones wherever they lie, in a folder of their own, and nothing is asked twice."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from rephrase import storage
from rephrase.cli.main import main
from rephrase.config.file import load_run
from rephrase.config.run import Limit
from rephrase.errors import UserError
from rephrase.notes import GenerationsNote
from rephrase.spark.stages.drawing import Candidate, draw
from rephrase.spark.stages.pipeline import run_all
from rephrase.spark.stages.trials import notes_of, trial_named
from rephrase.storage import tables
from tests.rephrase.spark.stages.test_pipeline import pages, write_run

CANDIDATES = [Candidate(f"{number:032x}", "abc"[number % 7 % 3], int(30 * 1.01 ** (number * 7919 % 500))) for number in range(1000)]


def ids(run, name="documents"):
    return set(tables.read_folder(storage.join(run.output, name), ["id"])["id"].to_pylist())


@pytest.mark.parametrize("stratified", [False, True])
def test_documents_are_drawn_by_their_ids_and_not_by_their_order(stratified):
    limit = Limit(documents=60, stratified=stratified)
    drawn = draw(CANDIDATES, limit)
    shuffled = random.Random(1).sample(CANDIDATES, len(CANDIDATES))
    assert draw(shuffled, limit) == drawn
    chosen = [id_ for stratum in drawn for id_ in stratum.ids]
    assert len(set(chosen)) == 60
    assert sum(stratum.size for stratum in drawn) == 1000
    others = draw(CANDIDATES, limit.model_copy(update={"seed": 2}))
    assert len({id_ for stratum in others for id_ in stratum.ids} & set(chosen)) < 30


def test_a_larger_limit_has_the_documents_of_a_smaller_one():
    [small], [large] = (draw(CANDIDATES, Limit(documents=number)) for number in (20, 50))
    assert large.ids[:20] == small.ids


def test_a_pilot_has_all_sources_and_lengths_and_more_of_the_long():
    drawn = draw(CANDIDATES, Limit(documents=60, stratified=True))
    by_id = {candidate.id: candidate for candidate in CANDIDATES}
    assert len(drawn) == 9, "three sources, three lengths"
    assert all(len(stratum.ids) >= 2 for stratum in drawn)
    chosen = [by_id[id_] for stratum in drawn for id_ in stratum.ids]
    assert Counter(candidate.source for candidate in chosen).keys() == {"a", "b", "c"}
    mean = sum(candidate.tokens for candidate in CANDIDATES) / len(CANDIDATES)
    assert sum(candidate.tokens for candidate in chosen) / 60 > 1.2 * mean
    assert [len(stratum.ids) for stratum in draw(CANDIDATES, Limit(documents=3, stratified=True))] == [3], "too few for strata"


def test_a_limit_is_a_trial_that_the_whole_run_takes_over(tmp_path, spark, tokenizer_file, capsys):
    recipes = [{"use": "wrap/easy"}, {"use": "tinystories/story", "options": {"count": 20}}]
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, documents=24, recipes=recipes)
    run = load_run(str(path), {"limit.documents": 7})
    run_all(run, spark)
    trial = run.trial()
    assert trial.output == storage.join(run.output, "trials", "limit-7")
    assert len(ids(trial)) == 7
    assert len(ids(run)) == 24
    assert sum(note.generations for note in notes_of(trial) if note.has_own_rows) == 7, "of a recipe's own rows as many"
    assert ids(trial, "mixture") == ids(trial), "a trial goes to its end"
    written = sum(note.requests for note in notes_of(trial))
    whole = load_run(str(path))
    run_all(whole, spark)
    notes = sum(notes_of(whole), GenerationsNote())
    assert notes.reused == written
    assert ids(trial, "generations") <= ids(whole, "generations"), "rows are the same ones"
    before = {file.path: file.modified for file in storage.list_files(run.output)}
    run_all(run, spark)
    run_all(whole, spark)
    assert {file.path: file.modified for file in storage.list_files(run.output)} == before, "both have ended"
    capsys.readouterr()
    main(["status", str(path), "--limit", "7"])
    assert "limit-7" in capsys.readouterr().out.replace("\n", "")
    assert trial_named(whole, "limit-7").output == trial.output
    assert trial_named(whole, "mine") is None
    other = load_run(str(path), {"limit.documents": 7, "recipes": ["wrap/hard"]})
    with pytest.raises(UserError, match="of another config"):
        run_all(other, spark)


def test_a_trial_has_the_same_documents_wherever_they_lie(tmp_path, spark, tokenizer_file):
    samples = []
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, recipes=["wrap/easy"])
    for files in (1, 2, 3):
        raw = tmp_path / f"raw-{files}"
        raw.mkdir()
        for number in range(files):
            rows = pages(24)[:: -1 if files == 3 else 1][number::files]
            (raw / f"{number}.jsonl").write_text("".join(json.dumps(page) + "\n" for page in rows))
        changes = {"limit.documents": 9, "input.paths": [str(raw)], "output": str(tmp_path / f"out-{files}")}
        run = load_run(str(path), {**changes, "mix.skip_empty": True})
        run_all(run, spark)
        samples.append((ids(run.trial()), ids(run.trial(), "generations")))
    assert samples[0] == samples[1] == samples[2]


def test_duplicates_and_what_was_screened_out_are_not_drawn(tmp_path, spark, tokenizer_file):
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, documents=12, recipes=["wrap/easy"])
    with open(tmp_path / "raw" / "notes.jsonl", "a") as file:
        for number in range(8):
            file.write(json.dumps({"id": f"x{number}", "text": f"Short text {number}. " * 3}) + "\n")
            file.write(json.dumps({"id": f"y{number}", "text": pages(1)[0]["text"] + f" And {number}."}) + "\n")
    run = load_run(str(path), {"dedup": {"min_similarity": 0.5}, "limit.documents": 15, "input.min_characters": 10})
    run_all(run, spark)
    duplicates = ids(run, "duplicates/documents")
    assert len(duplicates) >= 7
    assert not ids(run.trial()) & duplicates
    assert len(ids(run.trial())) == 15
