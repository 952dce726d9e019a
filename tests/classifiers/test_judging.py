"""Tables through a cascade: what checks are told of each row, and what becomes of the rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from classifiers import judge
from classifiers.cascade import Cascade
from classifiers.judging import Asked, documents_by_id, judged_rows
from rephrase.errors import UserError
from rephrase.generation.rewrite import rewrite
from rephrase.records import DOCUMENT, GENERATION, JUDGED
from tests.classifiers.test_review import table
from tests.panic import PanicException


class Recorder(Cascade):
    """Keeps every row, and remembers what it was asked."""

    def judge(self, batch):
        object.__setattr__(self, "batch", batch)
        return ["keep"] * len(batch), [{} for _ in range(len(batch))]


class Words:
    def count(self, texts):
        return [len(text.split()) for text in texts]


def test_checks_are_told_the_source_of_each_document():
    documents = [{"id": "a", "text": "first", "source": "books"}, {"id": "b", "text": "second", "source": None}]
    rows = [{"id": f"g{n}", "document_id": name, "span_start": 0, "span_end": 3, "text": "one two"} for n, name in enumerate("bab")]
    recorder = Recorder(())
    by_id = documents_by_id(table(DOCUMENT, documents), id="id")
    judged = judged_rows(table(GENERATION, rows), by_id, recorder, Words(), Asked())
    assert recorder.batch.origins == [None, "books", None]
    assert recorder.batch.sources == ["sec", "fir", "sec"]
    assert judged.column("source").to_pylist() == [None, "books", None]
    assert judged.column("n_tokens").to_pylist() == [2, 2, 2]


def test_a_translation_has_its_own_language_and_other_texts_that_of_their_document():
    documents = {"a": {"text": "erstes", "source": None, "language": "deu_Latn", "license": None}}
    parts = [
        '{"text_language": "en"}',
        '{"language": "en"}',
        None,
        "no JSON with text_language",
        '["text_language"]',
        '{"text_language": 1}',
    ]
    rows = [
        {"id": f"g{n}", "document_id": "a", "span_start": 0, "span_end": 3, "text": "one", "fields": part} for n, part in enumerate(parts)
    ]
    recorder = Recorder(())
    judged = judged_rows(table(GENERATION, rows), documents, recorder, Words(), Asked())
    assert judged.column("language").to_pylist() == ["en", *["deu_Latn"] * 5]
    assert recorder.batch.expected_languages == ["en", *["deu_Latn"] * 5], "checks are told of the same"
    assert recorder.batch.is_translated.tolist() == [True, *[False] * 5]


@pytest.mark.parametrize("error", [PanicException, ValueError])
def test_a_text_that_cannot_be_counted_costs_itself_alone(error):
    class Breaking(Words):
        def count(self, texts):
            if any("two" in text for text in texts):
                raise error("index out of bounds")
            return super().count(texts)

    documents = {"a": {"text": "first", "source": None, "language": None, "license": None}}
    texts = ["one", "one two", "one and three"]
    rows = [{"id": text, "document_id": "a", "span_start": 0, "span_end": 3, "text": text} for text in texts]
    judged = judged_rows(table(GENERATION, rows), documents, Recorder(()), Breaking(), Asked()).to_pylist()
    assert [(row["verdict"], row["text"], row["n_tokens"]) for row in judged] == [
        ("keep", "one", 1),
        ("error:tokenizer", None, None),
        ("keep", "one and three", 3),
    ]


def test_reasoning_goes_along_with_what_is_kept_and_older_tables_have_none():
    documents = {"a": {"text": "first", "source": None, "language": None, "license": None}}
    rows = table(GENERATION, [{"id": "g", "document_id": "a", "span_start": 0, "span_end": 3, "text": "one", "reasoning": "hm"}])
    assert judged_rows(rows, documents, Recorder(()), Words(), Asked()).column("reasoning").to_pylist() == ["hm"]
    older = judged_rows(rows.drop_columns(["reasoning"]), documents, Recorder(()), Words(), Asked())
    assert older.schema.equals(JUDGED)
    assert older.column("reasoning").to_pylist() == [None]


@pytest.fixture(scope="module")
def texts() -> pa.Table:
    return pa.table({"body": ["The tide rises twice a day.", "The Moon pulls at the sea."], "license": ["MIT", None]})


@pytest.fixture(scope="module")
def generations(texts, tokenizer_file) -> pa.Table:
    return rewrite(texts, "wrap/*", {"kind": "echo"}, tokenizer=tokenizer_file, text="body")


def test_what_was_rewritten_is_judged_beside_the_same_table(texts, generations, tokenizer_file):
    judged = judge(generations, texts, ["finished", {"length": {"min_ratio": 2, "max_ratio": None}}], tokenizer=tokenizer_file, text="body")
    assert judged.schema.equals(JUDGED)
    assert judged.column("id").equals(generations.column("id"))
    rows = judged.to_pylist()
    assert {row["verdict"] for row in rows if row["recipe"] != "wrap/qa"} == {"keep"}
    assert {row["verdict"] for row in rows if row["recipe"] == "wrap/qa"} == {"parsed"}, "an echo asks no questions"
    assert [row["verdict"] == "keep" for row in rows] == [row["text"] is not None for row in rows] == [row["n_tokens"] > 0 for row in rows]
    assert {row["license"] for row in rows} == {"MIT", None}
    assert all(dict(row["scores"])["length.ratio"] > 2 for row in rows if row["verdict"] == "keep")


def test_the_default_checks_know_the_prompts_of_the_catalogue(texts, generations):
    judged = judge(generations, texts, text="body")
    assert "leaked" in judged.column("verdict").to_pylist(), "an echo gives the instructions back"
    assert judged.column("n_tokens").null_count == judged.num_rows, "nobody counted"


def test_more_rows_than_are_judged_at_a_time_stay_in_order(texts, generations, monkeypatch):
    whole = judge(generations, texts, ["length"], text="body")
    monkeypatch.setattr("classifiers.judging.ROWS", 3)
    assert judge(generations, texts, ["length"], text="body").combine_chunks().equals(whole)


def test_mistakes_end_in_one_line(texts, generations):
    with pytest.raises(UserError, match=r"unknown check `lenght`.*did you mean `length`"):
        judge(generations, texts, ["lenght"], text="body")
    for verdict in ("keep", "intermediate", ""):
        with pytest.raises(UserError, match=f"a check cannot be called `{verdict}`"):
            judge(generations, texts, [{verdict: {"use": "length", "min_words": 100_000}}], text="body")
    with pytest.raises(UserError, match="`documents` is DataFrame, no Arrow table"):
        judge(generations, texts.to_pandas(), ["length"], text="body")
    with pytest.raises(UserError, match="judge, documents: there is no column `text`"):
        judge(generations, texts, ["length"])
    with pytest.raises(UserError, match="judge, generations: there is no column `span_start`"):
        judge(generations.drop_columns(["span_start"]), texts, ["length"], text="body")
    with pytest.raises(UserError, match=r"which is not there .*give the documents that were rewritten"):
        judge(generations, texts.slice(0, 1), ["length"], text="body")
