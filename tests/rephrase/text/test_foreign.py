from __future__ import annotations

import pytest

from rephrase.text.foreign import readable, readable_values, without_surrogates


def test_lone_surrogates_are_replaced_and_pairs_joined():
    assert without_surrogates("half \ud83d, whole \ud83c\udf0a") == "half \ufffd, whole 🌊"
    assert without_surrogates("plain") == "plain"


def test_what_nobody_can_read_is_left_out():
    assert readable("The\x00 tide\x1b[31m rises.\x7f\r\n\tTwice.\rA day.") == "The tide[31m rises.\n\tTwice.\nA day."


def test_values_are_mended_at_any_depth_and_refused_where_they_cannot_be_stored():
    assert readable_values({"a\x00": ["\ud83d", 1, None, {"b": "\x07"}]}) == {"a": ["\ufffd", 1, None, {"b": ""}]}
    nested: object = "x"
    for _ in range(100):
        nested = [nested]
    for value in (nested, {"n": 10**30}):
        with pytest.raises(ValueError, match=r"too deep|64 bits"):
            readable_values(value)
