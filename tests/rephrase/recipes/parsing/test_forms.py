"""The JSON forms of parsers: each schema takes the answers that it should, and they give what the same said as text gives."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from rephrase.recipes.parsers import FORMS, form_of, parser_of
from rephrase.recipes.parsing.common import Context

PAIRS = {"pairs": [{"question": "What rises?", "answer": "The tide.\nTwice a day."}, {"question": "Why?", "answer": "The Moon."}]}
AS_TEXT = "Question: What rises?\nAnswer: The tide.\nTwice a day.\n\nQuestion: Why?\nAnswer: The Moon."
# parser, settings, an answer as JSON, the same answer as text
SAME = [
    ("bullets", {}, {"items": ["The tide rises.", "- The Moon pulls."]}, "- The tide rises.\n- The Moon pulls."),
    ("bullets", {"numbered": True}, {"items": ["It rises.", "It falls."]}, "It rises.\nIt falls."),
    ("bullets", {"min_tokens": 50}, {"items": ["It rises."]}, "- It rises."),
    ("items", {}, {"items": ["Draw a map", "Ask why"]}, "- Draw a map\n- Ask why"),
    ("items", {"max_items": 1}, {"items": ["1. **Draw** a map", "Ask why"]}, "1. **Draw** a map\n2. Ask why"),
    ("items", {"min_words": 2}, {"items": ["Map", "Ask why", "Ask why"]}, "- Map\n- Ask why\n- Ask why"),
    ("items", {"min_items": 3}, {"items": ["a", "b", "b"]}, "- a\n- b\n- b"),
    (
        "objects",
        {"fields": ["genre", "audience"]},
        {"items": [{"genre": "ode", "audience": "all"}] * 2},
        '[{"genre": "ode", "audience": "all"}]',
    ),
    ("objects", {"fields": ["genre"], "min_items": 2}, {"items": [{"genre": "ode"}, {"genre": " "}]}, '[{"genre": "ode"}]'),
    ("sections", {"fields": ["question", "answer"]}, PAIRS["pairs"][0], AS_TEXT.partition("\n\n")[0]),
    ("sections", {"fields": ["task"], "optional": ["hint"]}, {"task": "Task: Sail.", "hint": ""}, "Task: Sail."),
    ("sections", {"fields": ["task", "answer"]}, {"task": "Sail.", "answer": " "}, "Task: Sail."),
    ("marked", {"marker": "Rewritten text:"}, {"text": "The tide rises.\nIt falls."}, "Rewritten text:\nThe tide rises.\nIt falls."),
    ("marked", {"marker": "Rewritten text:"}, {"text": "**Rewritten text:** The tide."}, "Rewritten text: The tide."),
    ("marked", {"marker": "Rewritten text:", "min_tokens": 50}, {"text": "The tide."}, "Rewritten text: The tide."),
    ("marked", {"marker": "Rewritten text:"}, {"text": " "}, "Rewritten text:"),
    ("tag", {"name": "instruction"}, {"instruction": "Draw a map."}, "<instruction>\nDraw a map.\n</instruction>"),
    ("tag", {"name": "instruction"}, {"instruction": ""}, "<instruction></instruction>"),
    ("score", {}, {"score": 4}, "Score: 4"),
    ("score", {"low": 0, "high": 1}, {"score": 0.25}, "Score: 0.25"),
    ("score", {}, {"score": 6}, "Score: 6"),
    ("label", {"labels": ["yes", "no"]}, {"label": "no"}, "no"),
    ("label", {"labels": ["yes", "no"], "reject": ["no"]}, {"label": "no"}, "no"),
    ("questions", {}, PAIRS, AS_TEXT),
    ("questions", {"min_pairs": 3}, PAIRS, AS_TEXT),
    ("questions", {"min_tokens": 500}, PAIRS, AS_TEXT),
    ("questions", {}, {"pairs": [{"question": "**Question:** Why?", "answer": "Answer: So."}]}, "Question: Why?\nAnswer: So."),
    ("questions", {}, {"pairs": [{"question": "Why?", "answer": ""}]}, "Question: Why?"),
    ("diverse_questions", {"max_pairs": 1}, PAIRS, AS_TEXT),
    ("diverse_questions", {}, {"pairs": []}, "None."),
]


@pytest.mark.parametrize(("name", "settings", "data", "text"), SAME)
def test_json_gives_what_the_same_answer_as_text_gives(name, settings, data, text, tokenizer):
    form, context = form_of(name, settings, 600, "test"), Context(tokenizer, {"passage": "The tide rises."}, drawn_by=("s",))
    parsed = form.parse(json.dumps(data), context)
    assert parsed == parser_of(name, settings, "test")(text, context)
    assert form.parse(f"```json\n{json.dumps(data, indent=1)}\n```", context) == parsed


BOUNDS = [
    ("bullets", {}, [{"items": ["a", "b"]}], [{"items": []}, {"items": list("abcdefghijklmnopqrstuvwxyz")}, {"items": [" "]}]),
    ("verdicts", {"of": "points", "labels": ["kept", "lost"]}, [{"1": "lost"}], [{}, {"1": "fine"}, {"1": "kept", "2": "kept"}]),
    (
        "items",
        {"min_items": 2, "max_items": 3},
        [{"items": ["a", "b"]}],
        [{"items": ["a"]}, {"items": list("abcd")}, {"items": [1, 2]}, ["a", "b"]],
    ),
    ("objects", {"fields": ["a", "b"]}, [{"items": [{"a": "x", "b": "y"}]}], [{"items": [{"a": "x"}]}, {"items": [{"a": "x", "b": 1}]}]),
    ("sections", {"fields": ["a"], "optional": ["b"]}, [{"a": "x", "b": ""}], [{"a": "x"}, {"a": "x", "b": "", "c": ""}]),
    ("marked", {"marker": "Text:"}, [{"text": "x"}], [{}, {"text": 1}, {"marked": "x"}]),
    ("tag", {"name": "a"}, [{"a": "x"}], [{"text": "x"}, {"a": ["x"]}]),
    ("score", {}, [{"score": n} for n in range(1, 6)], [{"score": n} for n in (0, 6, 2.5, "3")]),
    ("score", {"low": 0, "high": 1}, [{"score": 0}, {"score": 0.5}], [{"score": 1.5}]),
    ("label", {"labels": ["yes", "no"]}, [{"label": "yes"}], [{"label": "Yes."}, {}]),
    ("questions", {}, [PAIRS], [{"pairs": []}, {"pairs": [{"question": "Why?"}]}]),
    ("diverse_questions", {"max_pairs": 2}, [PAIRS], [{"pairs": PAIRS["pairs"] * 2}]),
]


@pytest.mark.parametrize(("name", "settings", "valid", "invalid"), BOUNDS)
def test_a_schema_takes_answers_of_its_form_and_no_others(name, settings, valid, invalid):
    schema = json.loads(form_of(name, settings, 600, "test").schema_text)
    Draft202012Validator.check_schema(schema)
    check = Draft202012Validator(schema).is_valid
    assert all(map(check, valid))
    assert not any(map(check, invalid))


def test_every_object_of_a_schema_is_closed_as_strict_modes_want_it():
    def objects(schema):
        if schema["type"] == "object":
            yield schema
        for part in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
            yield from objects(part)

    for name in FORMS:
        schema = form_of(name, next(settings for parser, settings, *_ in BOUNDS if parser == name), 600, "test").schema
        assert schema["type"] == "object"
        for inner in objects(schema):
            assert (inner["additionalProperties"], inner["required"]) == (False, list(inner["properties"]))


def test_what_comes_first_in_an_answer_comes_first_in_its_schema():
    questions = form_of("questions", {}, 600, "test")
    assert questions.schema_text.index("question") < questions.schema_text.index("answer")
    sections = form_of("sections", {"fields": ["task", "answer"]}, 600, "test")
    assert sections.schema_text.index("task") < sections.schema_text.index("answer")
    assert '{"task": "…", "answer": "…"}' in sections.closing


LOOP = "so " * 1000
LOOP_OF_SENTENCES = "The tide rises. " * 1000


def bounded(name: str, settings: dict) -> dict[str, int]:
    """The bounds of an entry's texts, in characters, by field."""
    [entries] = form_of(name, settings, 600, "test").schema["properties"].values()
    entry = entries["items"]
    return {field: part["maxLength"] for field, part in entry.get("properties", {"": entry}).items()}


@pytest.mark.parametrize(
    ("name", "settings", "entry", "field"),
    [
        ("items", {}, lambda text: text, ""),
        ("objects", {"fields": ["a", "b"]}, lambda text: {"a": "x", "b": text}, "b"),
        ("questions", {}, lambda text: {"question": text, "answer": "So."}, "question"),
        ("questions", {}, lambda text: {"question": "Why is it?", "answer": text}, "answer"),
        ("diverse_questions", {}, lambda text: {"question": "Why is it?", "answer": text}, "answer"),
    ],
)
def test_a_text_that_is_ended_at_its_bound_is_read_to_its_last_sentence_and_left_out_where_it_has_none(
    name, settings, entry, field, tokenizer
):
    form = form_of(name, settings, 600, "test")
    [list_name], bound = form.schema["properties"], bounded(name, settings)[field]

    def parsed(*entries):
        assert Draft202012Validator(form.schema).is_valid({list_name: list(entries)})
        return form.parse(json.dumps({list_name: entries}), Context(tokenizer, {"passage": "The tide rises."}, drawn_by=("s",)))

    plain = entry("Draw a map.")
    assert parsed(entry(LOOP[:bound]), plain) == parsed(plain), "no sentence ends"
    whole = LOOP_OF_SENTENCES[:bound].rpartition(".")[0] + "."
    assert bound > len(whole) + 1, "the bound is amid a sentence"
    assert parsed(entry(LOOP_OF_SENTENCES[:bound])) == parsed(entry(whole))
    assert not Draft202012Validator(form.schema).is_valid({list_name: [entry(LOOP[: bound + 1])]})


@pytest.mark.parametrize(
    ("name", "settings", "field"),
    [
        ("marked", {"marker": "Text:"}, "text"),
        ("tag", {"name": "rewritten"}, "rewritten"),
        ("sections", {"fields": ["task", "answer"]}, "answer"),
        ("sections", {"fields": ["task"], "optional": ["answer"]}, "answer"),
    ],
)
def test_a_single_text_that_is_ended_at_its_bound_is_read_to_its_last_sentence_and_told_to_be_cut(name, settings, field, tokenizer):
    form = form_of(name, settings, 600, "test")
    bound = form.schema["properties"][field]["maxLength"]

    def parsed(text):
        data = dict.fromkeys(form.schema["properties"], "Draw a map.") | {field: text}
        assert Draft202012Validator(form.schema).is_valid(data)
        return form.parse(json.dumps(data), Context(tokenizer, {"passage": "The tide rises."}))

    looped = f"Water moves. {LOOP_OF_SENTENCES}"[:bound]
    whole = looped.rpartition(".")[0] + "."
    assert len(whole) + 1 < bound, "the bound is amid a sentence"
    assert parsed(looped) == replace(parsed(whole), cut=True)
    assert not parsed(whole).cut
    assert parsed(LOOP[:bound]).error == "parse:truncated", "no sentence ends"


@pytest.mark.parametrize("max_tokens", [100, 512, 2048])
@pytest.mark.parametrize(
    ("name", "settings"), [("marked", {"marker": "Text:"}), ("tag", {"name": "a"}), ("sections", {"fields": ["a", "b"], "optional": ["c"]})]
)
def test_the_longest_texts_fill_an_answer(name, settings, max_tokens):
    parts = form_of(name, settings, max_tokens, "test").schema["properties"].values()
    assert 0.8 * max_tokens <= sum(part["maxLength"] for part in parts) / 4 <= max_tokens


@pytest.mark.parametrize(("characters", "valid"), [(200, True), (199, False), (0, False)])
def test_a_text_is_about_as_long_as_its_recipe_wants_it_at_least(characters, valid):
    check = Draft202012Validator(form_of("marked", {"marker": "Text:", "min_tokens": 50}, 600, "test").schema)
    assert check.is_valid({"text": "a" * characters}) is valid


@pytest.mark.parametrize(("text", "valid"), [("1", True), ("", False), (" ", False)])
def test_a_text_is_not_empty(text, valid):
    check = Draft202012Validator(form_of("tag", {"name": "a"}, 600, "test").schema)
    assert check.is_valid({"a": text}) is valid


@pytest.mark.parametrize(
    ("name", "settings", "cut", "whole"),
    [
        ("items", {}, '{"items":["Draw a map","Ask', {"items": ["Draw a map"]}),
        ("items", {}, '{ "items" : [ "Draw a map" , "Ask why" , ', {"items": ["Draw a map", "Ask why"]}),
        ("objects", {"fields": ["a"]}, '{"items":[{"a":"ode"},{"a":"so', {"items": [{"a": "ode"}]}),
        (
            "questions",
            {},
            '{"pairs":[{"question":"Why?","answer":"So."},{"question":"Wh',
            {"pairs": [{"question": "Why?", "answer": "So."}]},
        ),
    ],
)
def test_the_entries_before_the_cut_of_a_list_are_whole(name, settings, cut, whole, tokenizer):
    form, context = form_of(name, settings, 600, "test"), Context(tokenizer)
    assert form.parse_cut(cut, context) == form.parse(json.dumps(whole), context)


@pytest.mark.parametrize(
    ("name", "settings", "cut"),
    [
        ("items", {}, '{"items":["Draw a m'),
        ("items", {"min_items": 2}, '{"items":["Draw a map","Ask'),
        ("items", {}, '{"items":[["a"],"b'),
        ("items", {}, '{"items":[' * 2000),
        ("items", {}, '{"items":' + "[" * 100_000),
        ("items", {}, '{"items":[' + "9" * 10_000 + ","),
        ("items", {}, '{"items":["\\ud83d","Draw a map","'),
        ("items", {}, "Draw a map"),
        ("marked", {"marker": "Text:"}, '{"text":"The tide rises. It'),
        ("sections", {"fields": ["a", "b"]}, '{"a":"The tide rises.","b":"It'),
        ("score", {}, '{"score":4'),
    ],
)
def test_a_cut_answer_of_any_other_form_gives_nothing(name, settings, cut, tokenizer):
    assert form_of(name, settings, 600, "test").parse_cut(cut, Context(tokenizer)) is None


@pytest.mark.parametrize("max_tokens", [100, 512, 600, 768, 1024, 1536, 4096])
@pytest.mark.parametrize(
    ("name", "settings"), [("questions", {}), ("diverse_questions", {}), ("items", {}), ("objects", {"fields": ["a", "b"]})]
)
def test_a_list_of_the_longest_texts_is_about_as_long_as_an_answer_may_be(name, settings, max_tokens):
    [entries] = form_of(name, settings, max_tokens, "test").schema["properties"].values()
    entry = entries["items"]
    longest = sum(part["maxLength"] for part in entry.get("properties", {"": entry}).values())
    assert entries["maxItems"] * longest / 4 <= max(1.2 * max_tokens, entries["maxItems"] * 30 * len(entry.get("properties", "1")))
    assert longest >= 40


def test_few_tokens_still_give_as_many_pairs_as_a_recipe_asks_for():
    [entries] = form_of("questions", {"min_pairs": 5}, 300, "test").schema["properties"].values()
    assert (entries["minItems"], entries["maxItems"]) == (5, 5)


@pytest.mark.parametrize("text", ["Draw a map", "\u201cDraw\u201d it", '"Why" is it', "3D maps", "地图怎么画", "Ärger", "карта"])
def test_an_entry_begins_with_a_word(text):
    assert Draft202012Validator(form_of("items", {}, 600, "test").schema).is_valid({"items": [text]})


@pytest.mark.parametrize("text", ["1", "2.2.2.2", "...", "", "- map", "1. map", "1784 was wet"])
def test_an_entry_is_no_number_and_no_mark(text):
    assert not Draft202012Validator(form_of("items", {}, 600, "test").schema).is_valid({"items": [text]})


@pytest.mark.parametrize(
    ("text", "valid"), [("Draw a map", True), ("3D maps are", True), ("Two words", False), ("[]void 0", False), ("画地图吧", True)]
)
def test_an_entry_has_as_many_words_as_the_parser_wants(text, valid):
    check = Draft202012Validator(form_of("items", {"min_words": 3}, 600, "test").schema)
    assert check.is_valid({"items": [text]}) is valid


@pytest.mark.parametrize(
    "completion", ["Question: Why?\nAnswer: So.", '{"pairs": [{"question": "Why?"', '{"pairs": "none"}', '{"questions": []}', "[]"]
)
def test_what_is_no_such_json_is_left_to_the_parser_of_text(completion, tokenizer):
    assert form_of("questions", {}, 600, "test").parse(completion, Context(tokenizer)) is None
