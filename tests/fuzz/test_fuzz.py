"""2,000 of the cases that `python -m tests.fuzz` tries by the hundred thousand."""

from __future__ import annotations

import time

import pytest

from tests.fuzz.run import Hang, memory_limit, run, shares, time_limit

CASES = shares(2000)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CASES)
def test_no_case_ends_hangs_or_costs_a_neighbour(name):
    assert run(name, CASES[name], seed=1) == []


def test_two_thousand_are_tried():
    assert sum(CASES.values()) == 2000


def test_what_hangs_or_holds_too_much_is_seen():
    with pytest.raises(Hang), time_limit(0.01):  # noqa: PT012  # the loop is what is ended
        while True:
            time.sleep(0)
    with pytest.raises(MemoryError, match="MiB more"), memory_limit(50):
        assert len(bytearray(b"x") * (80 << 20)) > 0
