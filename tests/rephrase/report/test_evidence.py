from __future__ import annotations

import pytest

from rephrase.evidence.results import Row
from rephrase.report.sections.evidence import evidence


def row(mixture: str, seed: str, web: float, code: float, **shares: float) -> Row:
    return Row(mixture, seed, shares, {"bits_per_byte:web": web, "bits_per_byte:code": code})


def test_the_best_mixture_stands_first_with_its_spread_over_seeds() -> None:
    rows = [row("plain", "0", 1.2, 1.0, original=1.0), row("both", "0", 1.0, 0.9, original=0.5), row("both", "1", 1.1, 0.9, original=0.5)]
    section = evidence([("results.csv", rows)])
    assert section is not None
    [part] = section.parts
    assert part.columns == ["mixture", "#original", "#web", "#code", "#seeds"]
    assert part.rows == [["both", "50%", "1.050 ± 0.071", "0.900 ± 0.000", "2"], ["plain", "100%", "1.200", "1.000", "1"]]
    assert "Bits that a small model needs" in part.says
    assert part.notes[0] == "From results.csv."


@pytest.mark.parametrize("rows", [[], [Row("000", "", {"original": 0.5})]])
def test_without_figures_there_is_no_section(rows: list[Row]) -> None:
    assert evidence([("results.csv", rows)]) is None
