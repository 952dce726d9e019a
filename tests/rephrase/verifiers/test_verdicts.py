"""Verdicts on programs: what forges one is refused, and right programs pass in all the shapes that they and their tests come in."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rephrase.verifiers.kinds import Verifier

HERE = Path(__file__).parent
FORGED = yaml.safe_load((HERE / "forged.yaml").read_text())
RIGHT = yaml.safe_load((HERE / "right.yaml").read_text())


@pytest.mark.parametrize("name", FORGED)
def test_forged_verdicts_are_refused(name):
    verdict = Verifier("python", seconds=60).verify(FORGED[name]["program"], FORGED[name]["tests"])
    assert not verdict.right
    assert verdict.reason


@pytest.mark.parametrize("name", RIGHT)
def test_right_programs_pass(name):
    verdict = Verifier("python", seconds=60).verify(RIGHT[name]["program"], RIGHT[name]["tests"])
    assert verdict.right, verdict.reason
