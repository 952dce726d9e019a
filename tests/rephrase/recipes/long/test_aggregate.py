"""`long/aggregate`: what is counted is right, whatever the model writes; a question that does not name its words is dropped."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from rephrase.recipes.long.counting import common_words, facts_of, joining_words, occurrences, words_of
from rephrase.recipes.long.stretches import sections_of, stretches_of
from rephrase.recipes.prompts import flow_prompts
from tests.rephrase.recipes.long.texts import chronicle
from tests.rephrase.recipes.play import play

DOCUMENT = chronicle(60)


def asks(prompt: str) -> str:
    """A question for each point, as it is told."""
    points = re.findall(r"(?m)^(\d+)\. (.*)$", prompt)
    return "\n".join(f"{number}. Could you say {point}?" for number, point in points)


@pytest.mark.parametrize("over", ["so_far", "stretch"])
def test_every_answer_is_the_count_of_what_was_read(tokenizer, over):
    played = play("long/aggregate", DOCUMENT, {"questions": asks}, tokenizer, over=over)
    [text] = played.texts("questions")
    checked = 0
    for row in played.rows["questions"]:
        if row["text"] is None:
            start = 0 if over == "so_far" else row["span_start"]
            stretch = Counter(re.findall(r"[a-z]+", DOCUMENT[start : row["span_end"]].lower()))
            for pair in json.loads(row["fields"])["questions"]:
                names = re.findall("“(.*?)”", pair["question"])
                assert [stretch[name] for name in names] == pair["counts"]
                best = max(names, key=lambda name: stretch[name])
                assert str(stretch[best]) in pair["answer"]
                assert len(names) == 1 or f"“{best}”" in pair["answer"].split(" ")[0], "the most common one is named first"
                assert f"Question: {pair['question']}\nAnswer: {pair['answer']}" in text
                checked += 1
    assert checked >= 10
    kinds = {pair["kind"] for pair in played.fields("questions")[-1]["questions"]}
    assert kinds == {"count", "compare", "most"}


def test_the_document_is_whole_and_questions_stand_behind_their_stretch(tokenizer):
    played = play("long/aggregate", DOCUMENT, {"questions": asks}, tokenizer)
    [text] = played.texts("questions")
    titles = flow_prompts("long/aggregate")["title"]
    rest = "\n\n".join(part for part in text.split("\n\n") if not part.startswith("Question: ") and part not in titles)
    assert "".join(rest.split()) == "".join(DOCUMENT.split())
    stretches = [row for row in played.rows["questions"] if row["text"] is None]
    assert len(stretches) > 2
    for row in stretches:
        pairs = [f"Question: {pair['question']}\nAnswer: {pair['answer']}" for pair in json.loads(row["fields"])["questions"]]
        last = DOCUMENT[row["span_end"] - 60 : row["span_end"]].strip()
        behind = text[text.index(last) + len(last) :].split("\n\n")
        assert behind[2 : 2 + len(pairs)] == pairs


def test_the_model_does_not_see_the_counts_and_published_numbers_hold(tokenizer):
    texts = flow_prompts("long/aggregate")
    assert texts["stretch"] == {"least_tokens": 4096, "least_share": 0.25, "most_tokens": 65536, "most_share": 0.5}
    assert (texts["excerpt_characters"], texts["common_words"], texts["questions"]) == (500, 10, 5)
    assert texts["sections"] == {"least_characters": 500, "more_than": 3}
    played = play("long/aggregate", DOCUMENT, {"questions": asks}, tokenizer)
    for prompt in played.prompts["questions"]:
        excerpt = prompt.split("long text:\n\n")[1].split("…\n\n")[0]
        assert 500 <= len(excerpt) < 530
        points = re.findall(r"(?m)^\d+\. .*$", prompt)
        assert len(points) == 5
        assert not any(re.search(r"\d", point.split(". ", 1)[1]) for point in points)
    assert play("long/aggregate", chronicle(3), {"questions": asks}, tokenizer).rows["questions"] == [], "three sections are too few"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("1. How often is it said?\n2. Which is it?", "rejected:no_word"),
        ("What is it about?", "parse:no_questions"),
        ("", "parse:empty"),
    ],
)
def test_questions_that_do_not_name_their_words_are_errors(tokenizer, answer, error):
    played = play("long/aggregate", DOCUMENT, {"questions": answer}, tokenizer)
    assert set(played.errors("questions")) == {error}
    assert played.texts("questions") == []


@pytest.mark.parametrize("told", ["{point}: 7 times.", "{point} (7)?", "{inside}?"])
def test_what_names_another_word_or_gives_an_answer_is_no_question(tokenizer, told):
    def answer(prompt: str) -> str:
        points = re.findall(r"(?m)^(\d+)\. (.*)$", prompt)
        return "\n".join(f"{n}. " + told.format(point=point, inside=re.sub("“(.*?)”", r"“\1ing”", point)) for n, point in points)

    assert set(play("long/aggregate", DOCUMENT, {"questions": answer}, tokenizer).errors("questions")) == {"rejected:no_word"}


@pytest.mark.parametrize(("point", "turned"), [("more often", "less often"), ("most often", "least often"), ("is used", "is not used")])
def test_a_question_whose_sense_is_turned_is_dropped(tokenizer, point, turned):
    def answer(prompt: str) -> str:
        return asks(prompt).replace(point, turned)

    whole = play("long/aggregate", DOCUMENT, {"questions": asks}, tokenizer).fields("questions")
    asked = [pair["question"] for fields in whole for pair in fields["questions"]]
    left = play("long/aggregate", DOCUMENT, {"questions": answer}, tokenizer).fields("questions")
    kept = [pair["question"] for fields in left if "questions" in fields for pair in fields["questions"]]
    assert any(point in question for question in asked)
    assert sorted(kept) == sorted(question for question in asked if point not in question)


def test_what_a_model_lists_must_stand_in_its_part_and_is_counted_by_rule(tokenizer):
    facts = {number: f"Maren Holt met {name} there." for number, name in enumerate(["Jan Visser", "Ola Berg", "Ola Berg", "Ola Berg"] * 10)}
    document = chronicle(40, facts=facts)

    def listed(prompt: str) -> str:
        return "\n".join(
            f"- {name}" for name in ("Maren Holt", "Jan Visser", "Ola Berg", "King Lear") if name in prompt or name == "King Lear"
        )

    played = play("long/aggregate", document, {"list": listed, "questions": asks}, tokenizer, of="people", part_tokens=400)
    assert all("King Lear" not in fields["names"] for fields in played.fields("list"))
    assert all("people" in prompt for prompt in played.prompts["list"])
    pairs = played.fields("questions")[-1]["questions"]
    assert pairs
    assert {name for pair in pairs for name in re.findall("“(.*?)”", pair["question"])} <= {"Maren Holt", "Jan Visser", "Ola Berg"}
    nothing = play("long/aggregate", document, {"list": "none"}, tokenizer, of="planets")
    assert nothing.rows["questions"] == []
    assert set(play("long/aggregate", document, {"list": "- King Lear"}, tokenizer, of="people").errors("list")) == {"rejected:not_in_text"}


def test_words_that_join_others_are_not_counted():
    words = words_of(chronicle(60))
    joining = joining_words(words, 30)
    assert {"the", "and", "says"} <= joining
    assert "lantern" not in joining
    assert [word for word, _ in common_words(words, joining, 3)] != []
    assert common_words(["sea", "the", "sea", "of"], {"the"}, 5) == [("sea", 2)]


def test_names_are_counted_as_whole_words():
    assert occurrences("Ola Berg", "Ola  Berg met ola berg, Ola Bergen and Viola Berg.") == 2
    assert occurrences("", "a") == 0
    assert occurrences("月亮", "潮水因为月亮而涨") == 1, "where words have no bounds"


def test_facts_that_compare_have_one_answer():
    equal = facts_of([("a", 3), ("b", 3), ("c", 3), ("d", 3)], 5, [0, 1, 2, 3])
    assert {fact.kind for fact in equal} == {"count"}
    mixed = facts_of([(name, count) for count, name in enumerate("abcdefghij", 1)], 5, range(10))
    assert [fact.kind for fact in mixed] == ["count", "count", "count", "most", "compare"]


def test_stretches_are_whole_sections_that_cover_the_document(tokenizer):
    sections = sections_of(DOCUMENT, 500)
    assert [end for _, end in sections[:-1]] == [start for start, _ in sections[1:]]
    assert all(end - start >= 500 for start, end in sections)
    rules = flow_prompts("long/aggregate")["stretch"]
    made = stretches_of(DOCUMENT, sections, tokenizer, rules, "seed")
    assert (made[0][0], made[-1][1]) == (0, len(DOCUMENT))
    assert {edge for stretch in made for edge in stretch} <= {edge for section in sections for edge in section}
    whole = tokenizer.count([DOCUMENT])[0]
    assert all(tokenizer.count([DOCUMENT[start:end]])[0] <= whole / 2 + 1 for start, end in made)
    assert sections_of("Items:\n\n- one\n\n- two", 5) == [(0, 20)]
