"""MathCoder2's route: a model labels a sample, fastText learns from it, and the corpus is routed by its scores."""

from __future__ import annotations

import json
import random
import re

import pytest

from classifiers.fasttext.model import load_model
from rephrase import storage
from rephrase.cli.documents import sample
from rephrase.cli.main import main
from rephrase.config.file import load_run
from rephrase.engines.echo import EchoSettings
from rephrase.errors import UserError
from rephrase.spark.stages.pipeline import run_all
from rephrase.storage import tables
from tests.classifiers.topics import WORDS, topic_rows
from tests.rephrase.recipes.play import Scripted
from tests.rephrase.spark.stages.test_pipeline import write_run

MATHS = re.findall(r"\w+", "the sum of an equation proof theorem integral number prime square root function equals solve")
SPORT = re.findall(r"\w+", "the team won a match goal player season coach stadium crowd league score final referee")


def corpus(number: int) -> list[dict[str, str]]:
    drawn = random.Random(0)
    return [{"id": str(n), "text": " ".join(drawn.choices(MATHS if n % 2 else SPORT, k=60)) + f" {n}."} for n in range(number)]


def is_math(prompt: str) -> bool:
    return any(word in prompt for word in ("theorem", "prime", "integral"))


@pytest.fixture
def judge(monkeypatch) -> Scripted:
    engine = Scripted(lambda prompt: "Yes." if is_math(prompt) else "No.")
    monkeypatch.setattr(EchoSettings, "open", lambda *_: engine)
    return engine


def test_labels_train_a_classifier_that_routes_documents(tmp_path, spark, tokenizer_file, judge, monkeypatch, capsys):
    lines = corpus(300)
    raw = tmp_path / "corpus.jsonl"
    raw.write_text("".join(json.dumps(line) + "\n" for line in lines))
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"})
    labels = tmp_path / "labels.jsonl"
    command = ["label", str(raw), "-n", "200", "--rubric", "label/math", "--config", str(path), "-o", str(labels)]
    main(command)
    written = [json.loads(line) for line in labels.read_text().splitlines()]
    assert len(written) == len({line["id"] for line in written}) == 200
    assert all((line["label"] == "yes") == is_math(line["text"]) for line in written)
    asked = len(judge.prompts)
    main([*command[:3], "220", *command[4:]])
    assert len(judge.prompts) - asked == 20, "what is labelled is not asked for again"
    model = tmp_path / "models" / "math"
    main(["classifier", "train", str(labels), "--positive", "yes", "-o", str(model), "--epoch", "25", "--lr", "0.5"])
    monkeypatch.undo()
    settings = {"paths": [str(raw)], "scores": {"math": f"{model}.bin"}}
    use = {"use": "wrap/easy", "when": {"scores": {"math": {"min": 0.5}}}}
    run = load_run(str(path), {"input": settings, "recipes": [use], "output": str(tmp_path / "routed")})
    run_all(run, spark)
    documents = tables.read_folder(storage.join(run.output, "documents")).to_pylist()
    scores = {row["id"]: float(dict(row["metadata"])["math"]) for row in documents}
    assert all((scores[row["id"]] >= 0.5) == is_math(row["text"]) for row in documents)
    taken = set(tables.read_folder(storage.join(run.output, "generations"))["document_id"].to_pylist())
    assert taken == {key for key, score in scores.items() if score >= 0.5}


def test_topics_of_a_model_train_a_classifier_of_many_labels(tmp_path, tokenizer_file, monkeypatch, capsys):
    raw = tmp_path / "pages.jsonl"
    raw.write_text("".join(json.dumps({"text": row["text"] * 2}) + "\n" for row in topic_rows(100)))

    def topic(prompt: str) -> str:
        page = prompt.rpartition("Text:")[2]
        name = max(WORDS, key=lambda name: sum(page.count(word) for word in WORDS[name]))
        return f"The topic is **{name}**."

    monkeypatch.setattr(EchoSettings, "open", lambda *_: Scripted(topic))
    path, labels = write_run(tmp_path, tokenizer_file, {"kind": "echo"}), tmp_path / "topics.jsonl"
    main(["label", str(raw), "-n", "100", "--rubric", "label/topic", "--config", str(path), "-o", str(labels)])
    written = [json.loads(line) for line in labels.read_text().splitlines()]
    assert {line["label"] for line in written} == set(WORDS)
    main(["classifier", "train", str(labels), "-o", str(tmp_path / "topic"), "--epoch", "25", "--lr", "0.5", "--dim", "12"])
    assert "macro-F1 1.000" in capsys.readouterr().out
    given, _ = load_model(str(tmp_path / "topic.bin")).labels([line["text"] for line in written])
    assert given == [line["label"] for line in written]


def test_the_sample_is_the_same_in_any_order_of_files(tmp_path):
    lines = [json.dumps(line) + "\n" for line in corpus(50)]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    (tmp_path / "b.jsonl").write_text("".join(reversed(lines)))
    first, second = (sample([str(tmp_path / name)], 10) for name in ("a.jsonl", "b.jsonl"))
    assert first == second
    assert len(first) == 10
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(UserError, match="no documents were found"):
        sample([str(tmp_path / "empty.jsonl")], 10)


def test_grades_are_labels_too_and_a_recipe_without_any_is_refused(tmp_path, tokenizer_file, monkeypatch, capsys):
    raw = tmp_path / "corpus.jsonl"
    raw.write_text("".join(json.dumps(line) + "\n" for line in corpus(4)))
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"})
    answers = ["It teaches. Score: 4", "No reason given", "Score: 9", "Score: 0"] * 4
    monkeypatch.setattr(EchoSettings, "open", lambda *_: Scripted(answers))
    main(["label", str(raw), "--config", str(path), "-o", str(tmp_path / "grades.jsonl")])
    assert {json.loads(line)["label"] for line in (tmp_path / "grades.jsonl").read_text().splitlines()} == {4.0, 0.0}
    monkeypatch.setattr(EchoSettings, "open", lambda *_: Scripted("Some text."))
    for rubric, words in (("wrap/easy", "gives neither a label nor a score"), ("mga/reformulate", "one recipe of one step")):
        with pytest.raises(SystemExit):
            main(["label", str(raw), "--config", str(path), "--rubric", rubric, "-o", str(tmp_path / "x.jsonl")])
        assert words in capsys.readouterr().err
