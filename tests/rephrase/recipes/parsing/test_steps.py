"""Steps in Python read completions by the same grammar, and stay linear over what small models write without end."""

from __future__ import annotations

import pytest

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Parsed, Prompt
from rephrase.recipes.catalogue import catalogue
from rephrase.recipes.entigraph import read_entities

VALUES = {
    "passage": "a",
    "by_lines": True,
    "to": "de",
    "instruction": "x",
    "classification": True,
    "before": "x",
    "method": "m",
    "first": "a",
    "second": "b",
}
GRADES = '"instruction_following": 4, "truthfulness": "5", "honesty": "4/5", "helpfulness": 3'


def parse(recipe: str, step: str, completion: str, tokenizer) -> Parsed:
    [chosen] = [one for one in catalogue()[recipe].steps if one.name == step]
    return chosen.parse(Prompt((), (0, 1), Sampling(max_tokens=1), values=VALUES), Completion(completion), tokenizer)


@pytest.mark.parametrize(
    ("recipe", "step", "completion", "field", "value"),
    [
        ("self_instruct/tasks", "kind", "There is no doubt: yes", "classification", True),
        ("self_instruct/tasks", "kind", "Yes, it can be counted off: there are three", "classification", True),
        ("self_instruct/tasks", "instances", "**Output:** high\n**Input:** the tide", "instances", [("the tide", "high")]),
        ("self_instruct/tasks", "instances", "Output 1： high\nInput 1： the tide", "instances", [("the tide", "high")]),
        ("preference/pairs", "judge", "**Better**: the first answer", "label", "first"),
        ("preference/pairs", "judge", "Better: **Second**", "label", "second"),
        ("preference/grades", "judge", f"Grades [1 to 5]: {{{GRADES},}}", "score", 4.0),
        ("alpaca/tasks", "round0", "**4. Instruction:** Say why.\n**4. Input:** None\n**4. Output:** The Moon.", "tasks", 1),
        ("self_instruct/tasks", "round0", "**9.** Explain the tide.", "instructions", ["Explain the tide."]),
    ],
)
def test_python_steps_read_what_parsers_read(recipe, step, completion, field, value, tokenizer):
    content = parse(recipe, step, completion, tokenizer).fields.get(field)
    assert (len(content) if field == "tasks" else content) == value


@pytest.mark.parametrize(
    ("recipe", "step", "completion"),
    [
        ("self_instruct/tasks", "kind", "Yes and no"),
        ("evol/instruct", "gain0", "not different"),
        ("preference/pairs", "judge", "Better: first or second"),
        ("preference/grades", "judge", f"{{{GRADES.replace('4/5', '8/10')}}}"),
    ],
)
def test_what_is_not_clear_is_refused(recipe, step, completion, tokenizer):
    assert (parse(recipe, step, completion, tokenizer).error or "").startswith("parse:")


def test_entities_with_a_flaw_in_their_json():
    reply = 'Here it is [as JSON]:\n```json\n{"summary": "Half is \\frac{1}{2}.", "entities": ["Moon", "sea",], // all\n}\n```'
    assert read_entities(reply) == ("Half is \\frac{1}{2}.", ["Moon", "sea"])
    assert read_entities('{"summary": "x", "entities": ["Moon", "se') is None  # cut
    assert read_entities('{"summary": "x", "entities": ["Moon", "sea"') is None  # perhaps more would follow
    assert read_entities('{"summary": "x", "entities": ["Moon", "sea"]') == ("x", ["Moon", "sea"])


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("recipe", "step"),
    [
        ("self_instruct/tasks", "round0"),
        ("self_instruct/tasks", "kind"),
        ("self_instruct/tasks", "instances"),
        ("alpaca/tasks", "round0"),
        ("evol/instruct", "gain0"),
        ("preference/grades", "judge"),
        ("preference/pairs", "judge"),
        ("entigraph/relations", "entities"),
        ("chunkwise/rewrite", "rewrite"),
        ("chunkwise/rewrite", "fidelity"),
        ("translate/document", "translate"),
    ],
)
def test_awkward_characters_without_end_take_no_long_time(recipe, step, tokenizer):
    for unit in (" ", "\n", "\t", "*", "#", "[", "{", '"', "-", "7", "\u00a0", "Input:\n"):
        parse(recipe, step, f"1. Input: a{unit * (200_000 // len(unit))}b", tokenizer)
