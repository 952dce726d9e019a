from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from rephrase.errors import UserError
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import catalogue, find_recipes, recipes_of
from rephrase.recipes.naming import fits
from rephrase.recipes.registry import recipes
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document
from rephrase.settings.validation import validate

MINE = """\
family: mine
paper: {title: Mine, url: https://example.org}
passage_tokens: 100
sampling: {temperature: 0.2}
parser: paraphrase
styles:
  haiku:
    prompt: "Make a haiku of this. Keep {braces: as they are}.\\n\\n{passage}"
"""


def use(name: str, **more) -> RecipeUse:
    return RecipeUse.model_validate({"use": name, **more})


def names(*uses: RecipeUse) -> list[str]:
    return [recipe.name for recipe in recipes_of(uses)]


def test_the_families_of_the_papers_are_there():
    assert names(use("wrap/*")) == ["wrap/easy", "wrap/medium", "wrap/hard", "wrap/qa"]
    assert len(names(use("mind/*"))) == 7
    assert names(use("entigraph")) == names(use("entigraph/*")) == ["entigraph/relations"]


def test_every_recipe_names_its_paper_and_survives_pickling():
    for recipe in catalogue().values():
        assert recipe.paper.title
        assert recipe.paper.url.startswith("https://")
        assert recipe.summary
        assert pickle.loads(pickle.dumps(recipe)).digest == recipe.digest


def test_the_numbers_of_the_papers(tokenizer):
    row = Row(Document("d", "The tide rises. " * 400))
    for recipe in catalogue().values():
        limit = {"wrap": 300, "mind": 500}.get(recipe.family)
        if limit:
            prompts = list(recipe.steps[0].prompts(row, tokenizer))
            assert len(prompts) > 1
            counts = tokenizer.count([row.document.text[p.span[0] : p.span[1]] for p in prompts])
            assert max(counts) <= limit
    mind = catalogue()["mind/debate"].steps[0]
    prompt = next(mind.prompts(row, tokenizer))
    assert (prompt.sampling.temperature, prompt.sampling.top_p) == (1.0, 0.9)
    assert prompt.messages[-1].content.startswith("The tide rises."), "MIND's instruction comes after the context"


@pytest.mark.parametrize(
    ("name", "passage", "output", "temperature", "top_p"),
    [
        ("wrap/qa", 300, 768, 0.7, 0.95),
        ("nemotron/wikipedia", 512, 512, 0.5, 0.9),
        ("nemotron/diverse_qa", 1000, 600, 0.5, 0.9),
        ("nemotron/distill", 2000, 1600, 0.5, 0.9),
        ("nemotron/extract_knowledge", 1400, 1400, 0.5, 0.9),
        ("nemotron/knowledge_list", 1000, 600, 0.5, 0.9),
        ("finephrase/math", 5500, 2048, 1.0, 1.0),
    ],
)
def test_sizes_and_sampling_are_those_of_the_papers(name, passage, output, temperature, top_p):
    step = catalogue()[name].steps[0]
    said = (step.passage_tokens, step.sampling.max_tokens, step.sampling.temperature, step.sampling.top_p)
    assert said == (passage, output, temperature, top_p)


def test_numbers_of_flows_are_those_of_the_papers():
    steps = {name: recipe.steps for name, recipe in catalogue().items()}
    tasks = steps["self_instruct/tasks"][0].sampling
    assert (tasks.temperature, tasks.top_p, tasks.presence_penalty, tasks.max_tokens) == (0.7, 0.5, 2.0, 1024)
    assert steps["alpaca/tasks"][0].sampling.temperature == 1.0
    assert [step.name for step in steps["evol/instruct"]] == [f"{kind}{n}" for n in range(4) for kind in ("evolve", "gain", "answer")]
    assert len(steps["evol/instruct"][0].texts["depth"]) == 5
    assert steps["verified/majority"][0].samples == 5
    assert len(steps["preference/grades"][1].aspects) == 4


def test_a_name_inside_the_document_is_not_filled(tokenizer):
    row = Row(Document("d", "Use {passage} and {title} in templates."))
    prompt = next(catalogue()["wrap/easy"].steps[0].prompts(row, tokenizer))
    assert prompt.messages[-1].content.endswith("Use {passage} and {title} in templates.")


def test_a_recipe_file_of_the_user(tmp_path, tokenizer):
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    [recipe] = recipes_of([use(str(path))])
    assert recipe.name == "mine/haiku"
    prompt = next(recipe.steps[0].prompts(Row(Document("d", "Waves.")), tokenizer))
    assert prompt.messages[0].content == "Make a haiku of this. Keep {braces: as they are}.\n\nWaves."
    assert prompt.sampling.temperature == 0.2


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("{passage}", "{pasage}", r"mine.yaml, line 8: `styles.haiku.prompt`: the prompt uses `{pasage}`.*did you mean `passage`"),
        ("\\n\\n{passage}", "", r"line 8: `styles.haiku.prompt`: the prompt never uses `{passage}`"),
        ("parser: paraphrase", "parser: poem", r"mine.yaml, line 5: `parser`: unknown parser `poem`"),
        ("parser: paraphrase", "parser: score\nkeep: {score: 3}", r"line 6: unknown key `keep`"),
        ("    prompt", "    keep: {scor: 3}\n    prompt", r"line 8: `styles.haiku.keep.scor`: the parser `paraphrase` gives no `scor`"),
        (
            "passage_tokens: 100",
            "passage_tokens: -1",
            r"line 3: `passage_tokens`: should be greater than or equal to 1",
        ),
        ("styles:", "styles: [", r"mine.yaml, line \d+: .*"),
        ("temperature", "temprature", r"line 4: unknown key `sampling.temprature` \(did you mean `temperature`\?\)"),
        ("prompt:", "promt:", r"unknown key `styles\.\w+\.promt` \(did you mean `prompt`\?\)"),
        ("passage_tokens: 100\n", "", "`passage_tokens` is missing"),
        ("parser: paraphrase", "parser: paraphrase\nfamily: yours", r"mine.yaml, line 6: the key `family` stands twice, lines 1 and 6"),
        ("  haiku:", "  1: {}\n  haiku:", r"mine.yaml, line 7: the key `styles.1` is no text .quote it"),
        ("temperature: 0.2", "temperature: !!float warm", r"mine.yaml, line 4: not valid YAML: `warm` is no float"),
        ("temperature: 0.2", "temperature: warm", r"line 4: `sampling.temperature`: .*`rephrase config recipe` explains the keys"),
        ("family: mine\n", "", r"the key `family` is missing .add it; `rephrase config recipe` explains the keys"),
        ("title: Mine, ", "", r"line 2: the key `paper.title` is missing .add it; `rephrase config recipe` explains the keys"),
    ],
)
def test_a_wrong_recipe_file_is_refused_with_line_and_reason(tmp_path, before, after, message):
    path = tmp_path / "mine.yaml"
    path.write_text(MINE.replace(before, after))
    with pytest.raises(UserError, match=message):
        recipes_of([use(str(path))])


def test_mistaken_uses_are_refused():
    with pytest.raises(UserError, match=r"no recipe `wrap/medum` \(did you mean `wrap/medium`\?\)"):
        validate(RecipeUse, "wrap/medum", "recipe")
    with pytest.raises(UserError, match=r"no recipe `code` \(that is a family: `code/\*` takes all of it, `code/concepts` one\)"):
        validate(RecipeUse, "code", "recipe")  # of which a part is in Python
    with pytest.raises(UserError, match="`wrap/easy` is named twice"):
        recipes_of([use("wrap/*"), use("wrap/easy")])
    with pytest.raises(UserError, match=r"unknown option `tripples` \(did you mean `triples`\?\)"):
        validate(RecipeUse, {"use": "entigraph", "options": {"tripples": 1}}, "recipe")
    with pytest.raises(UserError, match="no such recipe file"):
        recipes_of([use("/nowhere/mine.yaml")])


def test_the_digest_follows_meaning():
    plain, warm = recipes_of([use("wrap/easy")]) + recipes_of([use("wrap/easy", sampling={"temperature": 1.0})])
    few, many = recipes_of([use("entigraph", options={"triples": 0.1})]) + recipes_of([use("entigraph")])
    assert plain.digest != warm.digest
    assert warm.steps[0].sampling.temperature == 1.0
    assert few.digest != many.digest
    assert plain.digest == recipes_of([use("wrap/easy")])[0].digest


def test_a_recipe_in_python_does_not_take_the_name_of_one_in_a_file(monkeypatch):
    entry = replace(recipes.find("entigraph/relations"), name="wrap/easy")
    monkeypatch.setattr(recipes, "items", lambda: iter([("wrap", recipes.find("wrap")), ("wrap/easy", entry)]))
    with pytest.raises(UserError, match=r"plugins: two packages register the recipe `wrap/easy` .*another name"):
        find_recipes("wrap/*")


def test_a_recipe_comes_several_times_in_a_run_under_names_of_its_own():
    uses = [{"use": "domain_qa/edge_cases", "options": {"questions": n}, "name": name} for n, name in ((3, "few"), (9, "many"))]
    plain, few, many = recipes_of([RecipeUse.model_validate(use) for use in ("domain_qa/edge_cases", *uses)])
    assert [plain.name, few.name, many.name] == ["domain_qa/edge_cases", "domain_qa/edge_cases@few", "domain_qa/edge_cases@many"]
    assert few.family == "domain_qa"
    assert len({plain.digest, few.digest, many.digest}) == 3


def test_rows_of_a_recipe_under_a_name_of_its_own_are_its_own():
    uses = [{"use": "tinystories/story", "options": {"count": 1}, "name": name} for name in (None, "more")]
    ids = [next(iter(recipe.rows.documents())).id for use in uses for recipe in recipes_of([RecipeUse.model_validate(use)])]
    assert len(set(ids)) == 2


def test_two_entries_without_names_of_their_own_are_refused_with_the_cure():
    uses = [RecipeUse.model_validate(use) for use in ("wrap/qa", {"use": "wrap/*", "sampling": {"temperature": 0.5}})]
    with pytest.raises(UserError, match=r"`wrap/qa` is named twice .*names of their own: {use: …, name: short}"):
        recipes_of(uses)
    named = RecipeUse.model_validate({"use": "wrap/*", "name": "cool"})
    assert [recipe.name for recipe in recipes_of([uses[0], named])][:2] == ["wrap/qa", "wrap/easy@cool"]


def test_checks_hold_the_bounds_of_the_recipe_against_each_of_its_names():
    assert fits("wrap/qa@short", "wrap/qa")
    assert fits("wrap/qa@short", "wrap/qa@*")
    assert fits("wrap/qa@short", "wrap/*")
    assert not fits("wrap/qa", "wrap/qa@short")
