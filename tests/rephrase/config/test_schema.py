"""The schema that editors get takes what the program takes, and marks what it refuses."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from rephrase.cli.main import main
from rephrase.config.file import load_run
from rephrase.errors import UserError
from rephrase.settings.yaml_text import read_yaml
from tests.places import EXAMPLES
from tests.rephrase.config.test_engines import SEVERAL
from tests.rephrase.config.test_mutations import MUTATIONS, RUN


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


# What no schema can say: an order of two values, sums, what is there on this machine, what stands elsewhere in the file.
UNSAID = re.compile(
    "nothing is between|cannot be imported|listed twice|no recipe of this run|shares of the components|NUL character|longer than file"
    "|there is no rule|nothing is above 1|there is no store|not inf|not a regular expression"
)
MERELY_ODD = [
    ("- wrap/easy", "- wrap/eas*"),
    ("scrub: {emails: MAIL}", "scrub: true"),
    ("scrub: {emails: MAIL}", "scrub: {emails: null}"),
    ("scrub: {emails: MAIL}", "formatters: [A, {B: {x: 1}}]"),
    ("scrub: {emails: MAIL}", "format: {jsonl: null}"),
    ("scrub: {emails: MAIL}", "tokens_per_unit: 5e5"),
    ("edu: {models: [edu.bin], combine: mean}", "edu: edu.bin"),
    ("        max_ratio: 3", "        max_ratio: null"),
    ("    - finished", "    - repetition:"),
    ("    - finished", "    - leaked: {use: parsed}"),
    ("            ngram: 13", "            fields: question"),
    ("dedup:\n  bands: 14", "dedup:"),
    ("  bands: 14", "  bands: 14.0"),
    ("{origin: synthetic, share: 1}", "{origin: synthetic, share: 1, tokens: null}"),
    ("{origin: synthetic, share: 1}", "{share: 1, temperature: 2, split_by: source}"),
    ("  seed: 7", "  preset: null"),
    ("    spark.ui.enabled: false", "    a: 1\n    b: x\n    c: 1.5"),
    ("- use: domain_qa/edge_cases", "- use: domain_qa/*"),
    ("- use: entigraph", "- use: entigraph/relations"),
]


def both(schema: Draft202012Validator, folder: Path, text: str) -> tuple[str, list[str]] | None:
    """What the program and the schema say of a config; nothing of what is no YAML."""
    (folder / "run.yaml").write_text(text)
    try:
        data, _ = read_yaml(text, "run.yaml")
    except UserError:
        return None
    try:
        load_run(str(folder / "run.yaml"))
    except UserError as error:
        return error.line(), [fault.json_path for fault in schema.iter_errors(data)]
    return "", [fault.json_path for fault in schema.iter_errors(data)]


def test_the_schema_takes_what_the_program_takes_and_refuses_what_it_refuses(schema, tmp_path):
    cases = [(before, after) for before, after, _, _ in MUTATIONS if len(after) < 1000] + MERELY_ODD
    differing = []
    for before, after in cases:
        verdicts = both(schema, tmp_path, RUN.replace(before, after))
        if verdicts and bool(verdicts[0]) != bool(verdicts[1]) and not UNSAID.search(verdicts[0]):
            differing.append((after, verdicts))
    assert differing == []


@pytest.mark.parametrize(("before", "after"), MERELY_ODD)
def test_what_is_merely_odd_is_taken(before, after, schema, tmp_path):
    assert RUN.count(before) == 1
    assert both(schema, tmp_path, RUN.replace(before, after)) == ("", [])


def test_it_is_printed_as_json_with_the_meaning_of_each_key(capsys):
    main(["config", "--schema"])
    printed = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert printed["properties"]["tokenizer"]["description"].startswith("Counts tokens everywhere")
