from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from classifiers.cascade import build_cascade
from classifiers.checks import perplexity
from classifiers.checks.perplexity import Perplexity, PerplexitySettings
from classifiers.settings import filter_of
from rephrase.errors import UserError
from tests.classifiers.batches import batch

UNIGRAMS = {"the": -0.5, "old": -1.0, "sea": -1.5, "</s>": -0.7, "<unk>": -3.0}
BIGRAMS = {("the", "old"): -0.2, ("old", "sea"): -0.3, ("sea", "</s>"): -0.1, ("<s>", "the"): -0.25}
BACKOFF = -0.4


def plain_score(sentence: str) -> float:
    """log10 P of a sentence and its end, by the definition of a bigram model with back-off (Katz 1987)."""
    total, before = 0.0, "<s>"
    for word in [*sentence.split(), "</s>"]:
        known = word if word in UNIGRAMS else "<unk>"
        backoff = BACKOFF if before in UNIGRAMS or before == "<s>" else 0.0
        total += BIGRAMS.get((before, known), backoff + UNIGRAMS[known])
        before = known if known != "<unk>" else ""
    return total


@pytest.fixture
def arpa(tmp_path) -> str:
    kept = [f"{value}\t{word}\t{BACKOFF if word in ('the', 'old', 'sea') else 0}" for word, value in UNIGRAMS.items()]
    pairs = [f"{value}\t{' '.join(words)}" for words, value in BIGRAMS.items()]
    lines = ["\\data\\", f"ngram 1={len(kept) + 1}", f"ngram 2={len(pairs)}", "", "\\1-grams:", f"-99\t<s>\t{BACKOFF}", *kept]
    path = tmp_path / "tiny.arpa"
    path.write_text("\n".join([*lines, "", "\\2-grams:", *pairs, "", "\\end\\", ""]))
    return str(path)


def scores(model: str, *texts: str | None, **settings: float) -> tuple[list[float], list[bool]]:
    result = Perplexity("perplexity", PerplexitySettings(model=model, **settings))(batch(list(texts)))
    return result.scores["perplexity"].tolist(), result.keep.tolist()


@pytest.fixture
def plain(monkeypatch) -> None:
    monkeypatch.setattr(perplexity, "_load", lambda *_: SimpleNamespace(score=plain_score))


def test_kenlm_gives_what_the_definition_gives(arpa):
    pytest.importorskip("kenlm")
    texts = ["the old sea", "the sea", "sea old the old", "the storm", "old\nthe  old\tsea\n\n \nsea"]
    found, _ = scores(arpa, *texts)
    for text, value in zip(texts, found, strict=True):
        lines = [line for line in text.split("\n") if line.strip()]
        expected = 10 ** (-sum(map(plain_score, lines)) / sum(len(line.split()) + 1 for line in lines))
        assert value == pytest.approx(expected, rel=1e-5), text


def test_odd_texts_are_taken_by_kenlm(arpa):
    pytest.importorskip("kenlm")
    found, _ = scores(arpa, "\ud800 sea", "the\0sea", "<s> </s> <unk>", "\x85 x", "word " * 10_000, "\0")
    assert all(value >= 1 for value in found[:-1])
    assert np.isnan(found[-1])


def test_the_score_is_a_word_of_a_sentence_with_its_end(plain):
    found, _ = scores("any", "the old sea", "sea the old", None, " ")
    assert found[0] == pytest.approx(10 ** ((0.25 + 0.2 + 0.3 + 0.1) / 4))
    assert found[1] > found[0]
    assert np.isnan(found[2:]).all()


def test_bounds(plain):
    assert scores("any", "the old sea", "zyx wvu", None, max=50)[1] == [True, False, True]
    assert scores("any", "the old sea", "zyx wvu", None, min=5)[1] == [False, True, True]


def test_faults_are_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "kenlm", None)
    cascade = build_cascade(filter_of([{"perplexity": {"model": str(tmp_path / "no.arpa"), "max": 10}}]))
    with pytest.raises(UserError, match=r"check `perplexity`: the package `kenlm` .*pip install kenlm"):
        cascade.judge(batch(["the sea"]))


def test_files_that_are_no_models(tmp_path):
    pytest.importorskip("kenlm")
    with pytest.raises(UserError, match=r"no.arpa: there is no such KenLM model"):
        scores(str(tmp_path / "no.arpa"), "the sea")
    (tmp_path / "junk.arpa").write_text("junk")
    with pytest.raises(UserError, match=r"junk.arpa: KenLM cannot read the model"):
        scores(str(tmp_path / "junk.arpa"), "the sea")
