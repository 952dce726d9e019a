"""The schema that editors get takes what the program takes, and marks what it refuses."""

from __future__ import annotations

import copy
import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from rephrase.cli.main import main
from tests.places import EXAMPLES
from tests.rephrase.config.test_engines import SEVERAL
from tests.rephrase.config.test_mutations import RUN


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    from rephrase.config.schema import run_schema

    made = run_schema()
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


@pytest.mark.parametrize("text", [(EXAMPLES / "run.yaml").read_text(), RUN, RUN.replace("[notes.jsonl]", "notes.jsonl"), SEVERAL])
def test_right_configs_are_taken(schema, text):
    assert list(schema.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    ("place", "value", "marked"),
    [
        (("outputt",), "out", "$"),
        (("input", "min_characters"), "many", "$.input"),
        (("engine", "modle"), "m", "$.engine"),
        (("engines",), {"judge": {"kind": "echo"}}, "$"),
        (("enginee",), {"kind": "echo"}, "$"),
        (("recipes", 1, "steps"), {"problem": {"engin": "judge"}}, "$.recipes[1]"),
        (("engine", "kind"), "replya", "$.engine"),
        (("recipes", 0), "wrap/eazy", "$.recipes[0]"),
        (("recipes", 0), {"use": "entigraph/relations", "options": {"tripels": 1}}, "$.recipes[0]"),
        (("filter", "checks", 0), "finishd", "$.filter.checks"),
        (("filter", "checks", 1, "length", "maxx"), 3, "$.filter.checks"),
        (("filter", "checks", 1, "length", "recipes", "wrap/*", "maxx"), 3, "$.filter.checks"),
        (("mix", "phases", 0, "components", 0, "shar"), 0.5, "$.mix.phases[0].components[0]"),
    ],
)
def test_wrong_ones_are_marked(schema, place, value, marked):
    data = copy.deepcopy(yaml.safe_load(RUN))
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    assert [error.json_path for error in schema.iter_errors(data)] == [marked]


def test_it_is_printed_as_json_with_the_meaning_of_each_key(capsys):
    main(["config", "--schema"])
    printed = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert printed["properties"]["tokenizer"]["description"].startswith("Counts tokens everywhere")
