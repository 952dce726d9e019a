"""An answer that lacks a mark is told with the mark."""

from __future__ import annotations

from rephrase.recipes.missing import with_marks
from rephrase.recipes.use import RecipeUse

USES = [RecipeUse(use="nemotron/*"), RecipeUse(use="wrap/easy")]


def test_a_marker_is_told_of_the_steps_that_asked() -> None:
    asked = [("nemotron/wikipedia", "rewrite"), ("nemotron/distill", "rewrite")]
    assert with_marks("parse:no_marker", USES, asked) == "parse:no_marker (lacks “Rewritten text:”, “Paraphrased text:”)"
    assert with_marks("parse:no_marker", USES, asked[1:]) == "parse:no_marker (lacks “Paraphrased text:”)"


def test_what_names_no_mark_stays_as_it_is() -> None:
    assert with_marks("parse:truncated", USES, [("nemotron/distill", "rewrite")]) == "parse:truncated"
    assert with_marks("parse:no_marker", USES, [("wrap/easy", "rewrite")]) == "parse:no_marker"
    assert with_marks("parse:no_marker", [RecipeUse(use="gone.yaml")], [("gone", "rewrite")]) == "parse:no_marker"
