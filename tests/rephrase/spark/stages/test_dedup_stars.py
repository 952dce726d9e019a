"""Who stays of texts that resemble each other in a row, and what a later run is searched against, on a local Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephrase import storage
from rephrase.config.duplicates import Dedup
from rephrase.errors import UserError
from rephrase.records import content_id
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.dedup import search, stars
from rephrase.spark.stages.dedup.stage import find_duplicates
from rephrase.storage import tables
from tests.rephrase.spark.no_spark import NoSpark
from tests.rephrase.spark.stages.test_dedup import gone, page, run_of, similarity, variant, write_documents


def chain(length: int = 60, words: int = 200) -> list[str]:
    """Texts of which each shares 84% of its shingles with the next, and the first and the last nothing."""
    stream = page(32 * (length - 1) + words)
    return [" ".join(stream[32 * at : 32 * at + words]) for at in range(length)]


@pytest.fixture(scope="module")
def chained(tmp_path_factory, spark) -> tuple[Path, list[str]]:
    """A searched chain, and texts that are alike without being duplicates; decided in rounds."""
    folder = tmp_path_factory.mktemp("chain")
    frame = page(170)
    framed = [" ".join([*frame[:85], *page(30), *frame[85:], *page(30)]) for _ in range(12)]
    texts = [*chain(), *framed]
    write_documents(folder, texts, objects=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stars, "_ONE_TASK", 0)
        find_duplicates(run_of(folder, dedup=Dedup()), spark, Tables.DOCUMENTS)
    return folder, texts


def test_a_text_goes_only_for_a_similar_one_that_stays(chained):
    folder, texts = chained
    by_id = {content_id(text): text for text in texts}
    rows = [row for path in tables.objects(str(folder / "duplicates" / "documents")) for row in tables.read(path).to_pylist()]
    assert 15 <= len(rows) <= 30, "of a chain of 60, as its first and its last share nothing"
    out = {row["id"] for row in rows}
    assert not out & {content_id(text) for text in texts[60:]}
    for row in rows:
        assert row["kept_id"] not in out
        assert row["similarity"] == similarity(by_id[row["id"]], by_id[row["kept_id"]]) >= 0.7


def test_one_task_decides_as_the_rounds_do(chained, tmp_path, spark):
    folder, texts = chained
    write_documents(tmp_path, texts, objects=2)
    find_duplicates(run_of(tmp_path, dedup=Dedup()), spark, Tables.DOCUMENTS)
    assert gone(tmp_path, "documents") == gone(folder, "documents")


def test_a_corpus_is_searched_against_the_signatures_of_an_earlier_run(chained, tmp_path, spark):
    folder, texts = chained
    stays = next(text for text in texts if content_id(text) not in gone(folder, "documents"))
    fresh, near = " ".join(page()), " ".join(variant(stays.split(), 5))
    [_, near_id] = write_documents(tmp_path, [fresh, near], objects=1)
    storage.delete(str(folder / "documents" / "part-00000.parquet"))  # signatures are all that is read of the earlier run
    find_duplicates(run_of(tmp_path, dedup=Dedup(against=[str(folder)])), spark, Tables.DOCUMENTS)
    assert gone(tmp_path, "documents") == {near_id: content_id(stays)}


def test_signatures_that_do_not_compare_are_refused(chained, tmp_path):
    folder, texts = chained
    write_documents(tmp_path, texts[:1], objects=1)
    with pytest.raises(UserError, match=r"their `dedup\.bands` is 14, here it is 20.*set `dedup\.bands: 14`"):
        find_duplicates(run_of(tmp_path, dedup=Dedup(bands=20, against=[str(folder)])), NoSpark(), Tables.DOCUMENTS)
    with pytest.raises(UserError, match="without signatures of an earlier search"):
        find_duplicates(run_of(tmp_path, dedup=Dedup(against=[str(tmp_path / "nothing")])), NoSpark(), Tables.DOCUMENTS)


def test_texts_of_a_crowded_band_are_compared_again(tmp_path, spark, monkeypatch):
    frame = page(170)
    texts = [" ".join([*frame[:85], *page(30), *frame[85:], *page(30)]) for _ in range(24)]
    twin = " ".join(variant(texts[-1].split(), 3))
    ids = write_documents(tmp_path, [*texts, twin])
    rounds = []
    pairs_of = search.pairs_of
    monkeypatch.setattr(search, "pairs_of", lambda *arguments: rounds.append(1) or pairs_of(*arguments))
    find_duplicates(run_of(tmp_path, dedup=Dedup(rows=2, min_similarity=0.6)), spark, Tables.DOCUMENTS)
    assert 1 < len(rounds) <= 4, "more than eight are alike in a band, and none of them goes"
    [(out, kept)] = gone(tmp_path, "documents").items()
    assert {out, kept} == set(ids[-2:])


def test_a_run_is_not_searched_against_itself(tmp_path):
    write_documents(tmp_path, ["a text", "another text"])
    with pytest.raises(UserError, match=r"`dedup.against` names the output of this run.*take it out"):
        find_duplicates(run_of(tmp_path, dedup=Dedup(against=[f"{tmp_path}/"])), NoSpark(), Tables.DOCUMENTS)
