from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from classifiers.checks.completion import Finished, FinishedSettings, Parsed, ParsedSettings
from classifiers.checks.length import Length, LengthSettings
from rephrase.settings.bounds import crossed
from tests.classifiers.batches import batch


def test_finished():
    rows = batch(["a", "b", "c", None], finish_reasons=["stop", "length", None, "error"], errors=[None, None, None, "engine:gone"])
    result = Finished("finished", FinishedSettings())(rows)
    np.testing.assert_array_equal(result.scores["finished"], [1, 0, np.nan, np.nan])
    assert result.keep.tolist() == [True, False, True, True]


@pytest.mark.parametrize("reason", ["max_tokens", "MAX_TOKENS", "model_length", "SAFETY", "network_error", "error", "no such reason"])
def test_what_was_cut_or_broke_off_is_not_finished_in_any_servers_words(reason):
    result = Finished("finished", FinishedSettings())(batch(["a"], finish_reasons=[reason]))
    assert result.scores["finished"].tolist() == [0]
    assert result.keep.tolist() == [False]


@pytest.mark.parametrize("reason", ["stop", "STOP", "eos_token", "end_turn", "COMPLETE"])
def test_what_came_to_its_end_is_finished_in_any_servers_words(reason):
    assert Finished("finished", FinishedSettings())(batch(["a"], finish_reasons=[reason])).scores["finished"].tolist() == [1]


def test_parsed():
    rows = batch(["a", None, " \n", "b"], errors=[None, "parse:no_json", None, "parse:odd"])
    assert Parsed("parsed", ParsedSettings())(rows).keep.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("settings", "keep"),
    [
        ({}, [True, True, True]),
        ({"min_ratio": 0.5}, [False, True, True]),
        ({"max_ratio": 1.5}, [True, True, False]),
        ({"min_words": 2}, [False, True, True]),
        ({"max_words": 3}, [True, True, False]),
        ({"min_tokens": 20}, [False, True, True]),
        ({"max_tokens": 25}, [True, True, True]),
    ],
)
def test_length(settings, keep):
    rows = batch(["word", "two words", "no less than four words"], "ten chars.", completion_tokens=[10, 20, None])
    result = Length("length", LengthSettings(**settings))(rows)
    assert result.keep.tolist() == keep
    assert result.scores["length.ratio"].tolist() == [0.4, 0.9, 2.3]
    assert result.scores["length.words"].tolist() == [1, 2, 5]
    np.testing.assert_array_equal(result.scores["length.tokens"], [10, 20, np.nan])


def plain_length(text: str | None, source: str, tokens: int | None, settings: LengthSettings) -> bool:
    values = (len(text or "") / len(source) if source else None, len((text or "").split()), tokens)
    bounds = [
        (settings.min_ratio, settings.max_ratio),
        (settings.min_words, settings.max_words),
        (settings.min_tokens, settings.max_tokens),
    ]
    for value, (least, most) in zip(values, bounds, strict=True):
        known = value is not None and bool(text and text.strip())
        if known and ((least is not None and value < least) or (most is not None and value > most)):
            return False
    return True


@given(
    st.lists(st.tuples(st.text("ab \n", max_size=12) | st.none(), st.text("ab", max_size=9), st.integers(0, 9) | st.none()), min_size=1),
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("min_ratio", "max_ratio"), st.floats(0.1, 4)),
            **dict.fromkeys(("min_words", "max_words", "min_tokens", "max_tokens"), st.integers(1, 9)),
        },
    ),
)
def test_length_is_that_of_the_plain_reference(rows, bounds):
    assume(crossed(bounds) is None)  # which no config can say
    settings = LengthSettings(**bounds)
    texts, sources, tokens = map(list, zip(*rows, strict=True))
    keep = Length("length", settings)(batch(texts, sources, completion_tokens=tokens)).keep.tolist()
    assert keep == [plain_length(*row, settings) for row in rows]


def test_length_without_a_source_or_a_text():
    result = Length("length", LengthSettings(min_ratio=0.5, min_words=1))(batch(["some text", None], ["", "source"]))
    assert result.keep.tolist() == [True, True]
    assert np.isnan(result.scores["length.ratio"]).all()


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        batch(["a", "b"], languages=["en"])
