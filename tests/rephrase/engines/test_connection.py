from __future__ import annotations

import pytest

from rephrase.engines.connection import _retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("nan", 0),
        ("-nan", 0),
        ("inf", 300),
        ("-inf", 0),
        ("1e9", 300),
        ("1e999", 300),
        ("-5", 0),
        ("0", 0),
        ("1_0", 10),
        ("٣", 3),
        ("5s", 0),
        ("99999-99-99", 0),
        ("Fri, 99 Jan 99999 99:99:99 GMT", 0),
        ("Fri, 01 Jan 2100 00:00:00 +9999999999", 0),
        ("Fri, 01 Jan 0001 00:00:00 -0000", 0),
        ("\x00", 0),
        (",", 0),
        ("9" * 10_000, 300),
    ],
)
def test_any_retry_after_is_a_bounded_wait(value, seconds):
    assert _retry_after(value) == seconds


def test_retry_after_holds_seconds_or_a_date():
    assert _retry_after("12") == 12
    assert _retry_after("Fri, 01 Jan 2100 00:00:00 GMT") == 300  # never longer
    assert _retry_after("Fri, 01 Jan 1999 00:00:00 GMT") == _retry_after("soon") == _retry_after(None) == 0
