from __future__ import annotations

import os
import pickle
import shutil

import numpy as np
import orjson
import pytest

from classifiers.cascade import build_cascade
from classifiers.checks.quality import Quality, QualitySettings
from classifiers.fasttext.calibrate import calibrate
from classifiers.fasttext.card import read_card
from classifiers.fasttext.model import load_model
from classifiers.fasttext.settings import CalibrateSettings
from classifiers.settings import filter_of
from rephrase import storage
from rephrase.errors import UserError
from rephrase.settings.validation import validate
from tests.classifiers.batches import batch
from tests.classifiers.texts import labelled
from tests.rephrase.cli.test_classifier import command


@pytest.fixture
def model(quality, tmp_path) -> str:
    """A copy of the model that a test may change the card of."""
    for extension in (".bin", ".json", ".md"):
        shutil.copy(quality.model.removesuffix(".bin") + extension, tmp_path / f"model{extension}")
    return str(tmp_path / "model.bin")


def rows() -> list[dict]:
    """Good texts are frequent in `books`, rare in `web`; `blog` has few rows."""
    found = []
    for number, row in enumerate(labelled(400, noise=0.3, seed=5)):
        books = number % 8 != 0 if row["label"] else number % 8 == 0
        found.append(row | {"source": "blog" if number < 10 else "books" if books else "web"})
    return found


@pytest.fixture
def texts(tmp_path) -> str:
    path = tmp_path / "texts.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows()))
    return str(path)


def scores_of(model: str, source: str | None = None) -> np.ndarray:
    return load_model(model).scores([row["text"] for row in rows() if source in (None, row["source"])])


def test_by_keep_rate(model, texts):
    before = read_card(model)
    result = calibrate(model, [texts], CalibrateSettings(keep_rate=0.2))
    card = read_card(model)
    assert card == result.card
    assert (scores_of(model) >= card.threshold).mean() == pytest.approx(0.2, abs=0.01)
    assert (result.before, card.digest, card.auc) == (before.threshold, before.digest, before.auc)
    assert card.threshold_rule == "calibrated: keeps 0.2 of 400 texts"
    markdown = storage.read(model.removesuffix(".bin") + ".md").decode()
    assert f"**{card.threshold:.6f}** count as good (calibrated" in markdown
    assert "(chosen)" not in markdown


def test_labels_are_not_read_for_a_keep_rate(model, tmp_path):
    path = tmp_path / "bare.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"text": row["text"]}) + b"\n" for row in rows()))
    calibrate(model, [str(path)], CalibrateSettings(keep_rate=0.5))
    with pytest.raises(UserError, match=r"bare\.jsonl, row 1: the row has no field `label`"):
        calibrate(model, [str(path)], CalibrateSettings(precision=0.9))
    with pytest.raises(UserError, match="--source-field"):
        calibrate(model, [str(path)], CalibrateSettings(keep_rate=0.5, per_source=True))


def test_by_precision(model, texts):
    card = calibrate(model, [texts], CalibrateSettings(precision=0.97)).card
    kept = scores_of(model) >= card.threshold
    assert np.array([row["label"] for row in rows()])[kept].mean() >= 0.97
    assert 0.2 < kept.mean() < 0.6


def test_a_threshold_for_each_source_that_has_enough_texts(model, texts):
    result = calibrate(model, [texts], CalibrateSettings(keep_rate=0.25, per_source=True))
    own = read_card(model).source_thresholds
    assert set(own) == {"books", "web"}
    assert result.texts["blog"] == 10
    assert own["books"] > own["web"] + 0.1
    for source, threshold in own.items():
        assert (scores_of(model, source) >= threshold).mean() == pytest.approx(0.25, abs=0.02)
    assert f"| books | {own['books']:.6f} |" in storage.read(model.removesuffix(".bin") + ".md").decode()
    calibrate(model, [texts], CalibrateSettings(keep_rate=0.25))
    assert read_card(model).source_thresholds == {}


def test_a_precision_out_of_reach_leaves_the_card_as_it_was(model, texts, tmp_path):
    before = read_card(model)
    path = tmp_path / "none.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row | {"label": int(row["source"] == "books" and row["label"])}) + b"\n" for row in rows()))
    settings = CalibrateSettings(precision=0.8, per_source=True)
    with pytest.raises(UserError, match=r"source `web`: no threshold reaches a precision of 0\.8; the best is 0\.000"):
        calibrate(model, [str(path)], settings)
    assert read_card(model) == before


def test_the_check_uses_the_threshold_of_the_source(model, texts):
    calibrate(model, [texts], CalibrateSettings(keep_rate=0.25, per_source=True))
    card = read_card(model)
    mixed = [row["text"] for row in rows()]
    score = load_model(model).scores(mixed)
    between = mixed[
        int(np.flatnonzero((score > card.source_thresholds["web"]) & (score < min(card.threshold, card.source_thresholds["books"])))[0])
    ]
    check = Quality("quality", QualitySettings(model=model))
    judged = check(batch([between] * 4 + [None], origins=["web", "books", "blog", None, "books"]))
    assert judged.keep.tolist() == [True, False, False, False, True]
    assert pickle.loads(pickle.dumps(check)).settings.min_by_source == card.source_thresholds
    explicit = Quality("quality", QualitySettings(model=model, min=0.0))
    assert explicit(batch([between] * 2, origins=["web", "books"])).keep.all()


def test_verdicts_depend_on_thresholds_of_sources(model, texts):
    config = filter_of([{"quality": {"model": model}}])
    before = build_cascade(config).describe()
    calibrate(model, [texts], CalibrateSettings(keep_rate=0.25, per_source=True))
    after = build_cascade(config)
    assert after.describe() != before
    web = read_card(model).source_thresholds["web"]
    assert after.describe()[0]["settings"]["min_by_source"]["web"] == web
    score = scores_of(model)
    text = rows()[int(np.flatnonzero((score >= web) & (score < read_card(model).threshold))[0])]["text"]
    verdicts, _ = after.judge(batch([text, text], origins=["web", None]))
    assert verdicts == ["keep", "quality"]


def test_a_model_without_a_card(model, texts):
    os.unlink(model.removesuffix(".bin") + ".json")
    with pytest.raises(UserError, match="has no card"):
        calibrate(model, [texts], CalibrateSettings(keep_rate=0.5))


def test_exactly_one_rule(model, texts):
    with pytest.raises(UserError, match="exactly one"):
        validate(CalibrateSettings, {}, "settings")
    with pytest.raises(SystemExit):
        command("calibrate", model, texts)


def test_command(model, texts, capsys):
    command("calibrate", model, texts, "--keep-rate", "0.25", "--per-source", "--min-texts", "300")
    printed = capsys.readouterr().out
    assert f"threshold  {read_card(model).threshold:.6f} (was 0.500000)" in printed
    assert "that of all: too few texts" in printed


def test_s3(model, texts, bucket):
    for extension in (".bin", ".json"):
        storage.put(f"{bucket}/q{extension}", storage.read(model.removesuffix(".bin") + extension))
    card = calibrate(f"{bucket}/q.bin", [texts], CalibrateSettings(keep_rate=0.1)).card
    assert read_card(f"{bucket}/q.bin") == card
    assert "calibrated" in storage.read(f"{bucket}/q.md").decode()
