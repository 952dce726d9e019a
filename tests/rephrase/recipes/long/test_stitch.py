"""`long/stitch`: rewrites of one document in drawn styles and order, the document last, whole pieces, never above the tokens."""

from __future__ import annotations

import json
import re

import pytest
from pydantic import ValidationError

from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.prompts import flow_prompts
from rephrase.recipes.use import RecipeUse
from rephrase.text.stitching import stitch
from tests.rephrase.recipes.long.texts import chronicle
from tests.rephrase.recipes.play import cut, play

DOCUMENT = chronicle(3)


def numbered():
    """Rewrites that tell themselves apart."""
    count = iter(range(1000))
    return lambda _prompt: f"Rewrite number {next(count)} of the harbour's chronicle."


def test_all_rewrites_and_the_document_last_are_one_text(tokenizer):
    played = play("long/stitch", DOCUMENT, {"rewrite": numbered()}, tokenizer)
    [text] = played.texts("rewrite")
    assert text.endswith(f"\n\n{DOCUMENT}")
    order = [int(number) for number in re.findall(r"Rewrite number (\d+)", text)]
    assert sorted(order) == list(range(8))
    assert order != sorted(order), "the order is drawn"
    assert play("long/stitch", DOCUMENT, {"rewrite": numbered()}, tokenizer).texts("rewrite") == [text], "by the document alone"
    styles = flow_prompts("long/stitch")["styles"]
    assert len(styles) == 8
    assert all(any(style in prompt for prompt in played.prompts["rewrite"]) for style in styles), "each style once before any twice"


def test_published_numbers(tokenizer):
    [recipe] = recipes_of([RecipeUse(use="long/stitch")])
    [step] = recipe.steps
    assert (step.sampling.temperature, step.sampling.max_tokens) == (1.0, 1024)
    assert flow_prompts("long/stitch")["most_rewrites"] == 32
    played = play("long/stitch", DOCUMENT, {"rewrite": numbered()}, tokenizer, rewrites=32)
    assert len(played.prompts["rewrite"]) == 32
    assert len(re.findall("Rewrite number", played.texts("rewrite")[0])) == 32


def test_a_text_has_no_more_than_its_tokens_and_pieces_stay_whole(tokenizer):
    played = play("long/stitch", DOCUMENT, {"rewrite": numbered()}, tokenizer, rewrites=12, tokens=60, original="none")
    texts = played.texts("rewrite")
    assert len(texts) > 1
    assert all(count <= 60 for count in tokenizer.count(texts))
    assert [fields["tokens"] for fields in played.fields("rewrite") if "tokens" in fields] == tokenizer.count(texts)
    assert all(part.startswith("Rewrite number") and part.endswith("chronicle.") for text in texts for part in text.split("\n\n"))


def test_more_rewrites_than_there_are_cannot_be_asked_for():
    with pytest.raises(ValidationError, match="`least` 5 is above `rewrites` 4"):
        RecipeUse(use="long/stitch", options={"rewrites": 4, "least": 5})


def test_cut_rewrites_are_left_out_and_too_few_give_none(tokenizer):
    scripts = [cut("Rewrite"), *(f"Rewrite {number}." for number in range(2))]
    assert play("long/stitch", DOCUMENT, {"rewrite": scripts}, tokenizer, rewrites=3).texts("rewrite")[0].count("Rewrite ") == 2
    played = play("long/stitch", DOCUMENT, {"rewrite": [cut("A"), cut("B"), "Rewrite."]}, tokenizer, rewrites=3)
    assert played.texts("rewrite") == []
    assert played.errors("rewrite") == ["parse:truncated", "parse:truncated", "rejected:too_few"]


def test_a_long_document_is_rewritten_in_parts_of_one_style(tokenizer):
    long = chronicle(12)
    played = play("long/stitch", long, {"rewrite": numbered()}, tokenizer, rewrites=2, part_tokens=200, styles=["as a poem", "as a song"])
    assert max(len(prompt) for prompt in played.prompts["rewrite"]) < len(long) / 2
    parts = len(played.prompts["rewrite"]) // 2
    assert [("as a poem" in prompt) for prompt in played.prompts["rewrite"]] in (
        [True] * parts + [False] * parts,
        [False] * parts + [True] * parts,
    )
    keys = [row["key"] for row in played.rows["rewrite"][:-1]]
    assert keys == [f"{number}:{part}" for number in range(2) for part in range(parts)]
    assert json.loads(played.rows["rewrite"][-1]["fields"])["rewrites"] == 2


@pytest.mark.parametrize("most", [1, 7, 20, 1000])
def test_stitched_tokens_are_those_of_the_text(tokenizer, most):
    pieces = [f"The tide rises {'again ' * number}today." for number in range(9)]
    made = stitch(pieces, tokenizer, most, ["\n\n", " — "], "seed")
    assert [text.n_tokens for text in made] == tokenizer.count([text.text for text in made])
    assert [place for text in made for place in text.pieces] == list(range(9))
    assert all(text.n_tokens <= most or len(text.pieces) == 1 for text in made)
