from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from classifiers.cascade import build_cascade
from classifiers.checks import similarity
from classifiers.checks.similarity import Similarity, SimilaritySettings, cosines
from classifiers.settings import filter_of
from rephrase.errors import UserError
from tests.classifiers.batches import batch

VOCABULARY = ["[UNK]", "lighthouse", "storm", "bread", "oven"]
VECTORS = np.array([[0, 0, 0], [1, 0, 0], [0.8, 0.6, 0], [0, 0, 1], [0, 0.1, 0.9]], np.float32)


def plain_vector(text: str) -> list[float]:
    """The mean of the vectors of a text's known words."""
    rows = [VECTORS[VOCABULARY.index(word)] for word in text.split() if word in VOCABULARY]
    return [sum(float(row[axis]) for row in rows) for axis in range(3)]


def plain_cosine(left: list[float], right: list[float]) -> float:
    norms = math.hypot(*left) * math.hypot(*right)
    return sum(a * b for a, b in zip(left, right, strict=True)) / norms if norms else math.nan


@pytest.fixture
def encoded(monkeypatch) -> list[list[str]]:
    """What the model is asked for; its place takes the plain one."""
    asked: list[list[str]] = []

    def encode(texts: list[str]):
        asked.append(texts)
        return np.array([plain_vector(text) for text in texts], np.float32)

    monkeypatch.setattr(similarity, "encoder", lambda *_: encode)
    return asked


def run(texts: list[str | None], sources: list[str], model: str = "any", **settings) -> tuple[list[float], list[bool]]:
    result = Similarity("similarity", SimilaritySettings(model=model, **settings))(batch(texts, sources))
    return result.scores["similarity"].tolist(), result.keep.tolist()


def test_scores_and_bounds(encoded):
    texts = ["lighthouse storm", "bread oven", "storm", None, "nothing known", "storm"]
    sources = ["storm lighthouse", "storm lighthouse", "lighthouse", "storm", "storm", " "]
    scores, keep = run(texts, sources, min=0.5)
    assert scores[0] == pytest.approx(1)
    assert scores[1] < 0.2
    assert scores[2] == pytest.approx(0.8)
    assert np.isnan(scores[3:]).all()
    assert keep == [True, False, True, True, True, True]
    assert run(texts, sources, max=0.95)[1] == [False, True, True, True, True, True]


def test_each_distinct_text_is_encoded_once_and_nothing_where_there_is_nothing(encoded):
    run(["storm", "bread", "storm"], ["oven", "oven", "storm"])
    assert encoded == [["storm", "bread", "oven"]]
    assert np.isnan(run([None, ""], ["storm", "storm"])[0]).all()
    assert len(encoded) == 1


COMPONENTS = st.lists(st.floats(-5, 5).map(lambda value: round(value, 2)), min_size=3, max_size=3)


@given(st.lists(COMPONENTS, min_size=1, max_size=5), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=6))
def test_cosines_are_those_of_the_plain_reference(vectors, pairs):
    left, right = [a % len(vectors) for a, _ in pairs], [b % len(vectors) for _, b in pairs]
    expected = [plain_cosine(vectors[a], vectors[b]) for a, b in zip(left, right, strict=True)]
    np.testing.assert_allclose(cosines(np.array(vectors), left, right), expected, atol=1e-9)


def tokenizer() -> Tokenizer:
    made = Tokenizer(WordLevel({word: place for place, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    return made


def test_a_model_of_model2vec(tmp_path):
    model2vec = pytest.importorskip("model2vec")
    folder = str(tmp_path / "static")
    model2vec.StaticModel(VECTORS, tokenizer(), normalize=True).save_pretrained(folder)
    # 600 words: the end decides, which model2vec alone would cut off.
    texts = ["lighthouse storm", "bread oven", "storm " * 600 + "bread " * 6000, "\ud800 oven"]
    scores, _ = run(texts, ["storm"] * 4, model=folder)
    assert scores == pytest.approx([plain_cosine(plain_vector(text), plain_vector("storm")) for text in texts], abs=1e-5)


def test_a_model_of_sentence_transformers(tmp_path):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    import torch
    from sentence_transformers.models import StaticEmbedding

    folder = str(tmp_path / "transformer")
    module = StaticEmbedding(tokenizer(), embedding_weights=torch.from_numpy(VECTORS))
    sentence_transformers.SentenceTransformer(modules=[module]).save(folder)
    scores, _ = run(["lighthouse storm", "bread"], ["storm", "storm"], model=folder, kind="sentence-transformers")
    expected = [plain_cosine(plain_vector(text), plain_vector("storm")) for text in ("lighthouse storm", "bread")]
    assert scores == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("kind", "module"), [("model2vec", "model2vec"), ("sentence-transformers", "sentence_transformers")])
def test_a_missing_package_is_named(monkeypatch, kind, module):
    monkeypatch.setitem(sys.modules, module, None)
    cascade = build_cascade(filter_of([{"near": {"use": "similarity", "model": "some/folder", "kind": kind}}]))
    with pytest.raises(UserError, match=rf"check `near`: the package `{module}` .*pip install {kind}"):
        cascade.judge(batch(["the sea"]))


def test_folders_that_are_no_models(tmp_path):
    pytest.importorskip("model2vec")
    with pytest.raises(UserError, match="no-such: there is no such folder"):
        run(["storm"], ["storm"], model=str(tmp_path / "no-such"))
    with pytest.raises(UserError, match="model2vec cannot load the model"):
        run(["storm"], ["storm"], model=str(tmp_path))
