from __future__ import annotations

import argparse

import orjson
import pytest

from rephrase.cli.classifier import add_parser
from rephrase.errors import UserError
from tests.tiny_encoder import topic_texts


def command(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    options = parser.parse_args(["classifier", *arguments])
    options.action(options)


def test_distil_prints_the_training_the_teacher_and_the_agreement(topics_encoder, tmp_path, capsys):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_bytes(b"".join(orjson.dumps({"body": text}) + b"\n" for text, _ in topic_texts(240, seed=6)))
    arguments = ["distil", "--encoder", topics_encoder, str(corpus), "-o", str(tmp_path / "law"), "--text-field", "body", "-n", "200"]
    command(*arguments, "--label", "law", "--epoch", "25", "--lr", "0.5", "--dim", "8")
    printed = capsys.readouterr().out
    assert "200 of 200 texts labelled now; good are those whose P(law) is at least 0.5" in printed
    assert "agreement  on 20 texts that no training saw: Pearson" in printed
    assert str(tmp_path / "law.held_out.jsonl") in printed
    command(*arguments, "--epoch", "25", "--lr", "0.5", "--dim", "8")
    assert "macro F1" in capsys.readouterr().out, "all labels"
    with pytest.raises(UserError, match="has no label `lay`"):
        command(*arguments, "--label", "lay")
