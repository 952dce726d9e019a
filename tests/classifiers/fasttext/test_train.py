from __future__ import annotations

import os

import numpy as np
import orjson
import pytest

from classifiers.fasttext.card import read_card
from classifiers.fasttext.labels import read_labelled, read_texts
from classifiers.fasttext.metrics import auc, line_at
from classifiers.fasttext.model import load_model
from classifiers.fasttext.settings import TrainSettings
from classifiers.fasttext.train import _split, train
from rephrase import storage
from rephrase.errors import UserError
from rephrase.settings.validation import validate
from tests.classifiers.texts import labelled

FAST = {"dim": 10, "epoch": 25, "learning_rate": 0.5}


@pytest.fixture
def labels(tmp_path) -> str:
    return write(tmp_path / "labels.jsonl", labelled(400, noise=0.35))


def write(path, rows) -> str:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return str(path)


def held_out(labels: str, settings: TrainSettings):
    data = read_labelled([labels], "text", "label", None)
    rows = _split(data, settings, [labels]).held_out
    return np.array([data.good[i] for i in rows]), [data.texts[i] for i in rows]


def test_the_numbers_of_the_card_are_those_of_the_stored_model(labels, tmp_path):
    settings = TrainSettings(**FAST, hold_out=0.25)
    report = train(labels, str(tmp_path / "out" / "model"), settings)
    truth, texts = held_out(labels, settings)
    scores = load_model(report.model).scores(texts)
    card = report.card
    assert (card.data.held_out_good, card.data.held_out_bad, card.data.trained_good, card.data.trained_bad) == (50, 50, 150, 150)
    assert card.auc > 0.8
    assert card.threshold == 0.5
    assert card.threshold_line == line_at(0.5, truth, scores)
    assert [line.kept for line in card.hold_out] == sorted((line.kept for line in card.hold_out), reverse=True)
    assert card.hold_out == tuple(line_at(line.threshold, truth, scores) for line in card.hold_out)
    assert read_card(report.model) == card
    assert card.model_bytes == os.path.getsize(report.model)
    markdown = storage.read(report.card_markdown).decode()
    assert f"{card.auc:.3f}" in markdown
    assert "(chosen)" in markdown


def test_defaults_are_those_of_dclm(labels, tmp_path):
    import fasttext

    report = train(labels, str(tmp_path / "model"))
    arguments = fasttext.load_model(report.model).f.getArgs()
    assert (arguments.dim, arguments.ws, arguments.epoch, arguments.minCount, arguments.wordNgrams) == (100, 5, 5, 1, 2)
    assert report.card.settings.learning_rate == 0.1  # which fastText does not store
    assert arguments.loss.name == "softmax"


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0])
def test_threshold_by_keep_rate(labels, tmp_path, rate):
    report = train(labels, str(tmp_path / "model"), TrainSettings(**FAST, hold_out=0.25, keep_rate=rate))
    assert report.card.threshold_line.kept == pytest.approx(rate, abs=0.02)
    assert "of the held-out rows" in report.card.threshold_rule


def test_threshold_by_keep_rate_of_a_corpus_sample(labels, tmp_path):
    corpus = write(tmp_path / "corpus.jsonl", [{"text": row["text"]} for row in labelled(200, noise=0.5, seed=9) if not row["label"]])
    report = train(labels, str(tmp_path / "model"), TrainSettings(**FAST, keep_rate=0.2), keep_rate_of=corpus)
    scores = load_model(report.model).scores(read_texts([corpus], "text"))
    assert (scores >= report.card.threshold).mean() == pytest.approx(0.2, abs=0.02)
    assert "100 texts of a corpus sample" in report.card.threshold_rule
    with pytest.raises(UserError, match="only with a keep-rate"):
        train(labels, str(tmp_path / "model"), TrainSettings(**FAST), keep_rate_of=corpus)


def test_threshold_by_precision(labels, tmp_path):
    report = train(labels, str(tmp_path / "model"), TrainSettings(**FAST, hold_out=0.25, precision=0.95))
    assert report.card.threshold_line.precision >= 0.95
    below = [line for line in report.card.hold_out if line.threshold < report.card.threshold]
    assert all(line.precision < 0.95 for line in below)


def test_a_precision_that_is_out_of_reach(tmp_path):
    rows = labelled(100, noise=0.5)
    path = write(tmp_path / "labels.jsonl", [{"text": row["text"], "label": index % 3 == 0} for index, row in enumerate(rows)])
    with pytest.raises(UserError, match="no threshold reaches a precision of 1; the best is"):
        train(path, str(tmp_path / "model"), TrainSettings(**FAST, hold_out=0.5, precision=1.0))
    assert not os.path.exists(tmp_path / "model.bin")


def test_the_same_data_and_settings_give_the_same_model_and_no_second_training(labels, tmp_path):
    settings = TrainSettings(**FAST)
    first = train(labels, str(tmp_path / "a"), settings)
    shuffled = write(tmp_path / "shuffled.jsonl", labelled(400, noise=0.35)[::-1])
    second = train([shuffled], str(tmp_path / "b.bin"), settings)
    assert not first.up_to_date
    assert not second.up_to_date
    assert storage.read(first.model) == storage.read(second.model)
    stamp = os.stat(first.model).st_mtime_ns
    again = train(shuffled, str(tmp_path / "a"), settings)
    assert again.up_to_date
    assert again.card == first.card
    assert os.stat(first.model).st_mtime_ns == stamp


def test_other_settings_other_data_or_a_damaged_model_train_again(labels, tmp_path):
    output = str(tmp_path / "model")
    train(labels, output, TrainSettings(**FAST))
    assert not train(labels, output, TrainSettings(**FAST, keep_rate=0.3)).up_to_date
    less = write(tmp_path / "less.jsonl", labelled(300, noise=0.35))
    report = train(less, output, TrainSettings(**FAST, keep_rate=0.3))
    assert not report.up_to_date
    with open(report.model, "wb") as file:
        file.write(b"cut off")
    assert not train(less, output, TrainSettings(**FAST, keep_rate=0.3)).up_to_date
    os.unlink(report.model)
    assert not train(less, output, TrainSettings(**FAST, keep_rate=0.3)).up_to_date


def test_hold_out_is_stratified_and_stays_as_rows_are_added(tmp_path):
    rows = labelled(300)
    data = read_labelled([write(tmp_path / "a.jsonl", rows[:250:5] + rows[1::2])], "text", "label", None)
    split = _split(data, TrainSettings(hold_out=0.2), [])
    good = sum(data.good)
    assert sum(data.good[i] for i in split.held_out) == round(0.2 * good)
    assert len(split.held_out) == round(0.2 * good) + round(0.2 * (len(data.good) - good))
    assert sorted([*split.train, *split.held_out]) == list(range(len(data.texts)))
    other = _split(data, TrainSettings(hold_out=0.2, seed=1), [])
    assert set(other.held_out) != set(split.held_out)


def test_balance(tmp_path):
    rows = labelled(300)
    path = write(tmp_path / "labels.jsonl", rows[1::2] + rows[:60:2])
    report = train(path, str(tmp_path / "model"), TrainSettings(**FAST, balance=True))
    assert report.card.data.trained_good == report.card.data.trained_bad == 27
    assert (report.card.data.held_out_good, report.card.data.held_out_bad) == (15, 3)


def test_too_few_rows(tmp_path):
    path = write(tmp_path / "labels.jsonl", labelled(3))
    with pytest.raises(UserError, match="only 1 distinct good texts"):
        train(path, str(tmp_path / "model"))
    four = write(tmp_path / "four.jsonl", labelled(4))
    assert train(four, str(tmp_path / "model")).card.data.held_out_good == 1


def test_a_learning_rate_that_diverges(labels, tmp_path):
    with pytest.raises(UserError, match="fastText cannot train"):
        train(labels, str(tmp_path / "model"), TrainSettings(learning_rate=1e6))


def test_settings_are_checked():
    with pytest.raises(UserError, match="give one of them"):
        validate(TrainSettings, {"keep_rate": 0.1, "precision": 0.9}, "settings")
    with pytest.raises(UserError, match="did you mean `word_ngrams`"):
        validate(TrainSettings, {"word_ngram": 2}, "settings")


def test_a_card_that_is_none(labels, tmp_path):
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(UserError, match=r"model\.json: not a model card"):
        train(labels, str(tmp_path / "model"))


def test_s3(labels, bucket):
    storage.put(f"{bucket}/labels/part-0.jsonl", storage.read(labels))
    settings = TrainSettings(**FAST)
    report = train(f"{bucket}/labels/*.jsonl", f"{bucket}/models/quality", settings)
    assert report.model == f"{bucket}/models/quality.bin"
    assert read_card(report.model) == report.card
    assert load_model(report.model).scores(["moon tide gravity"])[0] > 0.5
    assert train(f"{bucket}/labels/*.jsonl", f"{bucket}/models/quality", settings).up_to_date


def test_a_quantised_model_is_smaller_and_measured_on_the_same_rows(labels, tmp_path):
    settings = TrainSettings(**FAST, hold_out=0.25, quantise=True)
    report = train(labels, str(tmp_path / "model"), settings)
    small = str(tmp_path / "model.ftz")
    truth, texts = held_out(labels, settings)
    scores = load_model(small).scores(texts)
    assert report.card.quantised.model_bytes == os.path.getsize(small) < report.card.model_bytes / 2
    assert report.card.quantised.auc == auc(truth, scores)
    assert report.card.quantised.threshold_line == line_at(0.5, truth, scores)
    assert report.card.auc == auc(truth, load_model(report.model).scores(texts))  # of the full model, which was stored before
    assert not np.array_equal(scores, load_model(report.model).scores(texts))
    assert read_card(small) == report.card
    assert "quantised model" in storage.read(report.card_markdown).decode()
    assert train(labels, str(tmp_path / "model"), settings).up_to_date
    os.unlink(small)
    assert not train(labels, str(tmp_path / "model"), settings).up_to_date
    train(labels, str(tmp_path / "model"), settings.model_copy(update={"quantise": False}))
    assert not os.path.exists(small)  # it was that of another training


def test_a_model_too_small_to_quantise_leaves_nothing(tmp_path):
    path = write(tmp_path / "labels.jsonl", labelled(20))
    with pytest.raises(UserError, match="cannot quantise"):
        train(path, str(tmp_path / "model"), TrainSettings(**FAST, word_ngrams=1, quantise=True))
    assert not os.path.exists(tmp_path / "model.bin")


def test_autotune_searches_what_is_not_given_and_leaves_the_hold_out_alone(labels, tmp_path, monkeypatch):
    import fasttext

    seen = {}
    real = fasttext.train_supervised

    def spy(path, **options):
        seen.update(options)
        for name, file in (("train", path), ("tune", options["autotuneValidationFile"])):
            with open(file, encoding="utf-8") as lines:
                seen[name] = [line.split(" ", 1)[1].rstrip("\n") for line in lines]
        return real(path, **options)

    monkeypatch.setattr(fasttext, "train_supervised", spy)
    settings = TrainSettings(dim=6, hold_out=0.25, autotune=1)
    report = train(labels, str(tmp_path / "model"), settings)
    _, texts = held_out(labels, settings)
    assert seen["autotuneDuration"] == 1
    assert (len(seen["train"]), len(seen["tune"]), len(texts)) == (224, 76, 100)
    assert not set(seen["train"]) & set(seen["tune"])
    assert not (set(seen["train"]) | set(seen["tune"])) & set(texts)
    assert "epoch" not in seen
    assert seen["dim"] == report.card.tuned["dim"] == 6
    markdown = storage.read(report.card_markdown).decode()
    assert "| autotuned epoch |" in markdown
    assert "| epoch |" not in markdown
    assert train(labels, str(tmp_path / "model"), settings).up_to_date
    named = settings.model_copy(update={"epoch": settings.epoch})  # the same values, but one of them is no longer to be searched
    assert not train(labels, str(tmp_path / "model"), named).up_to_date
    assert seen["epoch"] == settings.epoch
