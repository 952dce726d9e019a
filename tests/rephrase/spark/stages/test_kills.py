"""Engines, workers, executors and drivers are killed under a run."""

from __future__ import annotations

import pytest

from tests.chaos import KINDS, Chaos, check_table, write_config
from tests.places import STAND_IN

pytestmark = pytest.mark.timeout(1800)  # what tells a run that hangs is `Chaos.patience`, with each unit anew


def test_kills_of_every_kind_change_nothing(tmp_path, tiny_model):
    """With servers that start at once, as they are killed and started again like real ones."""
    stand_in = {"PYTHONPATH": str(STAND_IN), "STAND_IN_SECONDS": "0.3"}
    config = write_config(tmp_path, tiny_model, documents=60, environment=stand_in)
    chaos = Chaos(tmp_path, config, "local-cluster[1,2,1024]", pause=(0.2, 1.0), patience=120)
    chaos.go(["worker", "engine", "executor", "driver"])
    assert set(chaos.killed) == set(KINDS)
    assert check_table(chaos.run) == 240


@pytest.mark.long
def test_kills_of_every_kind_change_nothing_with_real_engines(tmp_path, tiny_model):
    """See tests/chaos.py, which does the same with more kills and more executors."""
    chaos = Chaos(tmp_path, write_config(tmp_path, tiny_model, documents=60), "local-cluster[1,2,1024]", pause=(0.5, 2.0))
    # One blow upon the other, with no time to recover between them, as each start of an engine takes a minute.
    chaos.go(["worker", "engine", "executor", "driver"], recover=False)
    assert set(chaos.killed) == set(KINDS)
    assert check_table(chaos.run) == 240
