"""What a run changes of single steps: it changes these alone, and engines change no digest."""

from __future__ import annotations

import pytest

from rephrase.errors import UserError
from rephrase.recipes.catalogue import find_recipes


def test_engines_change_no_digest_and_sampling_that_of_its_step_alone():
    [plain] = find_recipes("preference/grades")
    [named] = find_recipes({"use": "preference/grades", "engine": "writer", "steps": {"judge": {"engine": "judge"}}})
    assert named.digest == plain.digest
    assert named.engines == {"answers": "writer", "judge": "judge"}
    [cooler] = find_recipes({"use": "preference/grades", "steps": {"judge": {"sampling": {"temperature": 0.2, "max_tokens": 9}}}})
    assert cooler.digest != plain.digest
    assert cooler.steps[0] == plain.steps[0]
    assert (cooler.steps[1].sampling.temperature, cooler.steps[1].sampling.max_tokens) == (0.2, 9)


def test_a_kind_of_step_is_all_its_rounds_and_one_round_wins():
    steps = {"gain0": {"sampling": {"max_tokens": 3}}, "gain": {"engine": "judge", "sampling": {"max_tokens": 4, "top_p": 0.5}}}
    [recipe] = find_recipes({"use": "evol", "options": {"rounds": 2}, "steps": steps})
    gains = [step.sampling for step in recipe.steps if step.name.startswith("gain")]
    assert [(sampling.max_tokens, sampling.top_p) for sampling in gains] == [(3, 0.5), (4, 0.5)]
    assert recipe.engines == {"gain0": "judge", "gain1": "judge"}


def test_a_pattern_may_name_steps_that_some_of_its_recipes_have():
    recipes = find_recipes({"use": "instruction/*", "steps": {"grade": {"engine": "judge"}}})
    assert {name for recipe in recipes for name in recipe.engines} == {"grade"}
    assert any(not recipe.engines for recipe in recipes)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ({"use": "preference/pairs", "steps": {"jugde": {}}}, r"the recipe has no step `jugde` \(did you mean `judge`"),
        ({"use": "wrap/easy", "steps": {"score": {}}}, r"the recipe has no step `score` \(its steps are: rewrite"),
        ({"use": "baseline/delete", "steps": {"rewrite": {"sampling": {"top_p": 0.5}}}}, r"step `rewrite`: the step has no sampling"),
    ],
)
def test_what_a_recipe_does_not_have_is_told(use, message):
    with pytest.raises(UserError, match=message):
        find_recipes(use)
