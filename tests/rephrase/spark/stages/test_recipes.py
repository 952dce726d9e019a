"""Recipes on their way through the stages: rows of their own, conditions, users' files, and steps that fan out over executors."""

from __future__ import annotations

import json
import os
import re
from collections import Counter

import pytest
import yaml

from rephrase import storage
from rephrase.cli.main import main
from rephrase.config.file import load_run
from rephrase.errors import UserError
from rephrase.recipes.catalogue import recipes_of
from rephrase.spark.stages.pipeline import run_all
from rephrase.spark.stages.rewrite.rows import sources_of
from rephrase.storage import tables
from tests.rephrase.spark.stages.test_pipeline import write_run
from tests.rephrase.spark.stages.test_rewrite import config

__all__ = ["config"]

MINE = """\
family: mine
paper: {title: Mine, url: https://example.org}
passage_tokens: 100
options: {form: haiku}
parser: paraphrase
styles:
  poem:
    summary: A poem of the passage.
    steps:
      - {name: draft, prompt: "Draft a {form} of this.\\n\\n{passage}"}
      - {name: polish, prompt: "Polish this {form}:\\n{draft}"}
"""


def rows(run, name="generations"):
    return tables.read_folder(storage.join(run.output, name)).to_pylist()


def test_recipes_with_rows_of_their_own_need_no_input(tmp_path, spark, tokenizer_file):
    made_by_rule = {"use": "procedural/solve", "options": {"tasks": ["arithmetic/gcd", "ours/sets"], "rows": 6, "samples": 2}}
    recipes = [{"use": "tinystories/story", "options": {"count": 600}}, "persona/knowledge", made_by_rule]
    data = {"output": "out", "tokenizer": tokenizer_file, "engine": {"kind": "echo"}, "recipes": recipes}
    data |= {"filter": {"checks": ["finished", "parsed"]}, "mix": {"components": [{"recipe": "tinystories/*", "share": 1.0}]}}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(data))
    run = load_run(str(tmp_path / "run.yaml"))
    run_all(run, spark)
    made = rows(run)
    assert Counter(row["recipe"] for row in made) == {"tinystories/story": 600, "persona/knowledge": 40, "procedural/solve": 12}
    assert {row["error"] for row in made if row["recipe"] == "procedural/solve"} == {"rejected:wrong"}, "the prompt is no answer"
    groups = {storage.name_of(path) for path in tables.objects(storage.join(run.output, "generations")) if "tinystories" in path}
    assert len(groups) == 2, "rows are cut into units"
    mixture = rows(run, "mixture")
    assert {row["source"] for row in mixture} == {"rows:tinystories/story"}
    assert {row["document_id"] for row in mixture} <= {row["document_id"] for row in made}
    before = {file.path: file.modified for file in storage.list_files(run.output)}
    run_all(run, spark)
    assert {file.path: file.modified for file in storage.list_files(run.output)} == before
    grounded = load_run(str(tmp_path / "run.yaml"), {"recipes": ["wrap/easy"], "output": str(tmp_path / "other")})
    with pytest.raises(UserError, match="`wrap/easy` works on documents, and the run has no `input`"):
        run_all(grounded, spark)


def test_documents_go_to_the_recipes_whose_conditions_they_fit(tmp_path, spark, tokenizer_file):
    recipes = [
        {"use": "nemotron/wikipedia", "when": {"scores": {"quality": {"max": 0.5}}}},
        {"use": "nemotron/distill", "when": {"scores": {"quality": {"min": 0.5}}}},
    ]
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, documents=6, recipes=recipes)
    lines = [json.loads(line) for line in (tmp_path / "raw" / "notes.jsonl").read_text().splitlines()]
    data = "".join(json.dumps({**line, "quality": (int(line["id"]) + 0.5) / 6}) + "\n" for line in lines)
    (tmp_path / "raw" / "notes.jsonl").write_text(data)
    run = load_run(str(path), {"input.fields": {"also": ["quality"]}})
    run_all(run, spark)
    scores = {row["id"]: float(dict(row["metadata"])["quality"]) for row in rows(run, "documents")}
    taken = {(row["recipe"], scores[row["document_id"]] >= 0.5) for row in rows(run)}
    assert taken == {("nemotron/wikipedia", False), ("nemotron/distill", True)}
    assert {row["document_id"] for row in rows(run)} == set(scores)
    other = load_run(str(path), {"input.fields": {"also": ["quality"]}, "recipes": [{**use, "when": {"min_tokens": 1}} for use in recipes]})
    with pytest.raises(UserError, match=r"of another config: `when"):
        run_all(other, spark)


def test_a_users_recipe_file_works_in_run_preview_and_show(tmp_path, spark, tokenizer_file, capsys, monkeypatch):
    (tmp_path / "mine.yaml").write_text(MINE)
    recipes = [{"use": "mine.yaml", "options": {"form": "sonnet"}}]
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, documents=2, recipes=recipes)
    run = load_run(str(path))
    run_all(run, spark)
    made = rows(run)
    assert Counter(row["step"] for row in made)["polish"] == Counter(row["step"] for row in made)["draft"] > 0
    assert all(row["text"] is None for row in made if row["step"] == "draft")
    assert all("Polish this sonnet" in row["text"] for row in made if row["step"] == "polish"), "the echo engine repeats the prompt"
    assert all(row["lineage"] for row in made if row["step"] == "polish")
    capsys.readouterr()
    main(["recipes", "show", str(tmp_path / "mine.yaml")])
    shown = capsys.readouterr().out
    assert "A poem of the passage." in shown
    assert "Polish this {form}:" in shown
    main(
        ["preview", str(tmp_path / "mine.yaml"), "--input", str(tmp_path / "raw" / "notes.jsonl"), "--tokenizer", tokenizer_file, "-n", "1"]
    )
    previewed = capsys.readouterr().out
    assert "Draft a haiku of this." in previewed
    assert re.search(r"\d+ tokens, up to 512 to write", previewed)
    assert "further steps (polish) need a model" in previewed
    main(["preview", str(tmp_path / "mine.yaml"), "--input", str(tmp_path / "raw" / "notes.jsonl"), "--config", str(path), "-n", "1"])
    answered = capsys.readouterr().out
    assert "for the next step" in answered
    assert "training text" in answered
    (tmp_path / "mine.yaml").write_text(MINE.replace("{draft}", "{drafts}"))
    with pytest.raises(SystemExit):
        main(["recipes", "show", str(tmp_path / "mine.yaml")])
    error = capsys.readouterr().err
    assert "mine.yaml, line 11: `styles.poem.steps.1.prompt`: the prompt uses `{drafts}`, which nothing fills" in error


def test_the_list_names_steps_prompts_tokens_and_papers(capsys):
    main(["recipes"])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for words in ("entigraph/relations", "propose: 1 for each", "2,048", "arxiv.org/abs/2401.16380"):
        assert words in text
    assert "n(n-1)/2 pairs and n(n-1)(n-2)/6 triples for n" in text
    assert "evolve0 to 3: 1 for each" in text
    assert "problem: 1 for each row" in text, "recipes with rows of their own need no documents"
    main(["recipes", "show", "entigraph/relations"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "tells of each of them, then how they act on each other." in shown, "prompts stand as they are, not as quoted YAML"
    main(["recipes", "nemotron"])
    assert set(re.findall(r"^(\w+)/\w+$", capsys.readouterr().out, re.MULTILINE)) == {"nemotron"}
    for bad in (["recipes", "nothing"], ["recipes", "show"], ["recipes", "show", "wrap/eazy"], ["preview", "wrap/easy"]):
        with pytest.raises(SystemExit):
            main(bad)


def test_a_preview_takes_fields_along(tmp_path, tokenizer_file, capsys):
    (tmp_path / "problems.jsonl").write_text(json.dumps({"question": "How many pens do 4 boxes of 3 hold?", "answer": "#### 12"}) + "\n")
    words = ["preview", "verified/answer", "--input", str(tmp_path / "problems.jsonl"), "--text", "question", "--tokenizer", tokenizer_file]
    with pytest.raises(SystemExit):
        main(words)
    assert "--also" in capsys.readouterr().err
    main([*words, "--also", "answer"])
    assert "How many pens do 4 boxes of 3 hold?" in capsys.readouterr().out
    given = {"paths": ["problems.jsonl"], "fields": {"text": "question", "also": ["answer"]}}
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, input=given)
    main([*words[:4], "--config", str(path)])  # which names the fields
    assert "How many pens do 4 boxes of 3 hold?" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*words[:4], "--tokenizer", tokenizer_file])
    assert "the field `text` is missing; there are: answer, question" in capsys.readouterr().err


@pytest.mark.long
def test_the_fan_out_of_one_document_is_spread_over_all_executors(config, tmp_path, spark):
    spark.stop()  # a process has one Spark, and this test needs its own
    from rephrase.config.run import Spark
    from rephrase.spark.runtime.session import LazySession

    recipes = [{"use": "entigraph", "options": {"triples": 0, "document_tokens": 3000}, "sampling": {"max_tokens": 8}}]
    path = config(documents=1, STAND_IN_ENTITIES=30, STAND_IN_SECONDS=0.05, recipes=recipes, rewrite={"prompts_per_unit": 50})
    run = load_run(str(path))
    session = LazySession(Spark(conf={"spark.executor.memory": "512m"}), "local-cluster[2,1,1024]")
    try:
        run_all(run, session)
        objects = [path for path in tables.objects(storage.join(run.output, "generations")) if ".relations-" in path]
        assert len(objects) == 9
        for smaller in (20, 4096):  # resumed with other units: what is there still fits
            before = sorted(row["id"] for row in rows(run))
            os.unlink(objects[5])
            run_all(load_run(str(path), {"rewrite.prompts_per_unit": smaller}), session)
            assert sorted(row["id"] for row in rows(run)) == before
    finally:
        session.stop()
    relations = [row for row in rows(run) if row["step"] == "relations"]
    assert len(relations) == len({row["key"] for row in relations}) == 30 * 29 // 2 == 435
    units = [row for row in tables.read(storage.join(run.output, "stats", "rewrite.parquet")).to_pylist() if row["step"] == "relations"]
    assert len(units) == 9
    assert sum(unit["generations"] for unit in units) == 435
    assert len({unit["server"] for unit in units}) == 2, "one engine an executor, and both worked"


def test_rows_are_written_once_and_belong_to_their_options(tmp_path, tokenizer_file):
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, recipes=[{"use": "tinystories/story", "options": {"count": 5}}])
    run = load_run(str(path))
    [source] = sources_of(run, recipes_of(run.recipes))
    assert sources_of(run, recipes_of(run.recipes)) == [source]
    more = load_run(str(path), {"recipes": [{"use": "tinystories/story", "options": {"count": 7}}]})
    [other] = sources_of(more, recipes_of(more.recipes))
    assert other.footers[0].path != source.footers[0].path
    assert other.footers[0].rows == 7
