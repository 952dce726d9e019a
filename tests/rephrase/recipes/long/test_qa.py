"""`long/qa`: every question kept shows, by quotes that stand in the document, that it takes two places far apart."""

from __future__ import annotations

import json

import pytest

from rephrase.recipes.long.places import find_quote, with_insertions
from tests.rephrase.recipes.long.texts import chronicle
from tests.rephrase.recipes.play import play

FIRST = "In that spring Maren Holt bought the ferry for nine crowns."
SECOND = "Long after, they say that Maren Holt sold the ferry for forty crowns."
DOCUMENT = chronicle(40, facts={1: FIRST, 38: SECOND})
OPTIONS = {"part_tokens": 300, "least_distance": 1000, "pairs": 1}


def reply(**changes: str) -> str:
    entry = {
        "question": "How much did Maren Holt gain by the ferry?",
        "answer": "31 crowns: she bought it for nine and sold it for forty.",
        "first_quote": "Maren Holt bought the  ferry for nine crowns",
        "second_quote": "“sold the ferry for forty crowns.”",
    }
    return json.dumps({"questions": [entry | changes]})


def test_parts_that_share_a_rare_name_are_shown_and_the_quotes_are_found(tokenizer):
    played = play("long/qa", DOCUMENT, {"ask": reply(), "check": "Yes."}, tokenizer, **OPTIONS)
    [prompt] = played.prompts["ask"]
    assert FIRST in prompt
    assert SECOND in prompt
    assert tokenizer.count([prompt])[0] < 1000, "two parts, not the document"
    [entry] = played.fields("ask")[0]["questions"]
    assert [DOCUMENT[start:end] for start, end in entry["evidence"]] == [FIRST[15:-1], SECOND[-32:-1]]
    between = tokenizer.count([DOCUMENT[entry["evidence"][0][1] : entry["evidence"][1][0]]])[0]
    assert abs(entry["distance"] - between) <= 20
    assert entry["distance"] >= 1000


@pytest.mark.parametrize("layout", ["inside", "behind"])
def test_the_text_is_the_document_with_its_questions(tokenizer, layout):
    played = play("long/qa", DOCUMENT, {"ask": reply(), "check": "yes"}, tokenizer, **OPTIONS, layouts=[layout])
    [text] = played.texts("check")
    pair = "Question: How much did Maren Holt gain by the ferry?\nAnswer: 31 crowns: she bought it for nine and sold it for forty."
    assert text.count(pair) == 1
    assert "".join(text.replace(pair, "").split()) == "".join(DOCUMENT.split()), "not a word of the document is lost"
    assert text.endswith(pair) == (layout == "behind")
    assert text.index(pair) > text.index(SECOND)
    assert played.rows["check"][-1]["span_end"] == len(DOCUMENT)
    assert played.rows["check"][-1]["synthetic_depth"] == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(first_quote="Maren Holt stole the ferry"), "rejected:no_evidence"),
        (reply(second_quote="forty"), "rejected:no_evidence"),
        (reply(first_quote="sold the ferry for forty crowns"), "rejected:no_evidence"),
        ('{"questions": []}', "parse:no_questions"),
        ("I cannot help with that.", "parse:no_questions"),
        ('{"questions": [{"question": "Why?"}]}', "parse:no_questions"),
    ],
)
def test_what_has_no_evidence_is_an_error(tokenizer, answer, error):
    played = play("long/qa", DOCUMENT, {"ask": answer}, tokenizer, **OPTIONS)
    assert played.errors("ask") == [error]
    assert played.prompts["check"] == []


def test_quotes_that_stand_too_near_are_an_error_and_short_documents_give_nothing(tokenizer):
    near = {**OPTIONS, "least_distance": 900, "part_tokens": 400}
    document = chronicle(24, facts={0: SECOND, 23: "Maren Holt."})
    shown = play("long/qa", document, {"ask": ""}, tokenizer, **near).prompts["ask"]
    assert len(shown) == 1
    first, second = shown[0].split("First passage:\n")[1].split("\n\nSecond passage:\n")
    last, start = " ".join(first.split()[-6:]), " ".join(second.split()[:6])
    too_far = {**near, "least_distance": 100_000}
    assert play("long/qa", document, {"ask": reply()}, tokenizer, **too_far).rows["ask"] == []
    apart = play("long/qa", document, {"ask": reply(first_quote=last, second_quote=start)}, tokenizer, **near)
    [entry] = apart.fields("ask")[0]["questions"]
    assert entry["distance"] >= near["least_distance"]


def test_the_judge_drops_questions_and_can_be_left_out(tokenizer):
    played = play("long/qa", DOCUMENT, {"ask": reply(), "check": "No, one is enough."}, tokenizer, **OPTIONS)
    assert played.errors("check") == ["rejected:no"]
    assert played.texts("check") == []
    assert "31 crowns" in played.prompts["check"][0]
    assert SECOND in played.prompts["check"][0]
    assert len(play("long/qa", DOCUMENT, {"ask": reply()}, tokenizer, **OPTIONS, check=False).texts("ask")) == 1


def test_the_judge_can_be_held_to_its_words_and_answers_in_those_whatever_the_language(tokenizer):
    scripts = {"ask": reply(), "check": '{"label": "no"}'}
    played = play("long/qa", DOCUMENT, scripts, tokenizer, structured=True, language="de", **OPTIONS)
    [asked] = played.prompts["check"]
    assert asked.endswith('{"label": "…"}, with one of these words: yes, no.')
    assert "ohne Übersetzung" in played.prompts["ask"][0]
    assert played.errors("check") == ["rejected:no"]


@pytest.mark.parametrize(
    ("quote", "text", "span"),
    [
        ("the sea falls at night", "So the\nsea  falls at night.", (3, 26)),
        ("he said “it falls slowly”", 'Then he said "it falls slowly".', (5, 29)),
        ("the sea falls at night", "The sea rises at night.", None),
        ("sea", "The sea.", None),
        ("he sea falls at night", "The sea falls at night.", None),
        ("the sea rose in 175", "The year when the sea rose in 1759.", None),
        ("潮水一天涨落两次而月亮牵引大海", "人们说：潮水一天涨落两次而月亮牵引大海。", (4, 19)),
    ],
)
def test_quotes_are_found_word_for_word(quote, text, span):
    assert find_quote(quote, text, 12) == span


def test_insertions_keep_their_order_and_the_text():
    assert with_insertions("One.\n\nTwo.", [(4, "a"), (10, "b"), (4, "c")]) == "One.\n\na\n\nc\n\nTwo.\n\nb"
    assert with_insertions("One. ", []) == "One."
