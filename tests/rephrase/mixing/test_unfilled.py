"""A component that no text can fill is refused before anything is paid for, and none that texts may fill is."""

from __future__ import annotations

from typing import Any

import pytest

from rephrase.errors import UserError
from rephrase.mixing.settings import Mix
from rephrase.mixing.unfilled import check_filled

RECIPES = ["wrap/easy", "wrap/qa@short", "mind/interview"]


@pytest.mark.parametrize(
    ("components", "place", "what", "cure"),
    [
        ([{"origin": "original", "share": 0.5}, {"recipe": "evol/*", "share": 0.5}], 1, "`evol/*`", "the run has: wrap/easy"),
        ([{"recipe": "wrap/eazy", "share": 1}], 0, "`wrap/eazy`", "did you mean `wrap/easy`?"),
        ([{"recipe": "wrap/qa", "share": 1}], 0, "`wrap/qa`", "write `wrap/qa@short`"),
        ([{"origin": "original", "recipe": "wrap/easy", "share": 1}], 0, "originals have none", "take its origin"),
        ([{"recipe": "wrap/*", "share": 0.5}, {"recipe": "wrap/easy", "share": 0.5}], 1, "`wrap/*` takes all", "before that one"),
        ([{"recipe": "*", "share": 0.5}, {"origin": "synthetic", "share": 0.5}], 1, "`*` takes all", "before that one"),
    ],
)
def test_what_stays_empty_for_certain_is_refused(components: list[dict[str, Any]], place: int, what: str, cure: str) -> None:
    with pytest.raises(UserError) as raised:
        check_filled(Mix.model_validate({"components": components}), RECIPES)
    assert raised.value.where == f"mix.components.{place}"
    assert what in raised.value.what
    assert cure in raised.value.cure
    assert "mix.skip_empty: true" in raised.value.cure
    check_filled(Mix.model_validate({"components": components, "skip_empty": True}), RECIPES)


@pytest.mark.parametrize(
    "components",
    [
        [],
        [{"recipe": "wrap/*", "share": 0.5}, {"origin": "synthetic", "share": 0.5}],
        [{"recipe": "wrap/*", "language": "en", "share": 0.5}, {"recipe": "wrap/easy", "share": 0.5}],
        [{"source": "no-such", "share": 0.5}, {"recipe": "wrap/qa@*", "share": 0.5}],
        [{"recipe": "*", "share": 0.5}, {"license": "CC-*", "share": 0.5}],
    ],
)
def test_what_texts_may_fill_is_not(components: list[dict[str, Any]]) -> None:
    check_filled(Mix.model_validate({"components": components}), RECIPES)


@pytest.mark.parametrize("pattern", [{"origin": "synthetic"}, {"recipe": "wrap/*"}])
def test_texts_that_are_joined_leave_single_ones_to_others_and_are_left_by_them(pattern: dict[str, Any]) -> None:
    both = [{"stitched": True, "share": 0.5}, {**pattern, "share": 0.5}]
    for components in (both, both[::-1]):
        check_filled(Mix.model_validate({"components": components, "stitch": {}}), RECIPES)


def test_a_component_of_a_later_phase_is_named_by_its_place() -> None:
    phases = [{"components": [{"recipe": name, "tokens": 5}]} for name in ("wrap/*", "evol/*")]
    with pytest.raises(UserError) as raised:
        check_filled(Mix.model_validate({"phases": phases}), RECIPES)
    assert raised.value.where == "mix.phases.1.components.0"
