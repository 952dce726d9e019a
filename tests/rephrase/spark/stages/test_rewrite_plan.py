"""What the driver of the rewrite stage keeps of units: numbers, which become the same units in the same order for every driver."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from rephrase import storage
from rephrase.names import DocumentsName, GenerationsName, Place
from rephrase.notes import DocumentsNote, GenerationsNote
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.use import RecipeUse
from rephrase.spark.runtime.seen import Seen
from rephrase.spark.stages.rewrite.plan import plan
from rephrase.spark.stages.rewrite.rows import Source
from rephrase.spark.stages.rewrite.tasks import task_of, tasks_of
from rephrase.storage import tables

RECIPES = recipes_of([RecipeUse(use=name) for name in ("wrap/easy", "wrap/medium", "entigraph")])
FIRST, SECOND = ({index: step for index in range(len(RECIPES)) if step < len(RECIPES[index].steps)} for step in (0, 1))


def source(objects: int, groups: int) -> Source:
    """Row groups of growing texts, of all recipes."""
    notes = (DocumentsNote(row_group_tokens=tuple(range(n * groups + 1, (n + 1) * groups + 1))) for n in range(objects))
    footers = tuple(tables.Footer(f"out/documents/{DocumentsName(n)}", (1,) * groups, note) for n, note in enumerate(notes))
    return Source(footers, tuple(range(len(RECIPES))))


def make(output: str, prompts: int = 0) -> None:
    tables.commit(output, pa.table({"id": ["x"]}), GenerationsNote(next_prompts=prompts))


def test_units_have_an_order_and_are_found_by_their_objects(tmp_path):
    units = plan(RECIPES, FIRST, [source(2, 3)], str(tmp_path), 50)
    each = list(units)
    assert len(units) == len(each) == 18
    assert [(storage.name_of(unit.payload.documents), unit.payload.row_group, unit.payload.recipe) for unit in each[:4]] == [
        ("part-00000.parquet", 0, 0),
        ("part-00000.parquet", 0, 1),
        ("part-00000.parquet", 0, 2),
        ("part-00000.parquet", 1, 0),
    ]
    assert [units.number_of(unit.output) for unit in each] == list(range(18))
    assert units.number_of("out/else.parquet") is None
    assert [units.weights[unit.output] for unit in each] == list(units.weights.values()) == [float(n // 3 + 1) for n in range(18)]
    make(each[4].output)
    again = plan(RECIPES, FIRST, [source(2, 3)], str(tmp_path), 50)
    assert list(again.left()) == [unit for number, unit in enumerate(each) if number != 4]
    assert again.weights.of(again.left()) == sum(units.weights.values()) - 2


def test_parts_come_from_what_the_step_before_left_and_stay(tmp_path):
    [index] = SECOND
    assert RECIPES[index].steps[1].fans_out
    for unit in plan(RECIPES, FIRST, [source(1, 2)], str(tmp_path), 50):
        make(unit.output, prompts=120 * (unit.payload.row_group + 1))
    units = list(plan(RECIPES, SECOND, [source(1, 2)], str(tmp_path), 50))
    assert [unit.payload.part for unit in units] == [(0, 3), (1, 3), (2, 3), *((n, 5) for n in range(5))]
    [(name, [path])] = units[0].payload.earlier
    assert (name, storage.exists(path)) == (RECIPES[index].steps[0].name, True)
    make(units[1].output)
    later = plan(RECIPES, SECOND, [source(1, 2)], str(tmp_path), 1000)
    assert [unit.payload.part for unit in later] == [(0, 3), (1, 3), (2, 3), (0, 1)]
    assert [unit.payload.part for unit in later.left()] == [(0, 3), (2, 3), (0, 1)]
    assert later.kept(later[0]) == (units[1].output,)


def test_tasks_hold_what_an_engine_answers_together_the_longest_first(tmp_path):
    units = plan(RECIPES, FIRST, [source(2, 2)], str(tmp_path), 50)
    tasks = list(tasks_of(units, RECIPES))
    assert sorted(unit.output for task in tasks for unit in task) == sorted(unit.output for unit in units)
    assert len({task_of(task[0], RECIPES) for task in tasks}) == len(tasks)
    assert all(len({task_of(unit, RECIPES) for unit in task}) == 1 for task in tasks)
    work = [sum(unit.payload.tokens for unit in task) for task in tasks]
    assert work == sorted(work, reverse=True)


def test_only_tiny_tasks_of_which_there_are_many_share_one_of_sparks(tmp_path):
    units = list(plan(RECIPES[:1], {0: 0}, [Source(source(40, 1000).footers, (0,))], str(tmp_path), 50))  # of 1 to 40,000 tokens
    tasks = tasks_of(units, RECIPES)
    assert [tasks.in_a_row(40_000 - tokens) for tokens in (40_000, 4096, 1000, 1)] == [1, 1, 4, 16]
    assert tasks_of(units[:4095], RECIPES).in_a_row(4094) == 1
    again = [replace(unit, payload=replace(unit.payload, round=1)) for unit in units]
    assert tasks_of(again, RECIPES).in_a_row(39_999) == 1, "a second try would ask for all of them again"


def test_a_driver_keeps_some_bytes_of_a_unit(tmp_path, monkeypatch):
    places = [Place("wrap.easy.rewrite", number // 1000, number % 1000) for number in range(40_000)]
    listed = [storage.FileInfo(f"{tmp_path}/{GenerationsName(place)}", 1) for place in places[:20_000]]
    monkeypatch.setattr(storage, "list_files", lambda _folder: iter(listed))
    rows = source(40, 1000)
    tracemalloc.start()
    units = plan(RECIPES[:1], {0: 0}, [Source(rows.footers, (0,))], str(tmp_path), 50)
    left, tasks, weights = units.left(), tasks_of(units, RECIPES), units.weights
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(units), len(left), len(tasks), len(weights)) == (40_000, 20_000, 40_000, 40_000)
    assert kept / len(units) < 150


def test_what_was_seen_is_not_new():
    files = [storage.FileInfo(f"s3://bucket/{number}", 1) for number in range(40_000)]
    seen = Seen()
    assert len(list(seen.new(files))) == len(files)
    for file in files[::2]:
        seen.add(file.path)
    assert list(seen.new(files)) == files[1::2]


@pytest.mark.parametrize("strict", [False, True])
def test_a_file_that_no_stage_wrote_is_told_where_names_matter(tmp_path, strict):
    make(str(tmp_path / "mine.parquet"))
    steps = SECOND if strict else FIRST
    if strict:
        with pytest.raises(Exception, match="no stage gives an object such a name"):
            plan(RECIPES, steps, [source(1, 1)], str(tmp_path), 50)
    else:
        assert len(plan(RECIPES, steps, [source(1, 1)], str(tmp_path), 50).left()) == len(RECIPES)


def test_numbers_are_compared_in_any_order():
    seen = Seen()
    for name in np.random.default_rng(0).permutation(100).astype(str):
        seen.add(name)
    assert not list(seen.new(storage.FileInfo(str(number), 1) for number in range(100)))
