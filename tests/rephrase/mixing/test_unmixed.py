"""A recipe that is paid for and mixed nowhere is told."""

from __future__ import annotations

from typing import Any

import pytest

from rephrase.mixing.settings import Mix
from rephrase.mixing.unmixed import unmixed_notice


@pytest.mark.parametrize(
    ("components", "unmixed"),
    [
        ([{"origin": "original", "share": 0.5}, {"recipe": "wrap/*", "share": 0.5}], "`mind/interview`"),
        ([{"recipe": "wrap/easy", "share": 1}], "`wrap/qa@short`, `mind/interview`"),
        ([{"recipe": "wrap/*", "share": 0.5}, {"origin": "synthetic", "share": 0.5}], None),
        ([{"recipe": "wrap/*", "share": 0.5}, {"license": "CC-*", "share": 0.5}], None),
        ([{"recipe": "*", "share": 1}], None),
        ([{"origin": "original", "share": 1}], None),
    ],
)
def test_recipes_that_no_component_can_take_are_named(components: list[dict[str, Any]], unmixed: str | None) -> None:
    notice = unmixed_notice(Mix.model_validate({"components": components}), ["wrap/easy", "wrap/qa@short", "mind/interview"])
    assert notice == (unmixed and f"the generations of {unmixed} go into no component of the mixture: `mix.components` names other recipes")


def test_recipes_of_phases_are_looked_for_in_all_of_them() -> None:
    phases = [{"components": [{"recipe": name, "tokens": 5}]} for name in ("wrap/*", "mind/*")]
    assert unmixed_notice(Mix.model_validate({"phases": phases}), ["wrap/easy", "mind/interview"]) is None
