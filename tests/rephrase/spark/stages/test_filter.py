from __future__ import annotations

from classifiers.cascade import Cascade
from rephrase.records import DOCUMENT, GENERATION
from rephrase.spark.stages.filter import _judge
from tests.classifiers.test_review import table


class Recorder(Cascade):
    """Keeps every row, and remembers what it was asked."""

    def judge(self, batch):
        self._made["batch"] = batch
        return ["keep"] * len(batch), [{} for _ in range(len(batch))]


class Words:
    def count(self, texts):
        return [len(text.split()) for text in texts]


def test_checks_are_told_the_source_of_each_document():
    documents = [{"id": "a", "text": "first", "source": "books"}, {"id": "b", "text": "second", "source": None}]
    rows = [{"id": f"g{n}", "document_id": name, "span_start": 0, "span_end": 3, "text": "one two"} for n, name in enumerate("bab")]
    recorder = Recorder(())
    by_id = {row["id"]: row for row in table(DOCUMENT, documents).to_pylist()}
    judged = _judge(table(GENERATION, rows), by_id, recorder, Words(), {})
    assert recorder._made["batch"].origins == [None, "books", None]
    assert recorder._made["batch"].sources == ["sec", "fir", "sec"]
    assert judged.column("source").to_pylist() == [None, "books", None]
    assert judged.column("n_tokens").to_pylist() == [2, 2, 2]
