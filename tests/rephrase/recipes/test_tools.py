"""Function calling: what is drawn, which calls are refused and by what code, and that the fields are what trainers read."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from pydantic import ValidationError

from rephrase.errors import UserError
from rephrase.recipes.catalogue import catalogue, recipes_of
from rephrase.recipes.prompts import flow_prompts
from rephrase.recipes.tools.calls import fault_of_calls, read_answer, schema_of_answer
from rephrase.recipes.tools.draws import Draw
from rephrase.recipes.tools.results import uses
from rephrase.recipes.tools.schemas import fault_of
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document
from tests.rephrase.recipes.play import play
from tests.rephrase.recipes.tool_calls import FUNCTIONS, valid_call

WEATHER, TABLE, ORDER = (FUNCTIONS[name] for name in ("get_weather_forecast", "book_table", "place_order"))
SINGLE = Draw("single", (WEATHER,), (WEATHER, TABLE))


def call(name="get_weather_forecast", **arguments):
    return {"name": name, "arguments": arguments or {"place": "Oslo", "date": "2026-05-01"}}


def row_of(kind: str, recipe: str = "tools/calls", **options) -> tuple[dict, Document]:
    options = {"kinds": {kind: 1}, "rows": 1, **options}
    [built] = recipes_of([RecipeUse(use=recipe, options=options)])
    return options, next(iter(built.rows.documents()))


def test_kinds_have_the_published_shares_and_numbers_of_functions():
    texts = flow_prompts("tools")
    assert texts["kinds"]["none_fits"] / sum(texts["kinds"].values()) == pytest.approx(7_500 / 67_500), "Hammer"
    assert texts["declared"] == [2, 4], "Berkeley Function-Calling Leaderboard"
    rows = list(catalogue()["tools/calls"].rows.documents())
    counts = Counter(row.metadata["kind"] for row in rows)
    for kind, weight in texts["kinds"].items():
        assert counts[kind] / len(rows) == pytest.approx(weight / 36, abs=0.04), kind
    for row in rows:
        kind, declared, wanted = row.metadata["kind"], row.metadata["declared"].split(", "), row.metadata["wanted"].split(", ")
        assert len(declared) == 1 if kind in ("single", "parallel") else 2 <= len(declared) <= 4
        assert len(wanted) == (2 if kind == "parallel_multiple" else 1)
        assert not set(wanted) & set(declared) if kind == "none_fits" else set(wanted) <= set(declared)
    assert rows == list(catalogue()["tools/calls"].rows.documents()), "the same everywhere"


def test_the_shipped_functions_are_a_few_dozen_with_results_that_schemas_describe():
    assert 36 <= len(FUNCTIONS) <= 60
    assert all(function.result and function.required for function in FUNCTIONS.values())
    for name, function in FUNCTIONS.items():
        assert function.fault_of_arguments(valid_call(name)["arguments"]) is None
        assert function.fault_of_arguments({**valid_call(name)["arguments"], "invented": 1}), "closed"
        assert "return" not in function.tool["function"], "OpenAI's format has no such key"


@pytest.mark.parametrize(
    ("calls", "reply", "draw", "code", "reason"),
    [
        ([call()], "", SINGLE, None, ""),
        ([call("get_weather")], "", SINGLE, "rejected:unknown_function", "`get_weather` is not declared"),
        ([call(place="Oslo")], "", SINGLE, "rejected:arguments", "'date' is a required property"),
        ([call(place="Oslo", date="tomorrow")], "", SINGLE, "rejected:arguments", "date: 'tomorrow' does not match"),
        ([call(place=7, date="2026-05-01")], "", SINGLE, "rejected:arguments", "place: 7 is not of type 'string'"),
        ([call(place="Oslo", date="2026-05-01", hour=3)], "", SINGLE, "rejected:arguments", "'hour' was unexpected"),
        ([call(place="Oslo", date="2026-05-01", units="kelvin")], "", SINGLE, "rejected:arguments", "'kelvin' is not one of"),
        ([{"name": "get_weather_forecast", "arguments": "Oslo"}], "", SINGLE, "rejected:arguments", "is not of type 'object'"),
        ([call("place_order", items=[{"product_id": "a", "quantity": 1, "gift": 1}], address="x")], "",
         Draw("single", (ORDER,), (ORDER,)), "rejected:arguments", "items.0: Additional properties"),
        ([], "It is sunny.", SINGLE, "rejected:no_call", "has none"),
        ([call(), call(place="Bergen", date="2026-05-01")], "", SINGLE, "rejected:number_of_calls", "needs one call"),
        ([call()], "", Draw("parallel", (WEATHER,), (WEATHER,)), "rejected:number_of_calls", "several calls"),
        ([call(), call()], "", Draw("parallel", (WEATHER,), (WEATHER,)), "rejected:repeated_call", "twice"),
        ([call()], "", Draw("multiple", (TABLE,), (WEATHER, TABLE)), "rejected:wrong_function", "about book_table; called: get_weather"),
        ([call()], "", Draw("parallel_multiple", (WEATHER, TABLE), (WEATHER, TABLE)), "rejected:wrong_function", "book_table"),
        ([call()], "", Draw("none_fits", (TABLE,), (WEATHER,)), "rejected:needless_call", "no function fits"),
        ([], "I cannot book tables.", Draw("none_fits", (TABLE,), (WEATHER,)), None, ""),
        ([], "", Draw("none_fits", (TABLE,), (WEATHER,)), "rejected:no_reply", "neither"),
        ([call()], "", Draw("missing_argument", (WEATHER,), (WEATHER,), "date"), "rejected:needless_call", "does not give `date`"),
        ([], "On which day?", Draw("missing_argument", (WEATHER,), (WEATHER,), "date"), None, ""),
        ([], "哪一天？", Draw("missing_argument", (WEATHER,), (WEATHER,), "date"), None, ""),
        ([], "I need the date.", Draw("missing_argument", (WEATHER,), (WEATHER,), "date"), "rejected:no_question", "`date`"),
    ],
)  # fmt: skip
def test_calls_are_held_to_what_is_declared_and_asked_for(calls, reply, draw, code, reason):
    fault = fault_of_calls(calls, reply, draw)
    assert (fault and fault[0]) == code
    assert reason in (fault[1] if fault else "")


@pytest.mark.parametrize(
    "text",
    [
        '{"calls": [{"name": "f", "arguments": {"a": 1}}], "reply": ""}',
        'Sure!\n```json\n{"calls": [{"name": "f", "arguments": {"a": 1}}]}\n```',
        '[{"name": "f", "arguments": {"a": 1}}]',
        '<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>',
        '{"calls": [{"name": "f", "arguments": "{\\"a\\": 1}"}], "reply": null}',
    ],
)
def test_calls_are_read_in_the_forms_that_models_write(text):
    assert read_answer(text) == ([{"name": "f", "arguments": {"a": 1}}], "")


def test_calls_one_after_the_other_are_read_together():
    one, two = '{"name": "f", "arguments": {"arguments": 1}}', '{"name": "g", "arguments": {}}'
    both = [{"name": "f", "arguments": {"arguments": 1}}, {"name": "g", "arguments": {}}]
    for text in (f"<tool_call>{one}</tool_call>\n<tool_call>{two}</tool_call>", f"1. {one}\n2. {two}", f"```json\n[{one},\n{two},]\n```"):
        assert read_answer(text) == (both, ""), text


@pytest.mark.parametrize(
    "text",
    [
        '{"calls": [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {"a": ?}}]}',
        '{"name": "f", "arguments": {"a": 1}}\n{"name": "g", "arguments": {"a": ',
        '[{"name": "f", "arguments": {"a": 1}}, {"name": "g"}]',
        'It may be {"name": "f", "arguments": {}}. No: {"calls": [{"name": "f", "arguments": {"a": 1}}]}',
    ],
)
def test_an_answer_of_which_some_calls_cannot_be_read_is_none(text):
    assert read_answer(text) is None


def test_prose_and_half_calls_are_no_answer():
    assert read_answer("I would call f with a = 1.") is None
    assert read_answer('{"calls": [{"name": "f"}]}') is None


@pytest.mark.parametrize("kind", ["single", "multiple", "parallel", "parallel_multiple", "none_fits", "missing_argument"])
def test_a_row_of_each_kind_is_a_conversation_as_trainers_read_it(kind, tokenizer):
    options, row = row_of(kind)
    names = row.metadata["wanted"].split(", ") * (2 if kind == "parallel" else 1)
    calls = [valid_call(name, number) for number, name in enumerate(names)] if kind not in ("none_fits", "missing_argument") else []
    answer = {"calls": calls, "reply": "" if calls else "Which one do you mean?"}
    played = play("tools/calls", row, {"request": "Request: Please help me.", "call": json.dumps(answer)}, tokenizer, **options)
    [fields], [text] = played.fields("call"), played.texts("call")
    assert [message["role"] for message in fields["messages"]] == ["user", "assistant"]
    assert fields["messages"][0]["content"] == "Please help me."
    made = fields["messages"][1]
    assert [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in made.get("tool_calls", [])] == [
        (c["name"], c["arguments"]) for c in calls
    ]
    assert made["content"] == (None if calls else "Which one do you mean?")
    assert [tool["function"]["name"] for tool in fields["tools"]] == row.metadata["declared"].split(", ")
    assert {tool["type"] for tool in fields["tools"]} == {"function"}
    assert fields["kind"] == kind
    assert text.startswith('Functions:\n{"name":"')
    assert "\n\nUser: Please help me.\n\n" in text
    assert text.count("\n\nCalls:\n") == bool(calls)
    asked = played.prompts["request"][0]
    assert all(f'"name":"{name}"' in asked for name in names), "a request is written for its function, declared or not"
    assert kind not in played.prompts["call"][0], "whoever answers is not told the kind"


def test_a_refused_answer_keeps_its_reason_and_comes_to_no_text(tokenizer):
    options, row = row_of("single")
    name = row.metadata["wanted"]
    bad = {"calls": [{"name": name, "arguments": {**valid_call(name)["arguments"], "colour_of_sky": 1}}], "reply": ""}
    played = play("tools/calls", row, {"request": "Request: Do it.", "call": json.dumps(bad)}, tokenizer, **options)
    [made] = played.rows["call"]
    assert (made["error"], made["text"]) == ("rejected:arguments", None)
    assert "colour_of_sky" in json.loads(made["fields"])["reason"]


def test_a_judge_has_the_last_word_where_it_is_asked_for(tokenizer):
    options, row = row_of("single", verify=True)
    scripts = {"request": "Request: Do it.", "call": json.dumps({"calls": [valid_call(row.metadata["wanted"])]})}
    good = play("tools/calls", row, {**scripts, "verify": "It does.\nVerdict: yes"}, tokenizer, **options)
    assert good.texts("call") == []
    assert good.texts("verify")[0].startswith("Functions:")
    assert "User: Do it." in good.prompts["verify"][0]
    bad = play("tools/calls", row, {**scripts, "verify": "The day is made up.\nVerdict: no"}, tokenizer, **options)
    assert bad.errors("verify") == ["rejected:meaning"]
    assert "made up" in json.loads(bad.rows["verify"][0]["fields"])["reason"]


@pytest.fixture
def one_function(tmp_path) -> dict:
    """Options with one function, which gives a temperature and may give the sky."""
    result = {"type": "object", "properties": {"high": {"type": "number"}, "sky": {"type": "string"}}, "required": ["high"]}
    (tmp_path / "functions.json").write_text(json.dumps([{**WEATHER.tool, "function": {**WEATHER.tool["function"], "return": result}}]))
    return {"kinds": {"single": 1}, "functions": str(tmp_path / "functions.json"), "rows": 1}


def dialogue(result: str, answer: str, tokenizer, options: dict):
    scripts = {
        "request": "Request: How warm will it be in Oslo on 1 May 2026?",
        "call": json.dumps({"calls": [call()], "reply": ""}),
        "result": result,
        "answer": answer,
    }
    return play("tools/dialogue", None, scripts, tokenizer, **options)


def test_a_dialogue_goes_from_the_request_over_calls_and_results_to_an_answer(tokenizer, one_function):
    result = '{"call_1": {"high": 14, "sky": "cloudy"}}'
    played = dialogue(result, "It will be cloudy, with up to 14 degrees.", tokenizer, one_function)
    [fields] = played.fields("answer")
    assert [message["role"] for message in fields["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert fields["messages"][2]["tool_call_id"] == fields["messages"][1]["tool_calls"][0]["id"]
    assert json.loads(fields["messages"][2]["content"]) == {"high": 14, "sky": "cloudy"}
    [text] = played.texts("answer")
    assert 'Result: {"high":14,"sky":"cloudy"}\n\nAssistant: It will be cloudy' in text
    assert played.texts("call") == played.texts("result") == []
    assert '"return":' in played.prompts["result"][0], "whoever plays the function knows what it gives"


@pytest.mark.parametrize(
    ("result", "answer", "step", "error"),
    [
        ({"sky": "cloudy"}, "Cloudy.", "result", "rejected:result"),
        ({"high": "warm"}, "Warm.", "result", "rejected:result"),
        ({"high": 14, "wind": 3}, "14 degrees.", "result", "rejected:result"),
        ({"high": 14}, "I hope that the weather in Oslo will be fine.", "answer", "rejected:unused_result"),
        ({"high": 14}, "On 1 May 2026 it will be as warm as usual.", "answer", "rejected:unused_result"),
        ({"high": 14}, "", "answer", "parse:empty"),
    ],
)
def test_results_have_their_declared_shape_and_answers_use_them(result, answer, step, error, tokenizer, one_function):
    assert dialogue(json.dumps({"call_1": result}), answer, tokenizer, one_function).errors(step) == [error]


@pytest.mark.parametrize("result", ["null", "{}", '""', '{"high": null, "sky": " "}'])
@pytest.mark.parametrize("declared", [None, {"type": "object"}, {"type": "null"}])
def test_a_result_that_says_nothing_is_none_unless_that_is_declared(result, declared, tokenizer, tmp_path):
    function = {**WEATHER.tool["function"], **({"return": declared} if declared else {})}
    (tmp_path / "functions.json").write_text(json.dumps([{**WEATHER.tool, "function": function}]))
    options = {"kinds": {"single": 1}, "functions": str(tmp_path / "functions.json"), "rows": 1}
    played = dialogue(f'{{"call_1": {result}}}', "It is done.", tokenizer, options)
    if declared == {"type": "null"}:
        assert played.errors("result") == ([] if result == "null" else ["rejected:result"])
    else:
        assert played.errors("result") == ["rejected:empty_result"]


def test_a_result_that_is_no_json_is_an_error(tokenizer, one_function):
    assert dialogue("It is warm.", "", tokenizer, one_function).errors("result") == ["parse:json"]


@pytest.mark.parametrize(
    ("answer", "result", "expected"),
    [
        ("That makes 1,234.50 euros.", {"total": 1234.5}, True),
        ("Das macht 12,5 Grad.", {"high": 12.5}, True),
        ("It is about 3 metres.", {"range": 2.96}, True),
        ("It leaves from gate B12.", {"gate": "b12"}, True),
        ("It is on its way.", {"gate": "B12"}, False),
        ("There are none.", [], True),
        ("It is done.", {"ok": True}, True),
        ("Flight 7 leaves at 9.", {"flight": 7}, True),
        ("It is 114 degrees.", {"high": 14}, False),
        ("It is -3 degrees.", {"low": -3}, True),
        ("It is 3 degrees.", {"low": -3}, False),
        ("Das macht 1.234,50 Euro für 2.000 Stück.", {"total": 1234.5}, True),
        ("Das sind 2.000 Stück.", {"pieces": 2000}, True),
        ("There is 0 rain.", {"rain": 0.4}, False),
        ("The book is there.", {"status": "ok"}, False),
        ("It will be rainy.", {"sky": "rain"}, True),
    ],
)
def test_an_answer_uses_a_result_if_it_tells_a_value_of_it(answer, result, expected):
    assert uses(answer, result, "Flight 7?", {}) is expected


def test_requests_are_drawn_from_a_passage(tokenizer):
    document = Document("d", "High water at Brest was at 05:12 on 3 May 2026. Boats left for Ushant. " * 40)
    request = "Request: When is high water at Brest on 3 May 2026?"
    played = play("tools/from_document", document, {"request": request, "call": '{"calls": [], "reply": "?"}'}, tokenizer)
    spans = [(row["span_start"], row["span_end"]) for row in played.rows["request"]]
    assert len(spans) > 1, "a request for each passage"
    for prompt, (start, end) in zip(played.prompts["request"], spans, strict=True):
        assert prompt.endswith(document.text[start:end])
    kinds = {row["key"] for row in played.rows["request"]}
    assert len(kinds) > 1, "each draws for itself"


def test_with_structured_every_step_but_prose_is_held_to_json(tokenizer):
    uses = [{"use": name, "structured": True, "options": {"verify": True}} for name in ("tools/calls", "tools/dialogue")]
    plain = {recipe.name: recipe for recipe in recipes_of([RecipeUse(use="tools/*", options={"verify": True})])}
    for recipe in recipes_of([RecipeUse.model_validate(use) for use in uses]):
        assert {step.name: step.structured for step in recipe.steps} == {step.name: step.name != "answer" for step in recipe.steps}
        assert recipe.digest != plain[recipe.name].digest
    options, row = row_of("single")
    answer = json.dumps({"calls": [valid_call(row.metadata["wanted"])], "reply": ""})
    played = play("tools/calls", row, {"request": '{"request": "Do it."}', "call": answer}, tokenizer, structured=True, **options)
    assert played.fields("call")[0]["messages"][0]["content"] == "Do it."


def test_the_schema_of_an_answer_allows_what_the_rules_allow_and_no_invented_argument():
    draw = Draw("multiple", (WEATHER,), (WEATHER, TABLE))
    schema = json.dumps(schema_of_answer(draw))
    assert fault_of(schema, {"calls": [call()], "reply": ""}) is None
    assert fault_of(schema, {"calls": [], "reply": "Which day?"}) is None
    for wrong in ([call("book_a_table")], [call(place="Oslo")], [call(place="Oslo", date="2026-05-01", hour=1)]):
        assert fault_of(schema, {"calls": wrong, "reply": ""})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "there is no function"),
        ("{", "line 1: this is no JSON"),
        ('{"type": "function", "function": {"name": "a b"}}', "line 1: there is no function with a name"),
        ('{"name": "f", "parameters": {"type": "object"}}', "`f` has no description"),
        (
            '\n{"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "number?"}}}}',
            "line 2, `f`: this",
        ),
        ('{"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {"$ref": "http://a.b/c"}}}}', "outside"),
        ('{"name": "f", "description": "d"}\n{"name": "f", "description": "d"}', "two functions `f`"),
        ('{"name": "f", "description": "d"}', "one function alone"),
    ],
)
def test_a_file_of_functions_is_refused_with_the_line_of_what_is_wrong(content, message, tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(content)
    with pytest.raises(UserError, match=r"mine\.jsonl") as refused:
        recipes_of([RecipeUse(use="tools/calls", options={"functions": str(path)})])
    assert message in str(refused.value)


def test_kinds_that_a_recipe_lacks_are_refused():
    for kinds in ({"none_fits": 1}, {"paralel": 1}, {"single": -1}, {"single": 0}, {"single": float("inf")}):
        with pytest.raises(ValidationError, match="kinds"):
            recipes_of([RecipeUse(use="tools/dialogue", options={"kinds": kinds})])
