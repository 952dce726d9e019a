"""`rephrase preview` with the engines of a run: each step is answered by the one that the run names for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from rephrase.cli.main import main
from rephrase.errors import UserError


@pytest.fixture
def config(tmp_path, tokenizer_file) -> str:
    request = {"question": "Why are there two tides a day, and not one?", "id": "q"}
    (tmp_path / "requests.jsonl").write_text(json.dumps(request) + "\n")
    (tmp_path / "none.jsonl").write_text("")
    run = {
        "output": "out",
        "input": {"paths": ["requests.jsonl"], "fields": {"text": "question"}},
        "tokenizer": tokenizer_file,
        "engines": {"judge": {"kind": "replay", "path": "none.jsonl"}, "writer": {"kind": "echo"}},
        "recipes": ["wrap/easy", {"use": "preference/grades", "steps": {"judge": {"engine": "judge"}}}],
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
    return str(tmp_path / "run.yaml")


@pytest.mark.parametrize(
    ("recipe", "more", "asked"),
    [
        ("preference/grades", [], (4, 1)),  # the writer's answers are alike, so that there is one to grade
        ("preference/grades", ["--engine", "writer"], (4, 0)),
        ("wrap/easy", [], (1, 0)),
        ("wrap/easy", ["--engine", "judge"], (0, 1)),
    ],
)
def test_steps_are_answered_by_the_engines_that_the_run_names(config, capsys, recipe, more, asked):
    main(["preview", recipe, "--config", config, *more])
    out = capsys.readouterr().out
    answers, unrecorded = asked
    assert out.count("engine:not_recorded") == unrecorded
    assert out.count("─ for the next step ─") + out.count("─ training text ─") == answers


@pytest.mark.parametrize("recipe", ["graph/multihop", "long/aggregate", "long/qa"])
def test_a_recipe_that_asks_nothing_of_the_documents_says_so(tmp_path, tokenizer_file, capsys, recipe):
    (tmp_path / "one.jsonl").write_text(json.dumps({"text": "The tide rises."}) + "\n")
    main(["preview", recipe, "--input", str(tmp_path / "one.jsonl"), "--tokenizer", tokenizer_file])
    assert f"{recipe} asks nothing of these documents" in capsys.readouterr().out


def test_the_language_that_is_asked_for_is_told_and_may_be_the_documents(config, capsys):
    main(["preview", "wrap/easy", "--config", config, "--language", "deu_Latn", "--engine", "writer"])
    out = capsys.readouterr().out
    assert ", in de " in out
    assert "Schreiben Sie den ganzen Text auf Deutsch" in out
    path = Path(config).with_name("requests.jsonl")
    path.write_text(json.dumps({"question": "Pourquoi y a-t-il deux marées par jour ?", "tongue": "fr-FR"}))
    run = yaml.safe_load(Path(config).read_text())
    run["input"]["fields"]["language"] = "tongue"
    Path(config).write_text(yaml.safe_dump(run))
    main(["preview", "wrap/easy", "--config", config, "--language", "same", "--json"])
    [prompt] = json.loads(capsys.readouterr().out)["prompts"]
    assert prompt["language"] == "fr-FR"
    assert "Rédigez tout le texte en français" in prompt["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "jugde"], r"there is no engine `jugde` \(did you mean `judge`"),
        (["--engine", "judge", "--model", "m"], "--engine names an engine of a run"),
    ],
)
def test_an_engine_that_is_not_there_is_told(config, words, message):
    from rephrase.cli.engine_options import named_engines
    from rephrase.cli.main import build_parser

    with pytest.raises(UserError, match=message):
        named_engines(build_parser().parse_args(["preview", "wrap/easy", "--config", config, *words]))
