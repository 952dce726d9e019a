from __future__ import annotations

import statistics

import orjson
import pytest

from classifiers.fasttext.cross_validate import _parts, cross_validate
from classifiers.fasttext.labels import read_labelled
from classifiers.fasttext.settings import TrainSettings
from rephrase.errors import UserError
from tests.classifiers.texts import labelled
from tests.rephrase.cli.test_classifier import command

FAST = {"dim": 8, "epoch": 15, "learning_rate": 0.5}


@pytest.fixture
def labels(tmp_path) -> str:
    rows = labelled(240, noise=0.4)
    path = tmp_path / "labels.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows if row["label"] or row is not rows[0]))
    return str(path)


def test_folds_are_stratified_and_cover_every_row_once(labels):
    data = read_labelled([labels], "text", "label", None)
    parts = _parts(data, TrainSettings(), 7, [labels])
    assert sorted(row for part in parts for row in part) == list(range(len(data.texts)))
    good = [sum(data.good[row] for row in part) for part in parts]
    assert max(good) - min(good) <= 1
    assert max(map(len, parts)) - min(map(len, parts)) <= 2
    assert parts != _parts(data, TrainSettings(seed=1), 7, [labels])


def test_measures_are_of_unseen_rows_and_repeatable(labels):
    first = cross_validate([labels], TrainSettings(**FAST), folds=3)
    assert len(first.folds) == 3
    assert first.auc_mean == pytest.approx(statistics.mean(fold.auc for fold in first.folds))
    assert first.f1_deviation == pytest.approx(statistics.stdev(fold.f1 for fold in first.folds))
    assert 0.7 < first.auc_mean < 1
    assert cross_validate([labels], TrainSettings(**FAST), folds=3) == first
    assert cross_validate([labels], TrainSettings(**FAST, seed=1), folds=3) != first


def test_labels_without_meaning_give_no_auc(tmp_path):
    path = tmp_path / "noise.jsonl"
    rows = labelled(200, noise=0.5)
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    result = cross_validate([str(path)], TrainSettings(**FAST), folds=4)
    assert 0.3 < result.auc_mean < 0.7  # a model that saw the rows of its fold would be near 1


def test_the_threshold_is_put_as_in_training(labels):
    result = cross_validate([labels], TrainSettings(**FAST, keep_rate=0.3), folds=2)
    assert all(fold.threshold != 0.5 for fold in result.folds)
    with pytest.raises(UserError, match="only with a keep-rate"):
        cross_validate([labels], TrainSettings(**FAST), keep_rate_of=[labels])


def test_faults(labels, tmp_path):
    with pytest.raises(UserError, match="give at least 2"):
        cross_validate([labels], folds=1)
    path = tmp_path / "few.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in labelled(6)))
    with pytest.raises(UserError, match="only 3 distinct good texts for 4 folds"):
        cross_validate([str(path)], folds=4)


def test_command(labels, capsys):
    command("cross-validate", labels, "--folds", "2", "--dim", "8", "--epoch", "15", "--lr", "0.5", "--balance")
    result = cross_validate([labels], TrainSettings(**FAST, balance=True), folds=2)
    assert f"AUC  {result.auc_mean:.3f} ± {result.auc_deviation:.3f}" in capsys.readouterr().out
