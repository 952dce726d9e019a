"""Our own tasks: what reasoning-gym has no like of, each with its solution step by step."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from typing import Any

import yaml

from rephrase.problems.base import Place, Problem
from rephrase.verifiers.answers import same_answer

HIGHEST_LEVEL = 3

_Draw = Callable[[random.Random, int], tuple[str, str, str]]  # by a level: question, answer and solution


def our_problem(place: Place) -> Problem:
    """The problem of a place."""
    question, answer, solution = _TASKS[place.task](random.Random(place.draw(str(place.index))), place.level)
    return Problem(place, question, answer, solution)


def is_right_by_value(problem: Problem, answer: str) -> bool:
    """Whether an answer has the value of the problem's, or is its name where that is one."""
    return answer == problem.answer if problem.answer[0].isalpha() else same_answer(answer, problem.answer)


@functools.cache
def _wording(task: str) -> Any:
    return yaml.safe_load(files("rephrase.problems").joinpath("ours.yaml").read_text(encoding="utf-8"))[task]


def _percentages(rng: random.Random, level: int) -> tuple[str, str, str]:
    """A price that rises and falls by percents one after the other."""
    wording = _wording("percentages")
    price = Decimal(rng.randint(1, 20) * 100)
    start, changes, steps = price, [], []
    for _ in range(level + 1):
        percent, up = rng.choice((5, 10, 15, 20, 25, 30, 40, 50)), rng.random() < 0.5
        part = price * percent / 100
        before, price = price, price + part if up else price - part
        changes.append(wording["up" if up else "down"].format(percent=percent))
        sign = "+" if up else "-"
        steps.append(wording["step"].format(percent=percent, before=_plain(before), part=_plain(part), sign=sign, after=_plain(price)))
    question = wording["question"].format(name=rng.choice(wording["names"]), start=_plain(start), changes=" ".join(changes))
    return question, _plain(price), " ".join(steps)


def _linear_system(rng: random.Random, level: int) -> tuple[str, str, str]:
    """As many equations as unknowns, with one solution in integers."""
    wording, size, most = _wording("linear_system"), 2 + level // 2, 5 + 5 * level
    unknowns = "xyz"[:size]
    values = [rng.randint(-most, most) for _ in unknowns]
    while True:
        factors = [[rng.choice([n for n in range(-9, 10) if n]) for _ in unknowns] for _ in unknowns]
        if determinant := _determinant(factors):
            break
    sums = [sum(f * v for f, v in zip(row, values, strict=True)) for row in factors]
    equations = [f"{_terms(row, unknowns)} = {total}" for row, total in zip(factors, sums, strict=True)]
    place = rng.randrange(size)
    checks = [
        " + ".join(f"{f}·({v})" for f, v in zip(row, values, strict=True)) + f" = {total}" for row, total in zip(factors, sums, strict=True)
    ]
    told = ", ".join(f"{name} = {value}" for name, value in zip(unknowns, values, strict=True))
    question = wording["question"].format(unknowns=", ".join(unknowns), equations="\n".join(equations), asked=unknowns[place])
    conclusion = wording["conclusion"].format(determinant=determinant, asked=unknowns[place], value=values[place])
    return question, str(values[place]), wording["step"].format(values=told, checks="; ".join(checks)) + " " + conclusion


def _determinant(rows: list[list[int]]) -> int:
    if len(rows) == 1:
        return rows[0][0]
    minors = ([row[:column] + row[column + 1 :] for row in rows[1:]] for column in range(len(rows)))
    return sum((-1) ** column * rows[0][column] * _determinant(minor) for column, minor in enumerate(minors))


def _terms(factors: list[int], names: str) -> str:
    text = " ".join(f"{'-' if f < 0 else '+'} {abs(f) if abs(f) > 1 else ''}{name}" for f, name in zip(factors, names, strict=True))
    return text.removeprefix("+ ").replace("- ", "-", 1) if text.startswith("- ") else text.removeprefix("+ ")


def _sets(rng: random.Random, level: int) -> tuple[str, str, str]:
    """How many are in neither of two sets, or in exactly one."""
    wording, most = _wording("sets"), 10 * 4**level
    only_first, only_second, both, neither = (rng.randint(1, most) for _ in range(4))
    a, b = rng.sample(wording["languages"], 2)
    asked = rng.choice(("neither", "one"))
    value = neither if asked == "neither" else only_first + only_second
    numbers = {
        "first": only_first + both,
        "second": only_second + both,
        "both": both,
        "union": only_first + only_second + both,
        "total": only_first + only_second + both + neither,
        "only_first": only_first,
        "only_second": only_second,
        "value": value,
    }
    question = wording["question"].format(a=a, b=b, asked=wording[asked], **numbers)
    return question, str(value), wording[f"{asked}_steps"].format(a=a, b=b, **numbers)


def _automaton(rng: random.Random, level: int) -> tuple[str, str, str]:
    """The state of a finite automaton after a word."""
    wording, states = _wording("automaton"), [f"S{number}" for number in range(3 + level)]
    letters = "abc"[: 2 + level // 2]
    table = {(state, letter): rng.choice(states) for state, letter in itertools.product(states, letters)}
    word = "".join(rng.choice(letters) for _ in range(4 * (level + 1)))
    state = start = rng.choice(states)
    steps = []
    for letter in word:
        steps.append(wording["step"].format(state=state, letter=letter, next=table[state, letter]))
        state = table[state, letter]
    rules = [
        wording["rule"].format(
            state=name, moves=", ".join(wording["move"].format(letter=letter, next=table[name, letter]) for letter in letters)
        )
        for name in states
    ]
    question = wording["question"].format(states=", ".join(states), start=start)
    return "\n".join([question, *rules, wording["asked"].format(word=word)]), state, " ".join(steps)


def _mixture(rng: random.Random, level: int) -> tuple[str, str, str]:
    """The mean of several groups of numbers, by the means of each."""
    wording = _wording("mixture")
    groups = [(rng.randint(2, 5 + 5 * level), rng.randint(1, 20 + 30 * level)) for _ in range(2 + level)]
    total, count = sum(c * mean for c, mean in groups), sum(c for c, _ in groups)
    value = str(Fraction(total, count))
    parts = " ".join(wording["part"].format(count=c, mean=mean) for c, mean in groups)
    sums = ", ".join(wording["sum"].format(count=c, mean=mean, total=c * mean) for c, mean in groups)
    return wording["question"].format(parts=parts), value, wording["steps"].format(sums=sums, all=total, count=count, value=value)


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_TASKS: dict[str, _Draw] = {
    f"ours/{draw.__name__.strip('_')}": draw for draw in (_percentages, _linear_system, _sets, _automaton, _mixture)
}
OUR_TASKS = dict.fromkeys(_TASKS, HIGHEST_LEVEL)
