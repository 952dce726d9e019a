"""Key points of a passage, and which of them its rewrite keeps, loses, contradicts: as a recipe, and as steps of another."""

from __future__ import annotations

import json

import pytest

from rephrase.engines.base import Completion
from rephrase.errors import UserError
from rephrase.recipes.base import Parsed, Row
from rephrase.recipes.catalogue import catalogue, find_recipes
from rephrase.recipes.parsers import parser_of
from rephrase.recipes.parsing.common import Context
from rephrase.records import Document, Generation
from tests.rephrase.recipes.play import cut, play

REWRITE = "The Moon makes the tide rise once a day."
PAIR = Document("d", "The tide rises twice a day. The Moon pulls the sea. Sailors wait for it.", metadata={"rewrite": REWRITE})
POINTS = "- The tide rises twice a day.\n- The Moon pulls the sea.\n- Sailors wait for the tide."
VERDICTS = {"of": "points", "labels": ["kept", "lost", "contradicted"]}

OWN = """\
family: mine
passage_tokens: 300
styles:
  plainer:
    steps:
      - {name: plain, prompt: "Say it plainly.\\n\\n{passage}"}
      - {name: points, parser: {bullets: {numbered: true}}, prompt: "List the points.\\n\\n{passage}"}
      - name: compare
        parser: {verdicts: {of: points, labels: [kept, lost, contradicted]}}
        keep: {score: 0.6}
        text: "{plain}"
        prompt: "Which are kept?\\n\\n{points}\\n\\n{plain}"
"""


def read(completion: str, tokenizer) -> Parsed:
    context = Context(tokenizer, {"points": "1. The tide rises.\n2. The Moon pulls.\n3. Sailors wait."})
    return parser_of("verdicts", VERDICTS, "test")(completion, context)


def test_points_are_listed_and_compared_with_the_rewrite(tokenizer):
    played = play("label/faithful", PAIR, {"points": POINTS, "compare": "1. contradicted\n2. kept\n3. lost"}, tokenizer)
    assert REWRITE not in played.prompts["points"][0], "the points are the passage's own"
    [asked] = played.prompts["compare"]
    assert "1. The tide rises twice a day.\n2. The Moon pulls the sea.\n3. Sailors wait for the tide." in asked
    assert REWRITE in asked
    assert played.texts("points") == played.texts("compare") == [], "a label is no training text"
    [fields] = played.fields("compare")
    assert (fields["kept"], fields["lost"], fields["contradicted"], fields["score"]) == (1, 1, 1, pytest.approx(1 / 3))
    assert fields["verdicts"][0] == {"item": "The tide rises twice a day.", "verdict": "contradicted"}


def test_the_rewrite_must_be_there(tokenizer):
    with pytest.raises(UserError, match=r"no `rewrite` in its metadata.*input\.fields\.also"):
        play("label/faithful", Document("d", PAIR.text), {}, tokenizer)


@pytest.mark.parametrize(
    "completion",
    [
        "1. kept\n2. lost\n3. contradicted",
        "1: kept (the Moon moves it)\n2: lost, as nothing is said of pulling\n3: contradicted",
        "Here they are:\n\n**1.** Kept\n**2.** Lost\n**3.** Contradicted",
        "Point 1: kept\nPoint 2: lost\nPoint 3: contradicted",
        "1. The tide rises. - kept\n2. The Moon pulls. - lost\n3. Sailors wait. - contradicted",
        "- kept\n- lost\n- contradicted",
        "| 1 | kept |\n| 2 | lost |\n| 3 | contradicted |",
    ],
)
def test_verdicts_are_read_however_they_are_written(completion, tokenizer):
    parsed = read(completion, tokenizer)
    assert parsed.error is None
    assert [pair["verdict"] for pair in parsed.fields["verdicts"]] == ["kept", "lost", "contradicted"]


@pytest.mark.parametrize(
    "completion",
    ["1. kept\n2. lost", "1. kept\n1. lost\n2. kept", "1. kept\n2. kept\n3. kept\n4. kept", "kept or lost", "All are kept.", ""],
    ids=["one is missing", "two of one", "one too many", "both", "of none by itself", "nothing"],
)
def test_an_answer_that_does_not_say_it_of_each_is_none(completion, tokenizer):
    assert read(completion, tokenizer).error == "parse:no_verdicts"


@pytest.mark.parametrize(
    ("completion", "points"),
    [
        ("The tide rises twice a day.\nThe Moon pulls the sea.", ["The tide rises twice a day.", "The Moon pulls the sea."]),
        ("The tide rises twice a day. The Moon pulls the sea.", ["The tide rises twice a day.", "The Moon pulls the sea."]),
        ("Here are the key points:\n\nThe tide rises.\nThe tide rises.\nThe Moon pulls.", ["The tide rises.", "The Moon pulls."]),
        ("Points of the text:\nThe tide rises.\nThe Moon pulls.", ["The tide rises.", "The Moon pulls."]),
        ("潮は日に二度満ちる。月が海を引く。", ["潮は日に二度満ちる。", "月が海を引く。"]),
        ("The key points:\n- The tide rises.\n- The Moon pulls.", ["The tide rises.", "The Moon pulls."]),
    ],
    ids=["lines", "prose", "an assistant's lead-in and a repeat", "a heading", "Japanese", "bullets"],
)
def test_points_without_bullets_are_lines_or_sentences(completion, points, tokenizer):
    parsed = parser_of("bullets", {"numbered": True}, "test")(completion, Context(tokenizer))
    assert parsed.text.splitlines() == [f"{number}. {point}" for number, point in enumerate(points, 1)]


def test_a_sentence_alone_is_no_list_of_points(tokenizer):
    assert parser_of("bullets", {"numbered": True}, "test")("I cannot list the points.", Context(tokenizer)).error == "parse:empty"


def test_a_list_that_is_not_numbered_drops_its_first_line_as_published(tokenizer):
    parsed = parser_of("bullets", {}, "test")("The tide rises.\nThe Moon pulls.", Context(tokenizer))
    assert parsed.text == "The Moon pulls."


def test_points_and_verdicts_are_held_to_json(tokenizer):
    asked = []

    def verdicts(prompt: str) -> str:
        asked.append(prompt)
        return '{"1": "contradicted", "2": "lost"}'

    listed = '{"items": ["- The tide rises twice a day.", "The Moon pulls the sea.", "The Moon pulls the sea."]}'
    played = play("label/faithful", PAIR, {"points": listed, "compare": verdicts}, tokenizer, structured=True)
    [fields] = played.fields("compare")
    assert [pair["verdict"] for pair in fields["verdicts"]] == ["contradicted", "lost"]
    assert "1. The tide rises twice a day.\n2. The Moon pulls the sea.\n" in asked[0]
    assert asked[0].endswith('{"1": "…", "2": "…", …}, with one of these words for each number, in order: kept, lost, contradicted.')


def test_a_verdict_is_held_to_a_word_for_each_point(tokenizer):
    [recipe] = find_recipes({"use": "label/faithful", "structured": True})
    fields = json.dumps({"points": "1. The tide rises.\n2. The Moon pulls.\n3. Sailors wait.", "rewrite": REWRITE})
    listed = Generation("g1", "points", "", 0, len(PAIR.text), "", None, fields, None, 1, finish_reason="stop")
    [prompt] = recipe.steps[1].prompts(Row(PAIR, {"points": [listed]}), tokenizer)
    schema = json.loads(prompt.schema)
    assert schema["required"] == ["1", "2", "3"]
    assert schema["properties"]["3"]["enum"] == VERDICTS["labels"]
    for answer in '{"1": "kept", "2": "kept"}', '{"1": "kept", "2": "kept", "3": "fine"}':
        assert recipe.steps[1].parse(prompt, Completion(answer, "stop"), tokenizer).error == "parse:no_verdicts"


def test_what_is_cut_is_no_verdict(tokenizer):
    played = play("label/faithful", PAIR, {"points": POINTS, "compare": cut("1. kept\n2. kept\n3. kept")}, tokenizer)
    assert set(played.errors("compare")) == {"parse:truncated"}


@pytest.mark.parametrize(("verdicts", "texts"), [("1. kept\n2. kept\n3. lost", ["Plainly."]), ("1. kept\n2. lost\n3. lost", [])])
def test_the_same_steps_judge_the_rewrites_of_any_recipe_file(verdicts, texts, tmp_path, tokenizer):
    path = tmp_path / "mine.yaml"
    path.write_text(OWN)
    played = play(str(path), PAIR.text, {"plain": "Plainly.", "points": POINTS, "compare": verdicts}, tokenizer)
    assert played.texts("compare") == texts
    assert played.texts("plain") == [], "only what is judged is training text"
    assert texts or played.errors("compare") == ["rejected:score"]


def test_key_facts_are_brief_and_judged_without_chance():
    points, compare = catalogue()["label/faithful"].steps
    assert "two or three persons, things or numbers" in points.prompt, "FineSurE: two to three entities at most"
    assert (points.sampling.temperature, compare.sampling.temperature) == (0, 0)
