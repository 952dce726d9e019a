from __future__ import annotations

import pytest

from rephrase.errors import UserError
from rephrase.recipes.parsers import parser_of
from rephrase.recipes.parsing.common import Context

LONG_TALK = "\n\n".join(
    f"{who}: The tide rises twice a day, because the Moon pulls at the sea on both sides." for who in ("Anna", "Ben") * 3
)


def parse(name: str, completion: str, tokenizer, **settings):
    return parser_of(name, settings, "test")(completion, Context(tokenizer))


@pytest.mark.parametrize(
    "completion",
    [
        "Tides rise and fall.",
        "Here is a simplified version of the passage:\n\nTides rise and fall.",
        "Sure! Here's the rewritten text:\nTides rise and fall.",
        "**Paraphrase:** Tides rise and fall.".replace("**", ""),
        "  Tides rise and fall.\n",
    ],
)
def test_paraphrase_cuts_lead_ins(completion, tokenizer):
    assert parse("paraphrase", completion, tokenizer).text == "Tides rise and fall."


@pytest.mark.parametrize(
    "prose", ["Here is where the river begins: a spring.", "This is a tide. It rises: slowly.", "Sure footing matters on wet rock."]
)
def test_paraphrase_leaves_prose_alone(prose, tokenizer):
    assert parse("paraphrase", prose, tokenizer).text == prose


def test_an_empty_completion_is_an_error(tokenizer):
    for name in ("paraphrase", "questions", "dialogue"):
        assert parse(name, " \n", tokenizer).error.startswith("parse:")
    assert parse("paraphrase", "Here is the rewritten passage:\n\n", tokenizer).error == "parse:empty"


def test_questions_come_out_in_one_plain_form(tokenizer):
    first = "Sure, here you go!\n\n**Question:** What rises?\n**Answer:** The tide.\nTwice a day.\n\n"
    completion = first + "Q2. Why?\nA2. The Moon.\n\nQuestion: Unanswered?"
    parsed = parse("questions", completion, tokenizer)
    assert parsed.text == "Question: What rises?\nAnswer: The tide.\nTwice a day.\n\nQuestion: Why?\nAnswer: The Moon."


@pytest.mark.parametrize("completion", ["The tide rises.", "Question: What?\n", "I'm sorry, but I cannot help with that."])
def test_completions_without_pairs_are_errors(completion, tokenizer):
    assert parse("questions", completion, tokenizer).error == "parse:no_questions"


def test_a_dialogue_needs_speakers_turns_and_length(tokenizer):
    assert parse("dialogue", LONG_TALK, tokenizer, min_tokens=50).text == LONG_TALK
    assert parse("dialogue", f"Here is the conversation:\n\n{LONG_TALK}", tokenizer).text == LONG_TALK
    assert parse("dialogue", LONG_TALK.replace("Ben", "Anna"), tokenizer).error == "parse:no_dialogue"
    assert parse("dialogue", "Just prose about the sea, with no speakers at all.", tokenizer).error == "parse:no_dialogue"
    assert parse("dialogue", "Anna: Hi.\nBen: Hi.", tokenizer, min_tokens=50).error == "parse:too_short"


def test_unknown_parsers_and_settings_are_user_errors():
    with pytest.raises(UserError, match="unknown parser `qa`"):
        parser_of("qa", {}, "x.yaml")
    with pytest.raises(UserError, match=r"unknown key `dialogue.min_turn` \(did you mean `min_turns`\?\)"):
        parser_of("dialogue", {"min_turn": 3}, "x.yaml")


def test_a_program_of_edits_may_not_grow_the_text_without_end(tokenizer):
    program = "\n".join(['normalize("e", "' + "e" * 40 + '")'] * 5)
    context = Context(tokenizer, {"passage": "The tide rises where the sea meets the land."})
    assert parser_of("edits", {}, "test")(program, context).error == "rejected:grown"
    assert parser_of("edits", {}, "test")('normalize("tide", "sea tide")', context).text.startswith("The sea tide rises")
