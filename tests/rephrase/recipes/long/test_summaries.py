"""`long/summaries`: every level of summaries is made of the one below, and the text holds all of them in order."""

from __future__ import annotations

import pytest

from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.long.summaries import groups
from rephrase.recipes.use import RecipeUse
from tests.rephrase.recipes.long.texts import chronicle
from tests.rephrase.recipes.play import cut, play

DOCUMENT = chronicle(40)
OPTIONS = {"part_tokens": 300, "summary_tokens": 50, "levels": 5}


def written(level):
    count = iter(range(1, 1000))
    return lambda _prompt: f"Level {level} tells, as its number {next(count)}, what the harbour saw." + " It was a long year." * 8


SCRIPTS = {f"level{number}": written(number) for number in range(6)}


def scripts():
    return {f"level{number}": written(number) for number in range(6)}


def test_levels_go_on_until_one_summary_is_left(tokenizer):
    played = play("long/summaries", DOCUMENT, scripts(), tokenizer, **OPTIONS)
    counts = [len(prompts) for prompts in played.prompts.values() if prompts]
    assert not any(played.errors(step) for step in played.rows)
    assert counts[-1] == 1
    assert counts == sorted(counts, reverse=True)
    assert len(counts) >= 3
    first = played.prompts["level1"][0]
    assert first.index("its number 1,") < first.index("its number 2,"), "neighbours, in their order"
    assert all(tokenizer.count([prompt])[0] < 600 for prompts in played.prompts.values() for prompt in prompts), "never the document"
    [text] = [text for step in played.rows for text in played.texts(step)]
    for level, count in enumerate(counts):
        assert sum(f"Level {level} tells, as its number {number}," in text for number in range(1, count + 1)) == count
    assert played.fields(f"level{len(counts) - 1}")[-1]["levels"] == counts
    lineage = [summary["id"] for summary in played.rows["level0"]]
    assert [parent for row in played.rows["level1"] for parent in row["lineage"]] == lineage


@pytest.mark.parametrize("layout", ["up", "down", "summaries"])
def test_layouts_stand_before_or_behind_what_they_summarise(tokenizer, layout):
    played = play("long/summaries", DOCUMENT, scripts(), tokenizer, **OPTIONS, layouts=[layout])
    [text] = [text for step in played.rows for text in played.texts(step)]
    top, first = text.index("# The whole"), text.index("Part 1.1.1\n" if "Part 1.1.1\n" in text else "Part 1.1\n")
    assert (top > first) == (layout == "up")
    assert (chronicle(40)[:200] in text) == (layout != "summaries")
    kept = [part for part in text.split("\n\n") if not part.startswith(("#", "Level"))]
    if layout != "summaries":
        assert "".join("".join(kept).split()) == "".join(DOCUMENT.split()), "the document, whole and in order"


def test_published_numbers():
    [recipe] = recipes_of([RecipeUse(use="long/summaries")])
    assert {step.passage_limit for step in recipe.steps} == {2048}
    assert len(recipe.steps) == 6
    assert recipe.steps[0].sampling.max_tokens == 600
    played_words = round(300 * 0.65)
    assert played_words == 195


def test_a_failed_summary_ends_its_pyramid_and_too_few_levels_are_told(tokenizer):
    broken = {**scripts(), "level0": [cut("Once"), *["A summary of it."] * 30]}
    played = play("long/summaries", DOCUMENT, broken, tokenizer, **OPTIONS)
    assert played.errors("level0") == ["parse:truncated"]
    assert played.prompts["level1"] == []
    few = play("long/summaries", DOCUMENT, scripts(), tokenizer, **{**OPTIONS, "levels": 1})
    assert few.errors("level0") == ["rejected:levels"]
    assert few.texts("level0") == []


def test_a_document_of_one_part_has_one_summary(tokenizer):
    played = play("long/summaries", chronicle(1), {"level0": "All of it."}, tokenizer, layouts=["up"])
    assert played.texts("level0") == [f"{chronicle(1)}\n\n# The whole\n\nAll of it."]


def test_groups_are_neighbours_of_two_at_least():
    assert groups([900, 900, 900, 900], 700) == [(0, 2), (2, 4)]
    assert groups([100] * 10, 450) == [(0, 4), (4, 8), (8, 10)]
    assert groups([], 700) == []
    assert [last - first for first, last in groups([300] * 7, 600)] == [2, 2, 3], "none is alone"
