"""A sample of rows: seeded, the same however rows are spread, and small."""

from __future__ import annotations

import random

import pytest

from rephrase.records import content_id
from rephrase.report.sample import Sample

GROUPS = {"common": 5000, "rare": 3, "some": 400, "few": 40}


def rows() -> list[tuple[str, str]]:
    return [(content_id(group, str(number)), group) for group, count in GROUPS.items() for number in range(count)]


def sampled(order: list[tuple[str, str]], number: int, seed: int = 0, size: int = 97) -> Sample[str]:
    sample: Sample[str] = Sample(number, seed)
    for at in range(0, len(order), size):
        part = order[at : at + size]
        sample.add(f"object-{at}", [row_id for row_id, _ in part], [group for _, group in part])
        assert sum(map(len, sample._drawn.values())) <= 4 * number + size, "memory does not grow with the rows"
    return sample


def ids_of(sample: Sample[str]) -> set[str]:
    return {row_id for rows in sample.drawn().values() for row_id in rows}


@pytest.mark.parametrize("number", [1, 2, 7, 100, 400, 10_000])
def test_groups_give_equally_many_rows_or_all_that_they_have(number: int) -> None:
    sample = sampled(rows(), number)
    group_of = dict(rows())
    drawn = [group_of[row_id] for row_id in ids_of(sample)]
    assert len(drawn) == min(number, sum(GROUPS.values()))
    counts = {group: drawn.count(group) for group in GROUPS}
    most = max(counts.values())
    assert all(count >= min(GROUPS[group], most - 1) for group, count in counts.items()), counts
    assert sample.counts == GROUPS


def test_the_order_of_the_rows_changes_nothing_and_the_seed_does() -> None:
    shuffled = rows()
    random.Random(3).shuffle(shuffled)
    assert ids_of(sampled(rows(), 50)) == ids_of(sampled(shuffled, 50, size=13))
    assert ids_of(sampled(rows(), 50)) != ids_of(sampled(rows(), 50, seed=1))


def test_weights_add_up_to_the_rows_that_the_sample_stands_for() -> None:
    weights = [weight for rows in sampled(rows(), 60).drawn().values() for weight in rows.values()]
    assert sum(weights) == pytest.approx(sum(GROUPS.values()))
