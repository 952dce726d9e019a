"""Texts that say the same in other words: what goes is what a comparison of all with all finds, whatever the clusters."""

from __future__ import annotations

import math
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from rephrase import storage
from rephrase.config.duplicates import Dedup, Semantic
from rephrase.errors import UserError
from rephrase.records import content_id
from rephrase.report.figures import figures_of
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.declarations.dedup import DedupDocumentsStage
from rephrase.spark.stages.dedup import meaning_search
from rephrase.spark.stages.dedup.stage import find_duplicates
from rephrase.storage import tables
from tests.rephrase.spark.no_spark import NoSpark
from tests.rephrase.spark.stages.dedup_play import gone_in_meaning
from tests.rephrase.spark.stages.test_dedup import run_of, write_documents

WORDS = [f"w{number}" for number in range(300)]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """A static model whose words have directions at random, some of them near to others': other words for the same."""
    model2vec = pytest.importorskip("model2vec")
    made = Tokenizer(WordLevel({word: place for place, word in enumerate(["[UNK]", *WORDS])}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    vectors = np.random.default_rng(1).normal(size=(len(WORDS) + 1, 32)).astype(np.float32)
    vectors[101:201] = vectors[1:101] + 0.25 * vectors[101:201]
    vectors[0] = 0
    folder = str(tmp_path_factory.mktemp("model"))
    model2vec.StaticModel(vectors, made, normalize=True).save_pretrained(folder)
    return folder


def texts_of(seed: int, families: int, unlike: int) -> list[str]:
    """Families of texts that resemble each other more and less, in which every word is another, and texts that resemble none."""
    draw = np.random.default_rng(seed)
    texts = []
    for _ in range(families):
        words = draw.integers(0, 100, 24)
        for _ in range(int(draw.integers(2, 7))):
            changed = np.where(draw.random(24) < draw.random(), words + 100, words)
            changed[: draw.integers(0, 6)] = draw.integers(200, 300)
            texts.append(" ".join(WORDS[word] for word in draw.permutation(changed)))
    texts += [" ".join(WORDS[word] for word in draw.integers(0, 300, 24)) for _ in range(unlike)]
    draw.shuffle(texts)
    return [*texts, "nothing known here"]


def vectors_of(texts: list[str], model: str) -> np.ndarray:
    from model2vec import StaticModel

    vectors = StaticModel.from_pretrained(model).encode(texts)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    stored = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0).astype(np.float16).astype(np.float64)
    norms = np.linalg.norm(stored, axis=1, keepdims=True)
    return np.divide(stored, norms, out=stored, where=norms > 0)


def by_all_pairs(texts: list[str], model: str, threshold: float, order: list[int]) -> dict[str, tuple[str, float]]:
    """What goes of texts taken in an order, each for the first before it that stays and is so near."""
    cosines = vectors_of(texts, model) @ vectors_of(texts, model).T
    stay: list[int] = []
    gone = {}
    for at in order:
        near = [one for one in stay if cosines[one, at] >= threshold]
        if near:
            gone[content_id(texts[at])] = (content_id(texts[near[0]]), cosines[near[0], at])
        else:
            stay.append(at)
    return gone


def found_in(folder: Path) -> dict[str, tuple[str, float]]:
    rows = [row for path in tables.objects(str(folder / "duplicates" / "documents")) for row in tables.read(path).to_pylist()]
    assert all(row["method"] == "semantic" for row in rows)
    return {row["id"]: (row["kept_id"], row["similarity"]) for row in rows}


def assert_same(found: dict[str, tuple[str, float]], expected: dict[str, tuple[str, float]]) -> None:
    assert {id_: kept for id_, (kept, _) in found.items()} == {id_: kept for id_, (kept, _) in expected.items()}
    assert all(cosine == pytest.approx(expected[id_][1], abs=1e-5) for id_, (_, cosine) in found.items())


def by_id(texts: list[str]) -> list[int]:
    return sorted(range(len(texts)), key=lambda at: content_id(texts[at]))


@pytest.mark.parametrize(
    ("seed", "clusters", "parts", "keep"), [(1, 1, 1, "score"), (2, 6, 1, "longest"), (3, 8, 3, "score"), (4, 8, 2, "score")]
)
def test_what_goes_is_what_all_pairs_say(tmp_path, model, monkeypatch, seed, clusters, parts, keep):
    monkeypatch.setattr(meaning_search, "_PAIRS", 1000)
    texts = texts_of(seed, families=80, unlike=200)
    order = by_id(texts)
    if keep == "longest":
        texts = [text + "." * (at % 7) for at, text in enumerate(texts)]
        order = sorted(by_id(texts), key=lambda at: -len(texts[at]))
    expected = by_all_pairs(texts, model, 0.85, order)
    assert 60 < len(expected) < 300
    assert_same(
        gone_in_meaning(tmp_path, texts, Semantic(model=model, threshold=0.85, clusters=clusters, neighbours=7, keep=keep), parts), expected
    )


def crowd(count: int, alike: bool) -> list[pa.RecordBatch]:
    """Texts at home in one cluster: all of one frame, whose vectors are nearly the same, or each with a vector of its own."""
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(count, 32)) * (0.01 if alike else 1) + (1 if alike else 0)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    nodes = [bytes([1, 1, 0, 0, 0, 0]) + bytes.fromhex(content_id(str(number))) for number in range(count)]
    columns = [pa.array(np.zeros(count, np.int32)), pa.array(np.ones(count, np.bool_)), pa.array(nodes, pa.binary())]
    columns += [pa.array([b""] * count, pa.binary()), pa.array(np.zeros(count, np.int32))]
    columns += [pa.array([vector.tobytes() for vector in vectors], pa.binary())]
    names = ["cluster", "home", "node", "document", "object", "vector"]
    return pa.Table.from_batches([pa.RecordBatch.from_arrays(columns, names)]).to_batches(max_chunksize=4096)


def search_crowd(count: int, alike: bool) -> None:
    parts = math.ceil(count / meaning_search._PART_TEXTS)
    units = pa.Table.from_batches([unit for batch in crowd(count, alike) for unit in meaning_search._units(batch, {0: parts})])
    names, sizes = np.unique(units.column("unit").to_numpy(), return_counts=True)
    assert len(names) == parts * (parts + 1) // 2
    assert sizes.max() <= 2.1 * meaning_search._PART_TEXTS
    for name in names.tolist() if alike else names[:1].tolist():
        task = units.filter(pa.compute.equal(units.column("unit"), name)).sort_by("node").to_batches(max_chunksize=512)
        tracemalloc.start()
        pairs = sum(batch.num_rows for batch in meaning_search._paired(iter(task), 0.95, 1))
        assert tracemalloc.get_traced_memory()[1] < 250e6, "bytes of Python's and numpy's at the most"
        tracemalloc.stop()
        rows = sum(batch.num_rows for batch in task)
        assert rows - 1 <= pairs <= (meaning_search._PAIRS + 1) * rows if alike else pairs == 0


@pytest.mark.parametrize("alike", [True, False])
def test_a_large_cluster_is_compared_in_units_of_bounded_size(alike, monkeypatch):
    monkeypatch.setattr(meaning_search, "_PART_TEXTS", 1 << 10)
    search_crowd(4_000, alike)


@pytest.mark.long
@pytest.mark.parametrize("alike", [True, False])
def test_a_cluster_of_a_hundred_thousand_texts_too(alike):
    search_crowd(100_000, alike)


@pytest.fixture(scope="module")
def searched(tmp_path_factory, model, spark) -> tuple[Path, list[str]]:
    """A search on Spark in rounds, with texts that have more pairs than are told at once, and a copy with other spaces."""
    folder = tmp_path_factory.mktemp("searched")
    texts = texts_of(5, families=12, unlike=20)
    many = np.random.default_rng(0)
    words = many.integers(0, 100, 24)
    texts += [" ".join(WORDS[word] for word in many.permutation(words)) for _ in range(12)]
    texts.append(texts[0] + " .")
    write_documents(folder, texts, objects=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meaning_search, "_PAIRS", 1)
        find_duplicates(run_of(folder, dedup=Dedup(semantic=Semantic(model=model, threshold=0.85))), spark, Tables.DOCUMENTS)
    return folder, texts


def test_a_text_goes_only_for_one_that_stays(searched, model):
    folder, texts = searched
    rows = tables.read_folder(str(folder / "duplicates" / "documents")).to_pylist()
    out = {row["id"] for row in rows}
    cosines = vectors_of(texts, model) @ vectors_of(texts, model).T
    at = {content_id(text): number for number, text in enumerate(texts)}
    assert [row["method"] for row in rows].count("minhash") == 1
    for row in rows:
        assert row["kept_id"] not in out
        if row["method"] == "semantic":
            assert row["similarity"] == pytest.approx(cosines[at[row["id"]], at[row["kept_id"]]], abs=1e-5)
            assert row["similarity"] >= 0.85
    [first] = [row for row in rows if row["method"] == "minhash"]
    left = [number for number in range(len(texts)) if content_id(texts[number]) not in out | {first["kept_id"]}]
    alike = np.argwhere(np.triu(cosines[np.ix_(left, left)] >= 0.85, 1))
    assert not len(alike), "whatever else stays says something else"


def test_the_search_says_what_it_found_by_meaning(searched, model, capsys):
    folder, _ = searched
    run = run_of(folder, dedup=Dedup(semantic=Semantic(model=model, threshold=0.85)))
    rows = tables.read_folder(str(folder / "duplicates" / "documents")).to_pylist()
    by_meaning = sum(row["method"] == "semantic" for row in rows)
    stage = DedupDocumentsStage()
    assert stage.status(run).text == f"{len(rows)} near duplicates among documents, {by_meaning} of them by meaning"
    assert [(figure.number, figure.text) for figure in stage.figures(run)] == [
        (str(len(rows)), "documents"),
        (str(by_meaning), "of these that say the same in other words"),
    ]
    assert figures_of(run).duplicates_by_meaning == by_meaning


def test_a_corpus_is_searched_against_the_embeddings_of_an_earlier_run(searched, model, tmp_path, spark):
    folder, texts = searched
    out = {row["id"] for row in tables.read_folder(str(folder / "duplicates" / "documents")).to_pylist()}
    stays = next(text for text in texts if content_id(text) not in out)
    [near, _] = write_documents(tmp_path, [" ".join(reversed(stays.split())), " ".join(WORDS[200:224])], objects=1)
    settings = Dedup(against=[str(folder)], semantic=Semantic(model=model))
    find_duplicates(run_of(tmp_path, dedup=settings), spark, Tables.DOCUMENTS)
    assert {id_: kept for id_, (kept, _) in found_in(tmp_path).items()} == {near: content_id(stays)}


def test_a_model_may_move_and_another_one_is_refused(searched, model, tmp_path):
    folder, _ = searched
    moved = shutil.copytree(model, tmp_path / "moved")
    settings = {"threshold": 0.85}
    find_duplicates(run_of(folder, dedup=Dedup(semantic=Semantic(model=str(moved), **settings))), NoSpark(), Tables.DOCUMENTS)
    (moved / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"`dedup\.semantic\.model` was"):
        find_duplicates(run_of(folder, dedup=Dedup(semantic=Semantic(model=str(moved), **settings))), NoSpark(), Tables.DOCUMENTS)
    with pytest.raises(UserError, match="there is no such folder"):
        find_duplicates(run_of(folder, dedup=Dedup(semantic=Semantic(model=str(tmp_path / "none")))), NoSpark(), Tables.DOCUMENTS)


def test_a_search_that_was_cut_off_asks_the_model_for_nothing(searched, model, spark, monkeypatch):
    folder, _ = searched
    before = found_in_all(folder)
    storage.delete(str(folder / "duplicates" / "documents" / "_clusters.json"))
    storage.delete(tables.objects(str(folder / "duplicates" / "documents"))[0])
    (folder / "stamp").touch()
    find_duplicates(run_of(folder, dedup=Dedup(semantic=Semantic(model=model, threshold=0.85))), spark, Tables.DOCUMENTS)
    assert found_in_all(folder) == before
    made = [
        path
        for path in (folder / "duplicates" / "documents" / "embeddings").rglob("*.*")
        if path.stat().st_mtime > (folder / "stamp").stat().st_mtime
    ]
    assert not made


def found_in_all(folder: Path) -> list[dict[str, Any]]:
    return tables.read_folder(str(folder / "duplicates" / "documents")).sort_by("id").to_pylist()
