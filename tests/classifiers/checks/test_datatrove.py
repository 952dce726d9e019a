from __future__ import annotations

import pickle
import sys
from importlib.util import find_spec

import pytest

from classifiers.cascade import build_cascade
from classifiers.datatrove_parts import _load
from classifiers.settings import filter_of
from rephrase.errors import UserError
from tests.classifiers.batches import REWRITE, SOURCE, batch

BaseFilter = pytest.importorskip("datatrove.pipeline.filters.base_filter").BaseFilter
LINES = "\n".join(["- an item of the list that goes on and on with the rest of that and of this"] * 20)
PARAGRAPHS = f"{SOURCE}\n{REWRITE}\n{SOURCE}"
TEXTS = [PARAGRAPHS, SOURCE, REWRITE, "Too short.", LINES, REWRITE * 3, "# the and of that " * 60, "1 2 3 4 5 of the and with " * 30, "…"]


def check(**settings):
    return {"gopher": {"use": "datatrove", **settings}}


WORDY = pytest.mark.skipif(find_spec("spacy") is None, reason="datatrove splits words with spaCy")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("C4ParagraphFilter", {}),
        ("RegexFilter", {"regex_exp": "list"}),
        pytest.param("GopherQualityFilter", {"min_doc_words": 20}, marks=WORDY),
        pytest.param("GopherQualityFilter", {}, marks=WORDY),
        pytest.param("GopherRepetitionFilter", {}, marks=WORDY),
    ],
)
def test_verdicts_are_those_of_datatrove(name, arguments):
    from datatrove.data import Document
    from datatrove.pipeline import filters

    plain = getattr(filters, name)(**arguments)
    results = [plain.filter(Document(text=text, id=str(i), metadata={})) for i, text in enumerate(TEXTS)]
    kept = [result is True for result in results]
    assert len(set(kept)) == 2, "the texts must try the filter"
    cascade = build_cascade(filter_of([check(filter=name, arguments=arguments)]))
    verdicts, scores = pickle.loads(pickle.dumps(cascade)).judge(batch(TEXTS))
    assert verdicts == ["keep" if keep else "gopher" for keep in kept]
    for result, keep, row in zip(results, kept, scores, strict=True):
        reason = {f"gopher.{result[1]}": 1.0} if isinstance(result, tuple) and not keep else {}
        assert row == {"gopher": float(keep), **reason}


def test_the_reason_is_a_score():
    cascade = build_cascade(filter_of([check(filter="C4ParagraphFilter")]))
    verdicts, scores = cascade.judge(batch([PARAGRAPHS, REWRITE]))
    assert verdicts == ["keep", "gopher"]
    assert scores == [{"gopher": 1.0}, {"gopher": 0.0, "gopher.< 3 paragraphs": 1.0}]


def test_rows_without_text_have_no_score():
    verdicts, scores = build_cascade(filter_of([check(filter="RegexFilter", arguments={"regex_exp": "reef"})])).judge(
        batch([None, REWRITE, "No such word."], errors=["parse:x", None, None])
    )
    assert verdicts == ["parsed", "gopher", "keep"]
    assert scores == [{}, {"gopher": 0.0}, {"gopher": 1.0}]


def test_a_text_on_which_the_filter_fails_is_dropped_alone(monkeypatch):
    from datatrove.pipeline import filters

    class Average(BaseFilter):
        def filter(self, doc):
            return sum(map(len, doc.text.split())) / (len(doc.text.split()) - 2) > 0

    monkeypatch.setattr(filters, "Average", Average, raising=False)
    verdicts, scores = build_cascade(filter_of([check(filter="Average")])).judge(batch([REWRITE, "Two words"]))
    assert verdicts == ["keep", "gopher"]
    assert scores[1] == {"gopher": 0.0, "gopher.ZeroDivisionError": 1.0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filter": "GopherQualtyFilter"}, "datatrove has no filter `GopherQualtyFilter` .did you mean `GopherQualityFilter`"),
        ({"filter": "os"}, "datatrove has no filter `os`"),
        ({"filter": "BaseFilter"}, "datatrove has no filter `BaseFilter`"),
        ({"filter": "GopherQualityFilter", "arguments": {"min_words": 5}}, "the check `gopher`: .*'min_words'.*min_doc_words: "),
        ({"filter": "RegexFilter"}, "missing a required argument: 'regex_exp'"),
        ({"filter": "GopherQualityFilter", "arguments": [1]}, r"`checks\.0\.gopher\.arguments`: should be keys with values, not a list"),
        ({}, r"the key `checks\.0\.gopher\.filter` is missing"),
    ],
)
def test_faults_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        build_cascade(filter_of([check(**settings)]))


def test_a_filter_that_needs_more_than_a_text(monkeypatch):
    from datatrove.pipeline import filters

    class Linked(BaseFilter):
        def filter(self, doc):
            return doc.metadata["url"].startswith("https")

    monkeypatch.setattr(filters, "Linked", Linked, raising=False)
    with pytest.raises(UserError, match=r"Linked fails: KeyError: 'url'.*without metadata"):
        build_cascade(filter_of([check(filter="Linked")]))


def test_a_filter_that_lacks_a_package(monkeypatch):
    from datatrove.pipeline import filters

    class Lacking(BaseFilter):
        def filter(self, doc):
            return __import__("no_such_package").judge(doc)

    monkeypatch.setattr(filters, "Lacking", Lacking, raising=False)
    with pytest.raises(UserError, match=r"Lacking: No module named 'no_such_package' .install it on the driver and the executors"):
        build_cascade(filter_of([check(filter="Lacking")]))


def test_without_datatrove(monkeypatch):
    monkeypatch.setitem(sys.modules, "datatrove.pipeline.filters", None)
    _load.cache_clear()
    with pytest.raises(UserError, match=r"datatrove cannot be imported.*pip install"):
        build_cascade(filter_of([check(filter="GopherQualityFilter")]))


def test_two_filters_with_names_of_their_own():
    settings = {"use": "datatrove", "filter": "RegexFilter"}
    checks = [{name: settings | {"arguments": {"regex_exp": name}}} for name in ("list", "reef")]
    assert build_cascade(filter_of(checks)).judge(batch([SOURCE, LINES, "Neither."]))[0] == ["reef", "list", "keep"]
