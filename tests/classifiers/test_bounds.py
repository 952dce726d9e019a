"""Each default check says what it holds against the texts of each shipped recipe, or why it holds nothing against them."""

from __future__ import annotations

import pytest

from classifiers.bounds import bounds_for, bounds_of
from classifiers.cascade import build_cascade
from classifiers.checks import checks
from classifiers.configured import defaults
from classifiers.settings import Filter, filter_of
from rephrase.recipes.catalogue import catalogue
from tests.classifiers.batches import SOURCE, batch

# What has no bound to set applies to every text.
ALWAYS = {"finished", "parsed", "chatter"}


@pytest.mark.parametrize("check", defaults())
def test_every_default_check_states_its_bounds_for_every_recipe(check):
    kind = checks.find(check)
    for recipe in catalogue():
        stated = bounds_for(check, recipe)
        assert stated.reason, f"{recipe}: the source of the bounds, or why there are none"
        in_force = kind.Settings.model_validate(stated.settings).model_dump()
        bounds = [name for name, value in in_force.items() if value is not None and name not in (*kind.scored_by, "min_count")]
        assert check in ALWAYS or bounds or stated.pattern, f"{recipe} is not bound: its family must say why"


@pytest.mark.parametrize("check", defaults())
def test_what_is_stated_is_what_judges(check):
    cascade = build_cascade(filter_of([check]))
    for recipe in catalogue():
        [made] = cascade.checks(recipe)
        assert made.settings.model_dump() == checks.find(check).Settings.model_validate(bounds_for(check, recipe).settings).model_dump()


def test_checks_that_do_not_run_by_default_state_nothing():
    assert bounds_of("quality") == []


INVENTED = (
    "The lighthouse and the reef act on each other in the account. The tower stood 47 metres high, cost 3,250 pounds, and was tended by "
    "12 men for 88 years, so that the rocks were feared by nobody any more. The reef wore the tower down, and the tower made it known."
)


def test_invented_numbers_are_refused_unless_a_family_may_invent():
    cascade = build_cascade(filter_of(["facts"]))
    for recipe in catalogue():
        [verdict] = cascade.judge(batch([INVENTED], SOURCE, recipe=recipe))[0]
        assert verdict == "facts" or bounds_for("facts", recipe).reason.startswith("No bound: "), recipe


def test_a_discussion_of_two_entities_with_invented_numbers_is_refused():
    assert build_cascade(Filter()).judge(batch([INVENTED], SOURCE, recipe="entigraph/relations"))[0] == ["facts"]
