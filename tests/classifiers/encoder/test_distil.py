"""What an encoder says of a corpus, learnt by fastText."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

from classifiers.encoder.distil import DistilSettings, distil
from classifiers.encoder.model import load_encoder
from classifiers.fasttext.card import read_card
from classifiers.fasttext.model import load_model
from classifiers.fasttext.settings import TrainSettings
from classifiers.fasttext.teacher import agreement_of_labels, agreement_of_scores
from rephrase.errors import UserError
from tests.tiny_encoder import graded_texts, topic_texts

TRAINING = TrainSettings(dim=8, epoch=25, learning_rate=0.5)


def corpus(path: Path, texts: list[str]) -> list[str]:
    path.write_bytes(b"".join(orjson.dumps({"body": {"text": text}}) + b"\n" for text in texts))
    return [str(path)]


@pytest.fixture(scope="module")
def grades(tmp_path_factory) -> list[str]:
    texts = [text for text, _ in graded_texts(700, seed=9, words=20)]
    return corpus(tmp_path_factory.mktemp("corpus") / "grades.jsonl", [*texts, *texts[:50], " "])


def test_the_model_agrees_with_its_teacher_and_its_card_says_how_far(grades_encoder, grades, tmp_path):
    settings = DistilSettings(encoder=grades_encoder, min=2.5, sample=600, text_field="body.text")
    told = []
    first = distil(grades, str(tmp_path / "edu"), settings, TRAINING, lambda done, texts: told.append((done, texts)))
    assert (first.asked, first.teacher.texts, first.teacher.agreement.texts, told) == (600, 600, 60, [(600, 600)])
    assert first.teacher.agreement.spearman > 0.9
    assert first.teacher.agreement.kappa > 0.8
    held_out = [orjson.loads(line) for line in Path(first.labels[1]).read_bytes().splitlines()]
    trained = {orjson.loads(line)["text"] for line in Path(first.labels[0]).read_bytes().splitlines()}
    assert not trained.intersection(row["text"] for row in held_out)
    teacher = load_encoder(grades_encoder).scores([row["text"] for row in held_out])
    assert teacher == pytest.approx([row["score"] for row in held_out], abs=1e-5)
    student = load_model(first.report.model).scores([row["text"] for row in held_out])
    same = np.mean((teacher >= 2.5) == (student >= first.report.card.threshold))
    assert first.teacher.agreement.accuracy == pytest.approx(same)
    assert read_card(first.report.model).teacher == first.teacher
    assert f"Distilled from the encoder `{grades_encoder}`" in Path(first.report.card_markdown).read_text()

    again = distil(grades, str(tmp_path / "edu"), settings, TRAINING)
    assert (again.asked, again.report.up_to_date, again.teacher) == (0, True, first.teacher)
    more = distil(grades, str(tmp_path / "edu"), settings.model_copy(update={"sample": 650}), TRAINING)
    assert (more.asked, more.report.up_to_date) == (50, False)


def test_the_probability_of_a_label(topics_encoder, tmp_path):
    paths = corpus(tmp_path / "topics.jsonl", [text for text, _ in topic_texts(300, seed=4)])
    settings = DistilSettings(encoder=topics_encoder, label="law", text_field="body.text")
    distilled = distil(paths, str(tmp_path / "law"), settings, TRAINING)
    assert (distilled.teacher.label, distilled.teacher.min) == ("law", 0.5)
    assert distilled.teacher.agreement.f1 > 0.9
    assert load_model(distilled.report.model).scores(["the court and the judge", "the tide and the reef"]).round().tolist() == [1, 0]


def test_all_labels(topics_encoder, tmp_path):
    paths = corpus(tmp_path / "topics.jsonl", [text for text, _ in topic_texts(300, seed=4)])
    settings = DistilSettings(encoder=topics_encoder, text_field="body.text", min=0.6)
    distilled = distil(paths, str(tmp_path / "topic"), settings, TRAINING)
    assert distilled.teacher.agreement.macro_f1 > 0.85
    assert load_model(distilled.report.model).labels(["judge court", "tide reef", "oven bread"])[0] == ["law", "sea", "kitchen"]
    assert "if its probability is at least 0.6" in Path(distilled.report.card_markdown).read_text()
    scores = [orjson.loads(line)["score"] for path in distilled.labels for line in Path(path).read_bytes().splitlines()]
    assert min(scores) >= 0.6


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({}, "nothing says from which on"),
        ({"min": 9.0}, "have a score of 9 or more"),
        ({"min": 2.0, "text_field": "text"}, "no field `text`"),
    ],
)
def test_what_cannot_be_learnt(grades_encoder, grades, tmp_path, settings, what):
    with pytest.raises(UserError, match=what):
        distil(grades, str(tmp_path / "edu"), DistilSettings(encoder=grades_encoder, sample=100, **{"text_field": "body.text"} | settings))


def test_agreement_by_hand():
    teacher, student = np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.1, 0.9, 0.6, 0.7])
    found = agreement_of_scores(teacher, 2.5, student, 0.5)
    assert (found.accuracy, found.kept_by_teacher, found.kept) == (0.8, 0.4, 0.6)
    assert found.kappa == pytest.approx((0.8 - 0.48) / 0.52)
    assert found.f1 == pytest.approx(0.8)
    assert found.pearson == pytest.approx(0.7398, abs=1e-3)
    assert found.spearman == pytest.approx(0.6669, abs=1e-3)
    assert agreement_of_scores(teacher, 9, student, 9).kappa is None
    assert agreement_of_scores(teacher, 2.5, np.full(5, 0.3), 0.5).pearson is None
    found = agreement_of_labels(["sea", "sea", "law", "law"], ["sea", "law", "law", "law"])
    assert (found.accuracy, found.kappa) == (0.75, pytest.approx((0.75 - 0.5) / 0.5))
    assert found.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)
