"""What the search for duplicates promises of many texts, on the functions that Spark's tasks run."""

from __future__ import annotations

import random
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.jaccard import jaccard
from rephrase.config.duplicates import Dedup
from rephrase.problems.tasks import all_tasks, problems
from rephrase.records import content_id
from rephrase.spark.stages.dedup.candidates import _pairs
from rephrase.spark.stages.dedup.stars import first_stays
from tests.rephrase.spark.stages.dedup_play import gone_in

GYM = ("leg_counting", "calendar_arithmetic", "dice", "time_intervals", "gcd")
GYM_TASKS = tuple(f"arithmetic/{name}" for name in GYM) + tuple(
    f"{group}/{name}"
    for group, several in {
        "logic": ("aiw", "knights_knaves"),
        "graphs": ("family_relationships", "course_schedule"),
        "geometry": ("simple_geometry", "advanced_geometry"),
        "algorithmic": ("number_filtering", "number_sorting"),
        "algebra": ("simple_equations",),
        "cognition": ("needle_haystack",),
    }.items()
    for name in several
)
OUR_TASKS = tuple(name for name in all_tasks() if name.startswith("ours/"))


def test_of_pairs_above_the_threshold_nearly_all_go_and_nothing_else(tmp_path):
    search_planted(tmp_path, pairs=300, others=400)


@pytest.mark.long
def test_of_twenty_thousand_texts_too(tmp_path):
    search_planted(tmp_path, pairs=4000, others=12_000)


def search_planted(folder, pairs: int, others: int) -> None:
    draw = random.Random(5)
    vocabulary = [f"w{number}" for number in range(4000)]
    planted = []
    for _ in range(pairs):
        words = draw.choices(vocabulary, k=120)
        replaced = draw.randrange(1, 9)
        at = draw.randrange(4, len(words) - replaced - 4)
        other = [*words[:at], *(f"n{draw.randrange(10**9)}" for _ in range(replaced)), *words[at + replaced :]]
        planted.append((" ".join(words), " ".join(other)))
    similarity = jaccard([a for a, _ in planted], [b for _, b in planted], 5)
    assert similarity.min() >= 0.8
    texts = [text for pair in planted for text in pair] + [" ".join(draw.choices(vocabulary, k=120)) for _ in range(others)]
    draw.shuffle(texts)
    gone = gone_in(folder, texts, Dedup(min_similarity=0.8))
    pairs_of_ids = {frozenset((content_id(a), content_id(b))): value for (a, b), value in zip(planted, similarity.tolist(), strict=True)}
    assert all(pairs_of_ids[frozenset((id_, kept))] == value for id_, (kept, value) in gone.items())
    assert len(gone) >= 0.97 * pairs


def test_problems_of_one_frame_stay_and_their_copies_go(tmp_path):
    search_problems(tmp_path, OUR_TASKS, count=400, copies=50)


@pytest.mark.long
def test_five_thousand_problems_of_twenty_templates_too(tmp_path):
    assert len(OUR_TASKS + GYM_TASKS) == 20
    search_problems(tmp_path, OUR_TASKS + GYM_TASKS, count=5000, copies=500)


def search_problems(folder, tasks: tuple[str, ...], count: int, copies: int) -> None:
    draw = random.Random(3)
    texts = [problem.question for problem, _ in zip(problems(tasks, [0, 1, 2, 3], {}, 1), range(count), strict=False)]
    assert len(texts) == count
    copied = {}
    for text in draw.sample(texts, count):
        changed = [
            text.replace(", ", " , "),
            f"Question: {text}",
            f"{text}\n\nShow your work.",
            " ".join(text.split()),
            text.replace("?", " ?"),
        ]
        alike = [other for other in changed if other != text and jaccard([text], [other], 5)[0] >= 0.7]
        if alike:  # of a question of a few words each change makes another
            copied[content_id(text)] = draw.choice(alike)
        if len(copied) == copies:
            break
    gone = gone_in(folder, [*texts, *copied.values()], Dedup(slots=0.05))
    copy_ids = {id_: content_id(copy) for id_, copy in copied.items()}
    apart = sum(id_ not in gone and copy not in gone for id_, copy in copy_ids.items())
    assert apart <= 0.03 * copies
    lost = sum(id_ in gone and copy_ids.get(id_, id_) in gone for id_ in map(content_id, texts))
    assert lost <= 0.05 * count


def band(count: int, alike: bool):
    """One band of so many texts, a few hundred in a batch: all with one sketch, or each with its own."""
    dice = np.random.default_rng(0)
    one = dice.bytes(64)
    for first in range(0, count, 512):
        numbers = range(first, min(first + 512, count))
        nodes = [bytes([1, 0]) + number.to_bytes(16, "big") for number in numbers]
        sketches = [one if alike else dice.bytes(64) for _ in numbers]
        columns = [pa.array(np.ones(len(nodes), np.int64)), pa.array(nodes, pa.binary()), pa.array([b""] * len(nodes), pa.binary())]
        columns += [pa.array(np.array(numbers)), pa.array(sketches, pa.binary())]
        yield pa.RecordBatch.from_arrays(columns, ["key", "node", "document", "place", "sketch"])


@pytest.mark.parametrize("alike", [True, False])
def test_a_band_that_many_texts_share_is_a_stream(alike):
    rows = {}
    for count in (400, 4_000):
        tracemalloc.start()
        rows[count] = sum(batch.num_rows for batch in _pairs(band(count, alike), 0.55, 1))
        assert tracemalloc.get_traced_memory()[1] < 2e6, "bytes of Python's and numpy's at the most"
        tracemalloc.stop()
    assert rows[4_000] <= 10 * rows[400] + 1000
    assert rows[4_000] <= 9 * 4_000


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] < pair[1]), max_size=30))
def test_what_goes_has_a_neighbour_before_it_that_stays_and_what_stays_has_none(pairs):
    ordered = sorted(set(pairs), key=lambda pair: pair[::-1])
    firsts, seconds = (np.array([pair[side] for pair in ordered], np.int64) for side in (0, 1))
    chosen = [ordered[at] for at in first_stays(firsts, seconds, 12).tolist()]
    gone = {second for _, second in chosen}
    assert len(gone) == len(chosen)
    assert not gone & {first for first, _ in chosen}
    assert all(first in gone or second in gone for first, second in ordered)
    for kept, second in chosen:
        assert kept == min(first for first, other in ordered if other == second and first not in gone)
