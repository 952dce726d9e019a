"""The rates that the progress line tells, by the notes of units."""

from __future__ import annotations

import random
from typing import Any

from jobs.pace import Pace


def note(server: str, at: float, tokens: int) -> dict[str, Any]:
    engine = {"server": server, "generation_tokens": float(tokens), "cache_queries": 10.0 * tokens, "cache_hits": 5.0 * tokens}
    return {"started": at - 5.0, "ended": at, "generations": 1, "completion_tokens": 10, "reused_tokens": 0, "errors": 0, "engine": engine}


def pace_of(notes: list[dict[str, Any]]) -> Pace:
    pace = Pace()
    for one in notes:
        pace.add(one)
    return pace


def test_the_present_rate_is_that_of_the_last_minute_in_whatever_order_notes_are_read() -> None:
    slow = [note("a", at, 10 * at) for at in range(0, 1000, 5)]
    fast = [note("a", at, 10_000 + 100 * (at - 1000)) for at in range(1000, 1121, 5)]
    notes = slow + fast
    assert pace_of(notes).now() == 100
    random.Random(0).shuffle(notes)
    assert pace_of(notes).now() == 100
    assert pace_of(notes).cache_hits == 0.5


def test_a_server_that_is_gone_has_no_present_rate() -> None:
    gone = [note("a", at, 10 * at) for at in range(0, 101, 5)]
    after = [note("b", at, 20 * at) for at in range(100, 401, 5)]
    assert pace_of(gone + after[:5]).now() == 30
    assert pace_of(gone + after).now() == 20


def test_a_server_whose_units_take_long_is_not_taken_for_gone() -> None:
    long_units = [note("a", at, 10 * at) for at in (0, 300, 600)]
    assert pace_of([*long_units, note("b", 650, 1), note("b", 700, 501)]).now() == 20


def test_one_note_of_a_server_tells_no_rate() -> None:
    assert pace_of([note("a", 10, 100)]).now() is None
