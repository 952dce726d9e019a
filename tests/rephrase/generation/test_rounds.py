"""The order of steps: each engine that holds devices takes its turn as seldom as the recipes allow, others are beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from rephrase.engines.echo import EchoSettings
from rephrase.engines.several import Engines
from rephrase.generation.rounds import holder_of, rounds
from rephrase.recipes.base import Paper, Recipe
from rephrase.recipes.catalogue import catalogue


class Holder(EchoSettings):
    kind: Literal["echo"] = "echo"
    holds_devices = True


ENGINES = Engines({"w": Holder(), "j": Holder(), "e": EchoSettings(kind="echo")})


def recipe_of(engines: str) -> Recipe:
    """A recipe with a step for each letter, which names its engine."""
    [step] = catalogue()["wrap/easy"].steps
    steps = tuple(replace(step, name=f"s{number}") for number in range(len(engines)))
    return Recipe("f/x", Paper("", ""), steps, engines={step.name: name for step, name in zip(steps, engines, strict=True)})


@pytest.mark.parametrize(
    ("recipes", "planned", "holders"),
    [
        (["w"], ["w."], "w"),
        (["www", "w"], ["w w", "w .", "w ."], "www"),
        (["wj", "wwj", "w"], ["w w w", ". w .", "j j ."], "wwj"),
        (["jw", "wj"], [". w", "j j", "w ."], "wjw"),
        (["wjwj", "jw"], ["w .", "j j", "w w", "j ."], "wjwj"),
        (["we", "ww", "ej"], ["w w e", "e w .", ". . j"], "wwj"),
        (["ee", "e"], ["e e", "e ."], ".."),
        (["ewe"], ["e", "w", "e"], ".w."),
    ],
)
def test_an_engine_answers_all_that_it_can_before_the_next_one_starts(recipes, planned, holders):
    built = [recipe_of(engines) for engines in recipes]
    order = rounds(built, ENGINES)
    letters = ["".join(recipes[index][steps[index]] if index in steps else "." for index in range(len(recipes))) for steps in order]
    assert letters == [line.replace(" ", "").ljust(len(recipes), ".")[: len(recipes)] for line in planned]
    assert "".join(holder_of(built, steps, ENGINES) or "." for steps in order) == holders
    done = [0] * len(recipes)
    for steps in order:
        for index, step in steps.items():
            assert step == done[index], "each step comes after the one before it"
            done[index] += 1
    assert done == [len(engines) for engines in recipes]


def test_one_engine_answers_the_same_step_of_all_recipes_in_a_round():
    built = [Recipe("f/x", Paper("", ""), recipe_of(engines).steps) for engines in ("www", "w", "ww")]
    for settings in (Holder(), EchoSettings(kind="echo")):
        assert rounds(built, Engines.alone(settings)) == [{0: 0, 1: 0, 2: 0}, {0: 1, 2: 1}, {0: 2}]


def test_many_recipes_of_many_turns_are_ordered_at_once():
    built = [recipe_of(("wj" * 10)[start:end]) for start in range(10) for end in range(start + 1, 20)]
    order = [holder_of(built, steps, ENGINES) for steps in rounds(built, ENGINES)]
    assert order == ["w", "j"] * 9 + ["w"]
