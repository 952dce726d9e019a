from __future__ import annotations

import os

import numpy as np
import orjson
import pytest
from hypothesis import given

from classifiers.fasttext.card import read_card
from classifiers.fasttext.evaluate import calibration, evaluate
from classifiers.fasttext.metrics import best_line, line_at
from classifiers.fasttext.settings import EvaluateSettings
from rephrase import storage
from rephrase.cli.classifier_tables import histogram
from rephrase.errors import UserError
from tests.classifiers.fasttext.test_metrics import ROWS, arrays
from tests.classifiers.texts import labelled
from tests.rephrase.cli.test_classifier import command


@pytest.fixture
def others(tmp_path) -> str:
    """Texts that the model has not seen, some of them with the wrong label."""
    rows = labelled(120, noise=0.3, seed=7)
    for row in rows[:12]:
        row["label"] = 1 - row["label"]
    path = tmp_path / "others.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return str(path)


def test_the_parts_of_a_report_agree(quality, others):
    report = evaluate(quality.model, [others])
    assert (report.good, report.bad, report.unscored, report.trained_on_these) == (60, 60, 0, False)
    assert 0.7 < report.auc < 0.99
    assert sum(report.histogram_good) == sum(1 for row in storage.read(others).splitlines() if orjson.loads(row)["label"]) == 60
    assert sum(report.histogram_bad) == 60
    assert sum(part.texts for part in report.reliability) == 120
    assert report.best.f1 >= max(line.f1 for line in report.lines)
    assert report.threshold == read_card(quality.model).threshold
    assert report.threshold in [line.threshold for line in report.lines]


def test_examples_are_the_most_confidently_wrong(quality, others):
    report = evaluate(quality.model, [others])
    assert len(report.bad_above) == len(report.good_below) == 5
    above, below = [one.score for one in report.bad_above], [one.score for one in report.good_below]
    assert above == sorted(above, reverse=True)
    assert below == sorted(below)
    assert min(above) >= report.threshold > max(below)
    assert all(len(one.text) <= 200 for one in report.bad_above)
    strict = evaluate(quality.model, [others], EvaluateSettings(threshold=1.0))
    assert all(one.score == 1 for one in strict.bad_above)
    assert strict.good_below[0] == report.good_below[0]


def test_labels_of_the_training_are_noted(quality):
    report = evaluate(quality.model, list(quality.card.data.files))
    assert report.trained_on_these


def test_a_model_without_a_card(quality, others, tmp_path):
    path = str(tmp_path / "bare.bin")
    storage.put(path, storage.read(quality.model))
    assert evaluate(path, [others]).threshold == 0.5
    with pytest.raises(UserError, match="no label `__label__hq`"):
        evaluate(path, [others], EvaluateSettings(label="__label__hq"))


@given(ROWS)
def test_the_best_line_has_the_highest_f1(rows):
    truth, scores = arrays(rows)
    best = max(line_at(float(value), truth, scores).f1 for value in np.unique(scores))
    assert best_line(truth, scores).f1 == pytest.approx(best)


def test_calibration_error_by_hand():
    scores = np.array([0.25, 0.25, 0.95, 1.0])
    error, bins = calibration(np.array([True, False, True, True]), scores)
    assert error == pytest.approx(0.5 * 0.25 + 0.5 * 0.025)
    assert [part.texts for part in bins] == [0, 0, 2, 0, 0, 0, 0, 0, 0, 2]
    assert (bins[2].mean_score, bins[2].share_good) == (0.25, 0.5)
    assert bins[0].mean_score is None
    perfect, _ = calibration(np.array([True, False]), np.array([1.0, 0.0]))
    assert perfect == 0


def test_histogram_shows_single_texts():
    lines = histogram([1000, 1, 0, 0]).splitlines()
    assert [line.count("#") for line in lines] == [40, 1, 0, 0]
    assert lines[1].startswith("0.25")


def test_command(quality, others, tmp_path, capsys):
    output = str(tmp_path / "report.json")
    command("eval", quality.model, others, "--json", output)
    report = evaluate(quality.model, [others])
    printed = capsys.readouterr().out
    for part in (f"AUC {report.auc:.3f}", "expected calibration error", "scores of good texts", report.bad_above[0].text[:40].strip()):
        assert part in printed
    assert orjson.loads(storage.read(output)) == report.model_dump(mode="json")


def test_command_writes_to_s3(quality, others, bucket):
    command("eval", quality.model, others, "--json", f"{bucket}/report.json")
    assert orjson.loads(storage.read(f"{bucket}/report.json"))["model"] == quality.model
    assert not os.path.exists("s3:")
