from __future__ import annotations

import pytest

from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.engines.vllm.settings import VllmSettings
from rephrase.errors import UserError
from rephrase.recipes.catalogue import recipes_of

GOOD = """\
output: out
input:
  paths: data/*.jsonl
tokenizer: ./tokenizer
engine:
  kind: vllm
  model: org/model
recipes:
  - wrap/easy
  - use: entigraph
    options: {triples: 0.5}
"""


def load(tmp_path, text: str, **overrides) -> Run:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    return load_run(str(path), overrides)


def test_paths_are_relative_to_the_file_and_hub_ids_stay(tmp_path):
    run = load(tmp_path, GOOD)
    assert run.output == str(tmp_path / "out")
    assert run.input.paths == [str(tmp_path / "data/*.jsonl")]
    assert run.tokenizer == str(tmp_path / "tokenizer")
    assert isinstance(run.engine, VllmSettings)
    assert run.engine.model == "org/model"
    assert [use.use for use in run.recipes] == ["wrap/easy", "entigraph"]


def test_models_of_checks_are_relative_to_the_file(tmp_path):
    checks = "filter: {checks: [finished, {quality: {model: m/a.bin, min: 0.5}}, {ensemble: {models: [b.bin, 's3://x/c.bin']}}]}"
    run = load(tmp_path, f"{GOOD}{checks}\n")
    assert run.model_dump()["filter"]["checks"] == [
        "finished",
        {"quality": {"model": str(tmp_path / "m/a.bin"), "min": 0.5}},
        {"ensemble": {"models": [str(tmp_path / "b.bin"), "s3://x/c.bin"]}},
    ]


def test_s3_locations_stay(tmp_path):
    run = load(tmp_path, GOOD.replace("output: out", "output: s3://bucket/out"))
    assert run.output == "s3://bucket/out"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("kind: vllm", "kind: vllm\n  modle: x", r"line 7: unknown key `engine.modle` \(did you mean `model`\?\)"),
        ("  paths:", "  pahts:", r"line 3: unknown key `input.pahts` \(did you mean `paths`\?\)"),
        ("recipes:", "recipies:", r"line 8: unknown key `recipies` \(did you mean `recipes`\?\)"),
        ("    options:", "    optins:", r"line 11: unknown key `recipes.1.optins` \(did you mean `options`\?\)"),
        ("  model: org/model\n", "", "the key `engine.model` is missing"),
        ("kind: vllm", "kind: vlm", r"line 6: `engine.kind`: unknown engine `vlm` \(did you mean `vllm`\?\)"),
        ("output: out", "output: [a]", "`output`: should be text, not a list"),
        ("output: out", "output: out\nmix: {components: [{share: 0.5}, {share: 0.4}]}", "the shares of the components sum to 0.9, not 1"),
        ("output: out", "output: 'out", "not valid YAML"),
    ],
)
def test_mistakes_are_named_with_line_and_cure(tmp_path, before, after, message):
    assert before in GOOD
    with pytest.raises(UserError, match=message):
        load(tmp_path, GOOD.replace(before, after))


def test_a_missing_config_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="cannot read the config"):
        load_run(str(tmp_path / "nothing.yaml"))


def test_overrides_replace_keys_and_sections(tmp_path):
    run = load(tmp_path, GOOD, **{"mix.seed": 9, "engine": {"kind": "replay", "path": "/recorded"}})
    assert run.mix.seed == 9
    assert run.engine.kind == "replay"


@pytest.mark.parametrize("bounds", ["{min: 0.5}", "{max: 2}", "{}", "{min: 0.5, max: .inf}"])
def test_a_run_loads_again_from_its_json(tmp_path, bounds):
    run = load(tmp_path, f"{GOOD}    when: {{scores: {{edu: {bounds}}}}}\n")
    again = Run.model_validate_json(run.model_dump_json())
    assert again.model_dump_json() == run.model_dump_json()
    assert [recipe.when for recipe in recipes_of(again.recipes)] == [recipe.when for recipe in recipes_of(run.recipes)]


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"model": "org/model"}, "org/model"), ({"model": "/models/tiny/"}, "tiny"), ({"model": "/models/tiny", "name": "mine"}, "mine")],
)
def test_rows_never_name_a_model_by_its_path(settings, name):
    assert VllmSettings(kind="vllm", **settings).model_name == name
