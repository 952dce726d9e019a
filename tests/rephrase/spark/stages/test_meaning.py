"""Meanings of tables: what nobody sets is no part of a digest, and everything that is set is."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from rephrase.config.duplicates import Dedup
from rephrase.mixing.settings import Mix
from rephrase.readers.settings import Input
from rephrase.settings.section import Section
from rephrase.spark.stages.meaning import Checks, Defaults, Meaning, defaults_of


class Inner(Section):
    size: int = 3
    name: str = "a"


class Outer(Section):
    needed: str
    inner: Inner = Inner(size=5)
    several: list[Inner] = Field(default=[])
    named: dict[str, Inner] = Field(default={})
    maybe: Inner | None = None


FULL = {
    "needed": "x",
    "inner": {"size": 4, "name": "a"},
    "several": [{"size": 3, "name": "b"}],
    "named": {"one": {"size": 1, "name": "a"}},
    "maybe": None,
}
BRIEF = {"needed": "x", "inner": {"size": 4}, "several": [{"name": "b"}], "named": {"one": {"size": 1}}}


def test_defaults_are_left_out_and_filled_in_at_any_depth() -> None:
    defaults = defaults_of(Outer)
    assert defaults.apply(FULL, fill=False) == BRIEF
    assert defaults.apply(BRIEF, fill=True) == FULL
    assert defaults.apply({"needed": "x"}, fill=True)["inner"] == {"size": 5, "name": "a"}
    assert defaults.apply({"needed": "x", "gone": 1}, fill=False) == {"needed": "x", "gone": 1}


GRID = {"share": 1, "by": ["topic", {"score": "edu", "quantiles": 4}], "weights": [{"topic": "a", "weight": 1}], "curve": {"max_epochs": 3}}
MIXES = [Mix(seed=7), Mix.model_validate({"preset": "wrap"}), Mix.model_validate({"components": [GRID], "budget_tokens": 9})]


@pytest.mark.parametrize("settings", [Dedup(ngram=4), *MIXES, Input(paths=["a"], scrub=True)])
def test_real_sections_survive_being_shortened(settings: Section) -> None:
    full = settings.model_dump(mode="json")
    defaults = defaults_of(type(settings))
    brief = defaults.apply(full, fill=False)
    assert len(str(brief)) < len(str(full)) / 2
    assert defaults.apply(brief, fill=True) == full


def meaning(**settings: Any) -> Meaning:
    return Meaning({"dedup": Dedup(**settings).model_dump()}, Defaults(below={"dedup": defaults_of(Dedup)}))


def test_a_digest_knows_what_is_set_and_the_version_alone() -> None:
    settings = {**Dedup().model_dump(), "window": 9}
    later = Meaning({"dedup": settings}, Defaults(below={"dedup": Defaults(settings)}))
    assert later.digest(1) == meaning().digest(1), "a key that came later, at its default"
    assert meaning(ngram=4).digest(1) != meaning().digest(1)
    assert meaning().digest(2) != meaning().digest(1)


def test_checks_are_those_of_the_recipes_of_the_run() -> None:
    check = {
        "name": "short",
        "check": "length",
        "settings": {"min_words": 3, "max_words": None},
        "recipes": {"wrap/*": {"min_words": 4}, "other/*": {"min_words": 5}},
    }
    unknown = {"name": "x", "check": "retired", "settings": {"a": 1}, "recipes": {}}
    assert Checks(["wrap/easy"]).apply([check, unknown], fill=False) == [
        {"name": "short", "check": "length", "settings": {"min_words": 3}, "recipes": {"wrap/*": {"min_words": 4}}},
        unknown,
    ]
