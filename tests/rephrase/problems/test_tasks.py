"""Problems made by rule: the right answer passes, wrong ones and nonsense do not, and every machine makes the same."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

from rephrase.errors import UserError
from rephrase.problems import gym
from rephrase.problems.base import Place, Problem
from rephrase.problems.gym import excluded_tasks, gym_tasks
from rephrase.problems.ours import OUR_TASKS
from rephrase.problems.tasks import all_tasks, is_right, problem_of, problems, tasks_named
from rephrase.verifiers.children import Children
from tests.rephrase.problems.perturbed import perturbed

SEEDS = range(20)
# Another answer may be as right as the gold one, so that a changed one says nothing: a lock has several sequences that open it.
SEVERAL_RIGHT = {"graphs/quantum_lock"}
# Those that take more than some milliseconds a problem, and are tried with all others in the long test.
SLOW = {"algebra/polynomial_equations", "algebra/polynomial_multiplication", "algebra/simple_integration"}
SLOW |= {"algorithmic/group_anagrams", "algorithmic/word_ladder", "arc/rearc", "games/countdown", "games/futoshiki", "games/sudoku"}
SLOW |= {"geometry/advanced_geometry", "algorithmic/spell_backward", "cognition/modulo_grid"}
QUICK = [task for task in all_tasks() if task not in SLOW | SEVERAL_RIGHT][:50]
NONSENSE = ("", " ", "nan", "NaN", "inf", "None", "0", "1", "[]", "{}", "()", "True", "no", "null", "-", "x", "A", "the answer", "z" * 50)


def problem(task: str, level: int = 0, seed: int = 1) -> Problem:
    """The first that comes about: a generator may fail at one."""
    return next(made for index in range(3) if (made := problem_of(Place(task, level, seed, index))) is not None)


def faults(task: str, level: int) -> list[tuple[str, int, int, str]]:
    """The seeds whose gold answer fails, or whose changed one passes."""
    found = []
    for seed in SEEDS:
        made = problem(task, level, seed)
        if not is_right(made, made.answer):
            found.append((task, level, seed, "gold fails"))
        if is_right(made, perturbed(made.answer)) and task not in SEVERAL_RIGHT:
            found.append((task, level, seed, "perturbed passes"))
    return found


def test_of_fifty_tasks_and_twenty_seeds_each_gold_answer_passes_and_each_changed_one_fails():
    assert len(QUICK) == 50
    assert [fault for task in QUICK for fault in faults(task, 0)] == []


@pytest.mark.long
@pytest.mark.parametrize("task", all_tasks())
def test_of_every_task_and_level_each_gold_answer_passes_and_each_changed_one_fails(task):
    assert passing(task) == []
    for level in range(all_tasks()[task] + 1):
        assert faults(task, level) == []


def passing(task: str) -> list[str]:
    """The nonsense that passes for an answer."""
    made = problem(task)
    return [text for text in NONSENSE if text.strip() != made.answer.strip() and is_right(made, text)]


def test_nonsense_is_no_answer():
    assert {task: found for task in QUICK if (found := passing(task))} == {}


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("algebra/simple_integration", "__import__('os').getpid()"),
        ("algebra/simple_integration", "eval(chr(49))"),
        ("algebra/simple_integration", "(" * 9000 + "X" + ")" * 9000),
        ("algebra/simple_integration", "X" * 1_000_000),
        ("games/n_queens", "[[print(1)]]"),
        ("algorithmic/string_insertion", "''.join(['A'])"),
        ("arithmetic/gcd", "9" * 19_000),
        ("algorithmic/group_anagrams", "[" * 19_000),
    ],
)
def test_hostile_answers_are_wrong(task, answer):
    assert is_right(problem(task), answer) is False


def test_an_answer_without_end_is_wrong_and_the_next_one_is_judged():
    made = problem("games/countdown")
    assert is_right(made, "9**9**9**9") is False
    assert is_right(made, made.answer)


def test_another_process_makes_the_same_problems_in_whatever_order():
    places = [Place(task, level, 7, index) for task in QUICK[:40:4] for level in (0, 1) for index in (0, 3, 101)]
    here = [problem_of(place) for place in places]
    elsewhere = Children(Path(gym.__file__).with_name("gym_child.py"), "gym", "")
    for place, made in reversed([pair for pair in zip(places, here, strict=True) if pair[0].task in gym_tasks()]):
        asked = {"task": place.task, "level": place.level, "seed": place.seed, "index": place.index, "parameters": {}}
        there = elsewhere.ask(asked)
        assert Problem(place, there["question"], there["answer"]) == made
    elsewhere.end()


def test_problems_come_by_turns_and_none_comes_twice():
    made = list(islice(problems(["ours/sets", "ours/automaton"], [0, 2], {}, 3), 40))
    assert len({one.question for one in made}) == 40
    assert [(one.place.task, one.place.level) for one in made[:4]] == [
        ("ours/sets", 0),
        ("ours/automaton", 2),
        ("ours/sets", 2),
        ("ours/automaton", 0),
    ]
    assert made == list(islice(problems(["ours/sets", "ours/automaton"], [0, 2], {}, 3), 40))
    assert made[0].question != next(problems(["ours/sets"], [0], {}, 4)).question
    levels = {one.place.level for one in islice(problems(["ours/sets"], [2, 9], {}, 3), 10)}
    assert levels == {2, 3}, "above the highest level, the highest counts"


def test_parameters_replace_those_of_the_level():
    [made] = islice(problems(["arithmetic/chain_sum"], [0], {"arithmetic/chain_sum": {"min_terms": 6, "max_terms": 6}}, 1), 1)
    assert made.question.count(" + ") + made.question.count(" - ") == 5
    with pytest.raises(UserError, match=r"`arithmetic/chain_sum`.*does not take these parameters.*terms_at_most"):
        next(problems(["arithmetic/chain_sum"], [0], {"arithmetic/chain_sum": {"terms_at_most": 6}}, 1))


def test_names_and_patterns():
    assert tasks_named("gcd") == ["arithmetic/gcd"]
    assert set(tasks_named("ours/*")) == set(OUR_TASKS)
    assert tasks_named("*/nothing") == []


@pytest.mark.long
def test_each_task_of_the_library_is_used_or_left_out_by_a_reason(monkeypatch):
    for name in ("cellpylib", "pycosat"):  # which tasks import that are left out
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    from reasoning_gym.factory import DATASETS

    assert sorted([*(name.split("/")[1] for name in gym_tasks()), *excluded_tasks()]) == sorted(DATASETS)


def test_without_the_library_the_error_names_its_cure(monkeypatch):
    monkeypatch.setattr(gym, "gym_version", lambda: "")
    with pytest.raises(UserError, match=r"reasoning-gym is not installed.*rephrase\[procedural\]"):
        next(problems(["arithmetic/gcd"], [0], {}, 1))
    assert next(problems(["ours/sets"], [0], {}, 1)).answer


def test_a_row_of_another_version_is_told_and_not_judged():
    made = problem("arithmetic/gcd")
    with pytest.raises(UserError, match="another problem here than the row holds"):
        is_right(Problem(made.place, f"{made.question} Or not?", made.answer), made.answer)


@pytest.mark.parametrize(
    ("task", "more"),
    [
        ("arithmetic/fraction_simplification", " or 8/19"),
        ("algorithmic/letter_jumble", " extra"),
        ("algorithmic/word_sorting", ", extra"),
        ("arithmetic/time_intervals", " or so"),
        ("games/kakurasu", " x"),
        ("games/survo", " x"),
        ("graphs/quantum_lock", "0"),
        ("logic/knights_knaves", " Or the other way round."),
    ],
)
def test_what_scorers_pass_over_is_no_part_of_a_right_answer(task, more):
    for seed in range(3):
        made = problem(task, 0, seed)
        assert (is_right(made, made.answer), is_right(made, made.answer + more)) == (True, False), made
