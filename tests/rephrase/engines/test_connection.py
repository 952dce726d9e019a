from __future__ import annotations

from rephrase.engines.connection import _retry_after


def test_retry_after_holds_seconds_or_a_date():
    assert _retry_after("12") == 12
    assert _retry_after("Fri, 01 Jan 2100 00:00:00 GMT") == 300  # never longer
    assert _retry_after("Fri, 01 Jan 1999 00:00:00 GMT") == _retry_after("soon") == _retry_after(None) == 0
