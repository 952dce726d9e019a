"""Classifiers that give one of many labels: training, calibration, measures, and the labels that they give."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from classifiers.fasttext.calibrate import calibrate
from classifiers.fasttext.card import read_card
from classifiers.fasttext.classes import class_report, fit_temperature, most_confused, tempered
from classifiers.fasttext.cross_validate import cross_validate
from classifiers.fasttext.evaluate import evaluate
from classifiers.fasttext.labeller import Labeller
from classifiers.fasttext.labels import read_labelled
from classifiers.fasttext.model import as_label, class_name, load_model
from classifiers.fasttext.settings import CalibrateSettings, TrainSettings
from classifiers.fasttext.train import Report, _split, train
from rephrase import storage
from rephrase.cli.main import main
from rephrase.errors import UserError
from rephrase.settings.labels import TextLabel
from tests.classifiers.topics import WORDS, topic_rows

FAST: dict[str, Any] = {"dim": 12, "epoch": 25, "learning_rate": 0.5, "hold_out": 0.25}


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("labels") / "topics.jsonl", topic_rows(800, noise=0.6, wrong=0.35))


@pytest.fixture(scope="module")
def report(labels: str, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return train(labels, str(tmp_path_factory.mktemp("model") / "topic"), TrainSettings(**FAST))


def held_out(labels: str, settings: TrainSettings) -> tuple[list[str], list[str]]:
    """Texts and their labels, as the file has them."""
    data = read_labelled([labels], "text", "label", None)
    rows = _split(data, settings, [labels]).held_out
    return [data.texts[row] for row in rows], [data.classes[row] for row in rows]


def test_the_numbers_of_the_card_are_those_of_the_stored_model(labels: str, report: Report) -> None:
    card = report.card
    classes = card.classes
    assert classes is not None
    texts, truth = held_out(labels, card.settings)
    model = load_model(report.model)
    assert sorted(model.class_names) == [line.label for line in classes.report.lines] == sorted(WORDS), "names keep their spaces"
    given, _ = model.labels(texts)
    pairs = Counter(zip(truth, given, strict=True))
    names = sorted(WORDS)
    assert classes.report.confusion == tuple(tuple(pairs[own, other] for other in names) for own in names)
    f1s = []
    for line in classes.report.lines:
        hits, own, times = pairs[line.label, line.label], truth.count(line.label), given.count(line.label)
        assert (line.texts, line.given, line.precision, line.recall) == (own, times, hits / times, hits / own)
        f1s.append(2 / (times / hits + own / hits))
    assert classes.report.macro_f1 == pytest.approx(sum(f1s) / 4)
    assert card.accuracy == classes.report.accuracy == sum(pairs[name, name] for name in names) / len(truth)
    assert 0.5 < card.accuracy < 0.95, "neither hopeless nor perfect, so that the numbers tell something"
    assert sum(classes.trained.values()) + len(truth) == 800
    assert read_card(report.model) == card
    assert card.threshold == 0


def test_probabilities_are_made_honest_by_a_temperature(labels: str, report: Report) -> None:
    assert report.card.classes is not None
    calibration = report.card.classes.calibration
    texts, truth = held_out(labels, report.card.settings)
    model = load_model(report.model)
    columns = [model.class_names.index(label) for label in truth]
    probabilities = model.probabilities(texts)

    def entropy(temperature: float) -> float:
        return -float(np.log(tempered(probabilities, temperature)[np.arange(len(truth)), columns]).mean())

    assert calibration.temperature > 1.2, "with a third of the labels wrong, so many epochs make a model too sure"
    assert entropy(calibration.temperature) < min(
        entropy(1), entropy(calibration.temperature * 1.2), entropy(calibration.temperature / 1.2)
    )
    assert calibration.error_after < calibration.error_before * 0.7


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found(temperature: float) -> None:
    draw = np.random.default_rng(5)
    logits = draw.normal(0, 1.5, (6000, 5))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (honest.cumsum(axis=1) < draw.random((6000, 1))).sum(axis=1)
    fitted = fit_temperature(tempered(honest, 1 / temperature), truth)
    assert fitted.temperature == pytest.approx(temperature, rel=0.06)
    assert fitted.error_after < 0.02


def test_texts_that_are_all_right_do_not_make_a_model_certain() -> None:
    probabilities = np.tile([[0.9, 0.05, 0.05]], (30, 1))
    fitted = fit_temperature(probabilities, np.zeros(30, np.int64))
    assert 0.9 < tempered(probabilities, fitted.temperature).max() < 0.99
    one = fit_temperature(probabilities[:1], np.zeros(1, np.int64))
    assert math.isfinite(one.temperature)


def test_labels_that_nobody_gives_or_has_count_as_they_should() -> None:
    report = class_report(["a", "b", "c", "unseen"], np.array([0, 0, 1, 2]), np.array([0, 0, 0, 0]))
    assert [(line.precision, line.recall, line.f1) for line in report.lines] == [
        (0.5, 1.0, pytest.approx(2 / 3)),
        (None, 0.0, 0.0),
        (None, 0.0, 0.0),
        (None, None, 0.0),
    ]
    assert report.macro_f1 == pytest.approx(2 / 9)
    assert most_confused(report, 1) == [("b", "a", 1)]


@pytest.mark.parametrize("name", ["Food & Dining", "100 % wool", "a\u00a0b", "Spam / Ads"])
def test_names_survive_fasttext(name: str) -> None:
    assert not any(character.isspace() for character in as_label(name))
    assert class_name(as_label(name)) == name


def test_texts_whose_label_is_not_probable_enough_have_none(labels: str, report: Report, tmp_path: Path) -> None:
    sure = train(labels, str(tmp_path / "sure"), TrainSettings(**FAST, precision=0.95))
    assert sure.card.threshold_line is not None
    texts, truth = held_out(labels, sure.card.settings)
    [given] = Labeller({"topic": TextLabel(model=sure.model)}).labels([*texts, "", None]).values()
    assert given[-2:] == [None, None]
    labelled = [(own, one) for own, one in zip(truth, given, strict=False) if one is not None]
    assert len(labelled) == round(sure.card.threshold_line.kept * len(texts))
    assert 0 < len(labelled) < len(texts)
    assert sum(own == one for own, one in labelled) / len(labelled) >= 0.95
    both = Labeller({"all": TextLabel(model=sure.model, min_probability=0), "none": TextLabel(model=sure.model, min_probability=1)})
    every = both.labels(texts)
    assert every["all"] == load_model(sure.model).labels(texts)[0]
    assert set(every["none"]) == {None}
    assert both.describe()["all"]["model_digest"] == sure.card.digest


def test_another_threshold_is_measured_without_training(labels: str, tmp_path: Path) -> None:
    report = train(labels, str(tmp_path / "topic"), TrainSettings(**FAST))
    result = calibrate(report.model, [labels], CalibrateSettings(keep_rate=0.4))
    texts = [row["text"] for row in topic_rows(800, noise=0.6, wrong=0.35)]
    [given] = Labeller({"topic": TextLabel(model=report.model)}).labels(texts).values()
    assert sum(one is not None for one in given) / 800 == pytest.approx(0.4, abs=0.01)
    assert "keeps 0.4" in storage.read(report.card_markdown).decode()
    precise = calibrate(report.model, [labels], CalibrateSettings(precision=0.99)).card.threshold
    assert precise > 0
    assert result.before == 0
    with pytest.raises(UserError, match="one threshold"):
        calibrate(report.model, [labels], CalibrateSettings(keep_rate=0.4, per_source=True))


def test_a_report_on_other_texts(labels: str, report: Report, tmp_path: Path) -> None:
    others = evaluate(report.model, [write(tmp_path / "others.jsonl", topic_rows(200, noise=0.6, seed=8))])
    assert others.classes is not None
    assert sum(map(sum, others.classes.confusion)) == others.good + others.bad == 200
    assert others.good / 200 == others.classes.accuracy
    assert others.calibration_error < 0.3
    assert not others.trained_on_these
    assert evaluate(report.model, [labels]).trained_on_these
    strange = [{"text": "bread and butter", "label": "Games"}, {"text": "a proof of prayer", "label": "Religon"}]
    lines = evaluate(report.model, [write(tmp_path / "strange.jsonl", strange)]).classes
    assert lines is not None
    [line] = [line for line in lines.lines if line.label == "Religon"]
    assert (line.texts, line.given, line.recall) == (1, 0, 0), "a label that the model does not have is always missed"
    strange[0]["label"] = "Ritual"
    with pytest.raises(UserError, match=r"strange.jsonl: the model has no label `Religon`, .*did you mean `Religion`"):
        evaluate(report.model, [write(tmp_path / "strange.jsonl", strange)])


def test_folds_spread_as_their_macro_f1(labels: str) -> None:
    result = cross_validate([labels], TrainSettings(**FAST), folds=2)
    assert sum(fold.good + fold.bad for fold in result.folds) == 800
    assert 0.3 < result.f1_mean < 0.95


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": f"word{grade} {n}", "label": grade} for grade in range(4) for n in range(3)], r"labels are numbers: .*--positive '>=3'"),
        ([{"text": f"one {name}", "label": name} for name in "abc"], "only one label has two distinct texts"),
    ],
)
def test_labels_that_make_no_classes_are_refused(rows: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        train(write(tmp_path / "labels.jsonl", rows), str(tmp_path / "model"))


def test_the_commands_tell_of_all_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*topic_rows(120), {"text": "once alone", "label": "Sports & Fitness"}]
    path = write(tmp_path / "topics.jsonl", rows)
    main(["classifier", "train", path, "-o", str(tmp_path / "topic"), "--epoch", "25", "--lr", "0.5", "--dim", "12", "--quantise"])
    printed = capsys.readouterr().out
    for part in (
        "macro-F1",
        "Science, Math & Technology",
        "temperature",
        "4 labels",
        "left out",
        "Sports & Fitness",
        "most often mistaken",
    ):
        assert part in printed
    card = (tmp_path / "topic.md").read_text()
    assert "| 2 | Games |" in card
    assert "at most has: `Sports & Fitness`" in card
    main(["classifier", "eval", str(tmp_path / "topic.ftz"), path, "--json", str(tmp_path / "report.json")])
    assert "rightly labelled" in capsys.readouterr().out
    confusion = orjson.loads((tmp_path / "report.json").read_bytes())["classes"]["confusion"]
    assert [sum(counts) for counts in confusion] == [30, 30, 30, 30, 1]
