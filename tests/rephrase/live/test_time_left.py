"""The time left is a range, as wide as the pace was uneven, and nothing where nothing can be said."""

from __future__ import annotations

import pickle
import random

import pytest

from rephrase.live.time_left import Course
from rephrase.live.words import left_in_words


def course(*points: tuple[float, float]) -> Course:
    made = Course()
    for at, done in points:
        made.add(at, done)
    return made


@pytest.mark.parametrize("points", [[], [(0, 0)], [(0, 0), (50, 0)], [(0, 0), (10, 100)]])
def test_nothing_is_said_before_the_first_progress_and_after_the_last(points):
    assert course(*points).left(100) is None
    assert left_in_words(course(*points).left(100)) == ""


def test_one_step_tells_a_time_but_no_spread():
    assert course((0, 0), (60, 10)).left(100) == (540, 540)
    assert left_in_words((540, 540)) == "about 9 min left"


def test_an_even_pace_gives_a_narrow_range_and_an_uneven_one_a_wide_one():
    even = course(*[(10.0 * n, 5.0 * n) for n in range(41)]).left(400)
    assert even is not None
    assert even == pytest.approx((400, 400))
    uneven = course(*[(10.0 * n, 5.0 * n if n < 20 else 100 + 1.0 * (n - 20)) for n in range(41)]).left(400)
    assert uneven is not None
    least, most = uneven
    assert least < (400 - 120) / (120 / 400) < most


def test_the_start_of_an_engine_does_not_count_as_work():
    slow_start = course(*[(float(n), 0.0) for n in range(0, 300, 5)], *[(300.0 + n, n / 10) for n in range(0, 101, 5)])
    least, most = slow_start.left(20)
    assert least == pytest.approx(100, rel=0.1)
    assert most == pytest.approx(100, rel=0.1)


def test_a_pace_that_tells_nothing_has_no_upper_end():
    points = [(0, 0), (100, 1), (200, 2), (300, 3), (400, 4), (401, 90), (800, 90)]
    least, most = course(*points).left(100)
    assert most is None
    assert left_in_words((least, most)).startswith("at least ")


def test_the_range_holds_the_true_time_in_most_stages_of_random_pace():
    held = 0
    for seed in range(200):
        generator, done, points = random.Random(seed), 0.0, [(0.0, 0.0)]
        for step in range(1, 1001):
            done += generator.expovariate(1)
            points.append((float(step), done))
        left = course(*[point for point in points if point[0] <= 300]).left(points[-1][1])
        assert left is not None
        held += left[0] <= 700 <= left[1]
    assert held > 150, "of 200; what is left goes at random as well"


def test_what_is_kept_does_not_grow_with_the_hours():
    long, sizes = Course(), []
    for n in range(20_000):
        long.add(5.0 * n, 2.0 * n)
        sizes.append(len(pickle.dumps(long)))
    assert sizes[-1] < 2 * sizes[300]
    least, most = long.left(80_000)
    assert least == pytest.approx(100_000, rel=0.05)
    assert most == pytest.approx(100_000, rel=0.05)


def test_a_range_names_its_unit_once_where_both_ends_have_it():
    assert left_in_words((720, 1080)) == "12 to 18 min left"
    assert left_in_words((90, 300)) == "90 s to 5 min left"
    assert left_in_words(None) == ""
