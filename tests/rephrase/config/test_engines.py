"""`engine` or `engines`, and the names of these in recipes and steps: what is taken, and what is refused with its line."""

from __future__ import annotations

import pytest

from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.recipes.catalogue import recipes_of

SEVERAL = """\
output: out
tokenizer: tokenizer.json
engines:
  writer: {kind: endpoint, url: http://localhost:1/v1, model: w}
  judge:
    kind: echo
recipes:
  - wrap/easy
  - use: preference/grades
    steps:
      judge: {engine: judge, sampling: {temperature: 0.5}}
  - use: evol
    engine: judge
    options: {rounds: 2}
    steps:
      evolve: {engine: writer}
      gain1: {engine: writer}
"""
ONE = SEVERAL.replace("engines:\n  writer: {kind: endpoint, url: http://localhost:1/v1, model: w}\n  judge:\n", "engine:\n")


def load(tmp_path, text: str, **overrides) -> Run:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    return load_run(str(path), overrides)


def test_each_step_names_its_engine_its_recipes_or_the_first(tmp_path):
    run = load(tmp_path, SEVERAL)
    wrap, grades, evol = recipes_of(run.recipes)
    assert [wrap.engine_of(step) for step in wrap.steps] == [None]
    assert [grades.engine_of(step) for step in grades.steps] == [None, "judge"]
    names = ["writer", "judge", "judge", "writer", "writer", "judge"]
    assert [evol.engine_of(step) for step in evol.steps] == names
    assert [step.sampling.temperature for step in grades.steps] == [1.0, 0.5]
    assert run.all_engines.find(None).model_name == "w"
    again = Run.model_validate_json(run.model_dump_json())
    assert again.model_dump_json() == run.model_dump_json()
    assert again.all_engines == run.all_engines
    assert load(tmp_path, SEVERAL, **{"engines.judge.kind": "replay", "engines.judge.path": "r"}).engines["judge"].kind == "replay"


def test_one_engine_has_no_name(tmp_path):
    run = load(tmp_path, ONE.split("  - use: preference")[0])
    assert run.all_engines.by_name == {"": run.engine}
    assert not run.all_engines.are_several


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("{engine: judge, ", "{engine: jugde, ", r"line 11: .*there is no engine `jugde` \(did you mean `judge`\?\)"),
        ("engine: judge\n    opt", "engine: wirter\n    opt", r"line 13: .*there is no engine `wirter` \(did you mean `writer`\?\)"),
        ("gain1: {engine: writer}", "gain1: {engine: 7}", r"line 17: .*steps.gain1.engine"),
        ("    steps:\n      judge", "    steps:\n      juge", r"line 11: .*the recipe has no step `juge` \(did you mean `judge`\?\)"),
        ("gain1", "gain2", r"line 17: .*the recipe has no step `gain2` \(did you mean `gain"),
        ("sampling: {temp", "sampling: {tmep", r"line 11: unknown key `recipes.1.steps.judge.sampling.tmeperature`"),
        ("{engine: judge, samp", "{engin: judge, samp", r"line 11: unknown key `recipes.1.steps.judge.engin` \(did you mean `engine`"),
        ("kind: echo", "kind: ehco", r"line 6: .*unknown engine `ehco` \(did you mean `echo`"),
        ("model: w}", "modle: w}", r"line 4: unknown key `engines.writer.modle` \(did you mean `model`"),
        (", model: w}", "}", "line 4: the key `engines.writer.model` is missing"),
        ("engines:", "engine: {kind: echo}\nengines:", r"line 3: a run has either `engine` or `engines` \(remove one of them"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path, before, after, message):
    assert before in SEVERAL
    with pytest.raises(UserError, match=message) as failure:
        load(tmp_path, SEVERAL.replace(before, after, 1))
    assert "\n" not in failure.value.line()


def test_names_need_engines(tmp_path):
    with pytest.raises(UserError, match=r"line 9: .*there is no engine `judge` \(list engines by name under `engines`"):
        load(tmp_path, ONE)
    with pytest.raises(UserError, match=r"the key `engine` is missing \(add it, or `engines` for several"):
        load(tmp_path, ONE.replace("engine:\n    kind: echo\n", ""))


def test_an_engine_beside_several_is_told_how_one_of_them_is_changed(tmp_path):
    with pytest.raises(UserError, match=r"^--set engine: a run has either .*`--set engines.writer.model=…` changes the model of one"):
        load(tmp_path, SEVERAL, engine={"kind": "vllm", "model": "m"})
