from __future__ import annotations

import argparse

import orjson
import pytest

from classifiers.fasttext.card import read_card
from classifiers.fasttext.settings import TrainSettings
from rephrase.cli.classifier import add_parser
from rephrase.errors import UserError
from tests.classifiers.texts import labelled


def command(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    options = parser.parse_args(["classifier", *arguments])
    options.action(options)


@pytest.fixture
def labels(tmp_path) -> str:
    path = tmp_path / "labels.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"body": row["text"], "y": "hi" if row["label"] else "lo"}) + b"\n" for row in labelled(100)))
    return str(path)


def test_train_prints_the_table_and_the_files(labels, tmp_path, capsys):
    output = str(tmp_path / "model")
    arguments = ["train", labels, "-o", output, "--text-field", "body", "--label-field", "y", "--positive", "hi", "--epoch", "25"]
    arguments += ["--lr", "0.5", "--word-ngrams", "1", "--dim", "8", "--keep-rate", "0.5", "--hold-out", "0.2", "--balance"]
    command(*arguments)
    printed = capsys.readouterr().out
    for part in ("AUC", "precision", "threshold", f"{output}.bin", f"{output}.md", "keeps 0.5 of the held-out rows"):
        assert part in printed
    card = read_card(f"{output}.bin")
    assert card is not None
    assert card.settings == TrainSettings(
        text_field="body",
        label_field="y",
        positive="hi",
        epoch=25,
        learning_rate=0.5,
        word_ngrams=1,
        dim=8,
        keep_rate=0.5,
        hold_out=0.2,
        balance=True,
    )
    command(*arguments)
    assert "Up to date" in capsys.readouterr().out


def test_a_model_that_has_hardly_learnt_is_noted(labels, tmp_path, capsys):
    command(
        "train", labels, "-o", str(tmp_path / "model"), "--text-field", "body", "--label-field", "y", "--positive", "hi", "--lr", "0.001"
    )
    assert "--epoch 25 --lr 0.5" in capsys.readouterr().out


def test_faults_are_user_errors(labels, tmp_path):
    with pytest.raises(UserError, match="the row has no field `label`"):
        command("train", labels, "-o", str(tmp_path / "model"), "--text-field", "body")
    with pytest.raises(UserError, match="keep_rate"):
        command("train", labels, "-o", str(tmp_path / "model"), "--keep-rate", "2")


def test_only_one_rule_for_the_threshold(labels):
    with pytest.raises(SystemExit):
        command("train", labels, "-o", "x", "--keep-rate", "0.1", "--precision", "0.9")
