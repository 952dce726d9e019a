"""Schemas of functions as strangers write them: what they refuse, what is wrong with them, and what engines are given of them."""

from __future__ import annotations

import json

import pytest
from llguidance import LLMatcher

from rephrase.errors import UserError
from rephrase.recipes.tools.calls import fault_of_calls, read_answer, schema_of_answer
from rephrase.recipes.tools.draws import Draw
from rephrase.recipes.tools.functions import Function, read_functions

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
POINT = {"type": "object", "properties": {"x": WHOLE}, "required": ["x"]}
REFERRING = {"properties": {"a": {"$ref": "#/$defs/point"}}, "$defs": {"point": POINT}}
SHARED = {"allOf": [{"$ref": "#/$defs/point"}, {"properties": {"a": TEXT}}], "$defs": {"point": POINT}}


def functions_of(tmp_path, *parameters) -> tuple[Function, ...]:
    names = ("f", "g", "h")
    entries = [{"name": name, "description": "Does it.", "parameters": each} for name, each in zip(names, parameters, strict=False)]
    (tmp_path / "functions.json").write_text(json.dumps(entries))
    return read_functions(str(tmp_path / "functions.json"))


@pytest.mark.parametrize(
    ("parameters", "valid", "invalid"),
    [
        ({}, {}, {"x": 1}),
        ({"type": "object"}, {}, {"x": 1}),
        ({"type": "object", "additionalProperties": True}, {"x": 1}, 5),
        (REFERRING, {"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}),
        (REFERRING, {"a": {"x": 1}}, {"a": {"x": "1"}}),
        ({"allOf": [{"properties": {"a": TEXT}}, {"properties": {"b": TEXT}}]}, {"a": "", "b": ""}, {"a": "", "c": ""}),
        (SHARED, {"x": 1, "a": ""}, {"x": 1, "b": ""}),
        ({"properties": {"a": TEXT, "b": TEXT}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": ""}, {"a": "", "c": ""}),
        ({"oneOf": [{"properties": {"a": TEXT}, "required": ["a"]}, {"properties": {"b": TEXT}}]}, {"b": ""}, {"a": "", "c": ""}),
        ({"properties": {"a": WHOLE, "b": WHOLE}, "not": {"properties": {"a": {"const": 1}}}}, {"a": 2, "b": 2}, {"a": 1, "b": 2}),
        ({"properties": {"a": WHOLE}}, {"a": 5}, {"a": "5"}),
        ({"properties": {"a": WHOLE}}, {"a": 5}, {"a": 10**30}),
    ],
)
def test_arguments_that_a_schema_does_not_name_are_refused_and_others_are_not(tmp_path, parameters, valid, invalid):
    [function] = functions_of(tmp_path, {"type": "object", **parameters})
    draw = Draw("single", (function,), (function,))

    def fault(arguments):
        return fault_of_calls(*read_answer(json.dumps({"name": "f", "arguments": arguments})), draw)

    assert fault(valid) is None
    assert fault(invalid)[0] == "rejected:arguments"


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        ({"properties": {"a": {"$ref": "#/$defs/point"}}}, "has no `#/$defs/point`"),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, "refers to itself"),
        ({"properties": {"a": {"$dynamicRef": "https://other.example/x"}}}, "outside of the file"),
        ({"properties": {"a": TEXT}, "required": ["b"]}, "`b` is required"),
        ({"properties": {"a": {"pattern": "(["}}}, "is not a 'regex'"),
    ],
)
def test_a_broken_schema_is_told_with_its_entry_before_anything_runs(tmp_path, parameters, what):
    with pytest.raises(UserError, match="entry 1, `f`") as error:
        functions_of(tmp_path, {"type": "object", **parameters})
    assert what in str(error.value)


def test_files_may_have_a_byte_order_mark_and_any_character_in_strings(tmp_path):
    line = json.dumps({"name": "f", "description": "One\u2028two."}, ensure_ascii=False)
    (tmp_path / "functions.jsonl").write_text(f"{line}\r\n", "utf-8-sig", newline="")
    assert [function.name for function in read_functions(str(tmp_path / "functions.jsonl"))] == ["f"]
    (tmp_path / "functions.jsonl").write_bytes(b'{"name": "\xff"}')
    with pytest.raises(UserError, match="UTF-8"):
        read_functions(str(tmp_path / "functions.jsonl"))


@pytest.mark.parametrize("declared", [1, 3])
def test_what_engines_are_given_refers_to_its_own_parts_and_holds_no_rule_that_they_refuse(tmp_path, declared):
    names = {"properties": {"not": TEXT, "if": TEXT}, "dependentSchemas": {"if": {"required": ["not"]}}}
    functions = functions_of(tmp_path, *({"type": "object", **each} for each in (REFERRING, SHARED, names)))[:declared]
    schema = json.dumps(schema_of_answer(Draw("multiple", functions[:1], functions)))
    assert LLMatcher.validate_grammar_with_warnings(LLMatcher.grammar_from_json_schema(schema), None) == (False, [])
    assert declared == 1 or '"not": {"type": "string"}' in schema, "a parameter's name is no rule"
