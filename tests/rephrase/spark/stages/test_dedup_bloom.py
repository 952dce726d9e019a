"""Texts made of n-grams that earlier texts have: what goes is what a set of all n-grams says, but for the errors of the filter."""

from __future__ import annotations

import re

import numpy as np
import pytest

from classifiers.bloom import BloomFilter, bits_for, error_of, probes_for
from rephrase.config.duplicates import Bloom, Dedup
from rephrase.errors import UserError
from rephrase.records import content_id
from rephrase.settings.validation import validate
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.dedup.stage import find_duplicates
from rephrase.storage import tables
from tests.rephrase.spark.stages.test_dedup import page, run_of, variant, write_documents, write_judged


@pytest.mark.parametrize(("count", "rate"), [(10_000, 0.01), (3_000, 0.001), (500, 0.2)])
def test_a_filter_finds_all_that_was_added_and_errs_as_often_as_it_says(count, rate):
    dice = np.random.default_rng(count)
    bits, probes = bits_for(count, rate), probes_for(rate)
    filled = BloomFilter(bits, probes)
    added, others = (dice.integers(0, 1 << 63, size, np.uint64) for size in (count, 200_000))
    filled.add(added)
    assert filled.has(added).all()
    expected = error_of(count, bits, probes)
    assert expected == pytest.approx(rate, rel=0.15)
    assert filled.has(others).mean() == pytest.approx(expected, rel=0.15)


def ngrams_of(text: str, size: int) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text)
    return {tuple(words[at : at + size]) for at in range(max(1, len(words) - size + 1))} if words else set()


def by_a_set(texts: list[str], size: int, most: float) -> dict[str, float]:
    """What goes of texts in an order, with the share of its n-grams that stand before it."""
    seen: set[tuple[str, ...]] = set()
    gone = {}
    for text in texts:
        ngrams = ngrams_of(text, size)
        share = len(ngrams & seen) / len(ngrams) if ngrams else 0.0
        if share >= most:
            gone[content_id(text)] = share
        seen |= ngrams
    return gone


def mosaic(count: int) -> list[str]:
    """Texts, some of which are put together of others before them."""
    texts = [" ".join(page(120)) for _ in range(count)]
    for _ in range(count):
        parts = [texts[at].split()[:60] for at in np.random.default_rng(len(texts)).integers(0, len(texts), 2)]
        texts.append(" ".join([*parts[0], *page(np.random.default_rng(len(texts)).integers(1, 60)), *parts[1]]))
    return [*texts, "too short", "too short !", "", "?!"]


def test_what_goes_is_what_a_set_says_on_any_number_of_objects(tmp_path, spark):
    texts = mosaic(120)
    found = {}
    for objects in (1, 3):
        folder = tmp_path / str(objects)
        # Object by object is the order: every third text is the first object's.
        order = [text for number in range(objects) for text in texts[number::objects]]
        write_documents(folder, texts, objects=objects)
        find_duplicates(
            run_of(folder, dedup=Dedup(bloom=Bloom(expected=10**6, false_positives=1e-6, max_seen=0.6))), spark, Tables.DOCUMENTS
        )
        rows = tables.read_folder(str(folder / "duplicates" / "documents")).to_pylist()
        assert {(row["kept_id"], row["method"]) for row in rows} == {(None, "bloom")}
        found[objects] = {row["id"]: row["similarity"] for row in rows}
        expected = by_a_set(order, 13, 0.6)
        assert len(expected) > 20
        assert found[objects] == pytest.approx(expected)
    assert found[1] != found[3], "another order is another result, and no other thing is"


def test_rewrites_are_searched_after_documents_and_more_than_expected_is_told(tmp_path, spark, capsys):
    words, other = page(200), page(200)
    [document, _] = write_documents(tmp_path, [" ".join(words), " ".join(page(200))], objects=1)
    rewrites = write_judged(
        tmp_path,
        [
            {"text": " ".join(variant(words, 10)), "document_id": document},
            {"text": " ".join(other), "document_id": document},
            {"text": " ".join(variant(other, 10)), "document_id": document},
        ],
    )
    run = run_of(tmp_path, dedup=Dedup(bloom=Bloom(expected=100)))
    find_duplicates(run, spark, Tables.DOCUMENTS)
    find_duplicates(run, spark, Tables.JUDGED)
    said = " ".join(capsys.readouterr().err.split())
    assert "more than the 100 of `dedup.bloom.expected`, so raise it" in said
    assert (
        set(rewrites)
        >= {row["id"] for row in tables.read_folder(str(tmp_path / "duplicates" / "judged")).to_pylist()}
        >= {rewrites[0], rewrites[2]}
    )


def test_keys_that_need_to_know_which_texts_are_alike_are_refused():
    with pytest.raises(UserError, match=r"does not know which texts are alike, so that `score` cannot be used with it"):
        validate(Dedup, {"bloom": {"expected": 1000}, "score": "quality"}, "dedup")


def test_a_filter_that_no_cluster_holds_is_refused():
    with pytest.raises(UserError, match=r"`bloom.expected`: should be less than or equal to 1000000000000000,"):
        validate(Dedup, {"bloom": {"expected": 10**18}}, "dedup")
