from __future__ import annotations

import pickle
import shutil

import numpy as np
import orjson
import pytest

from classifiers.cascade import build_cascade
from classifiers.checks.ensemble import Ensemble, EnsembleSettings
from classifiers.fasttext.calibrate import calibrate
from classifiers.fasttext.card import read_card
from classifiers.fasttext.model import load_model
from classifiers.fasttext.settings import CalibrateSettings, TrainSettings
from classifiers.fasttext.train import train
from classifiers.settings import filter_of
from rephrase.documents import DocumentTables
from rephrase.errors import UserError
from rephrase.readers import RawDocument
from rephrase.readers.settings import Input
from rephrase.settings.validation import validate
from tests.classifiers.batches import batch
from tests.classifiers.texts import labelled
from tests.places import EXAMPLES

TOKENIZER = EXAMPLES / "tokenizer.json"
TEXTS = [row["text"] for row in labelled(200, noise=0.4, seed=3)]


@pytest.fixture
def models(quality, tmp_path) -> list[str]:
    """Two models whose scores spread over very different ranges, both calibrated on TEXTS."""
    for extension in (".bin", ".json", ".md"):
        shutil.copy(quality.model.removesuffix(".bin") + extension, tmp_path / f"sharp{extension}")
    weak = train(list(quality.card.data.files), str(tmp_path / "weak"), TrainSettings(dim=4, epoch=3, learning_rate=0.05, word_ngrams=1))
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"text": text, "label": number % 2}) + b"\n" for number, text in enumerate(TEXTS)))
    found = [str(tmp_path / "sharp.bin"), weak.model]
    for model in found:
        calibrate(model, [str(path)], CalibrateSettings(keep_rate=0.1))
    return found


def of_each(models: list[str]) -> np.ndarray:
    return np.array([load_model(model).scores(TEXTS) for model in models])


def check(models: list[str], **settings) -> Ensemble:
    return Ensemble("ensemble", validate(EnsembleSettings, {"models": models, **settings}, "ensemble"))


def test_buckets_are_twentieths_of_the_corpus(models):
    for model, scores in zip(models, of_each(models), strict=True):
        buckets = check([model, model])(batch(TEXTS)).scores["ensemble"]
        assert np.bincount(buckets.astype(int), minlength=20).tolist() == pytest.approx([10] * 20, abs=1)
        assert (np.diff(buckets[np.argsort(scores)]) >= 0).all()


def test_max_and_mean(models):
    first, second = (check([model, model])(batch(TEXTS)).scores["ensemble"] for model in models)
    assert (first != second).any()
    np.testing.assert_array_equal(check(models)(batch(TEXTS)).scores["ensemble"], np.maximum(first, second))
    np.testing.assert_array_equal(check(models, combine="mean")(batch(TEXTS)).scores["ensemble"], (first + second) / 2)
    np.testing.assert_allclose(check(models, combine="mean", of="score")(batch(TEXTS)).scores["ensemble"], of_each(models).mean(axis=0))


def test_bounds_and_rows_without_text(models):
    result = check(models, min=10)(batch([*TEXTS, None, " "]))
    scores = result.scores["ensemble"]
    np.testing.assert_array_equal(result.keep[:-2], scores[:-2] >= 10)
    assert np.isnan(scores[-2:]).all()
    assert result.keep[-2:].all()
    assert 0 < result.keep[:-2].sum() < len(TEXTS)


def test_in_a_cascade(models):
    cascade = build_cascade(filter_of([{"ensemble": {"models": models, "min": 12}}]))
    verdicts, _ = pickle.loads(pickle.dumps(cascade)).judge(batch(TEXTS))
    assert set(verdicts) == {"keep", "ensemble"}
    before = cascade.describe()
    assert before[0]["settings"]["model_digests"][0][0] == read_card(models[0]).digest
    card = read_card(models[1])
    calibrate_on = models[1].replace("weak.bin", "other.jsonl")
    with open(calibrate_on, "wb") as file:
        file.writelines(orjson.dumps({"text": text}) + b"\n" for text in TEXTS[:50])
    calibrate(models[1], [calibrate_on], CalibrateSettings(keep_rate=0.1))
    assert read_card(models[1]).quantiles != card.quantiles
    assert cascade.describe() != before  # other cuts give other verdicts


def test_labelled_rows_do_not_move_the_cuts(models):
    before = read_card(models[0]).quantiles
    corpus = models[0].replace("sharp.bin", "corpus.jsonl")
    calibrate(models[0], [corpus], CalibrateSettings(precision=0.5))
    assert read_card(models[0]).quantiles == before


def test_a_card_without_cuts(quality, models):
    with pytest.raises(UserError, match="no cuts of buckets"):
        check([models[0], quality.model])
    assert check([models[0], quality.model], of="score")
    with pytest.raises(UserError, match="no card"):
        check([models[0], models[0].replace("sharp", "absent")])
    with pytest.raises(UserError, match="models"):
        check([])


def test_the_bucket_of_a_document_is_there_for_routing_and_mixing(models):
    both = {"models": models}
    config = Input(paths=["x"], scores={"grade": both, "edu": {"models": models[:1]}, "chance": models[0]})
    table = DocumentTables(config, str(TOKENIZER)).cleaned([RawDocument(text) for text in TEXTS])
    found = [dict(row) for row in table.column("metadata").to_pylist()]
    np.testing.assert_allclose([float(row["grade"]) for row in found], check(models)(batch(TEXTS)).scores["ensemble"])
    np.testing.assert_allclose([float(row["chance"]) for row in found], load_model(models[0]).scores(TEXTS), atol=1e-6)
    assert {float(row["edu"]) for row in found} == set(range(20))
    misspelt = {"models": models, "combin": "mean"}
    with pytest.raises(UserError, match="did you mean `combine`"):
        validate(Input, {"paths": "x", "scores": {"grade": misspelt}}, "input")
