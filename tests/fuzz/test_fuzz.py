"""A few of the inputs that `python -m tests.fuzz` tries by the thousand."""

from __future__ import annotations

import pytest

from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TARGETS)
def test_no_input_ends_hangs_or_costs_a_neighbour(name):
    assert run(name, 25, seed=1) == []
