"""Recipe files of users: what they may leave out, and what is wrong with them in one line."""

from __future__ import annotations

import re

import pytest

from rephrase.engines.base import Completion
from rephrase.errors import UserError
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import catalogue, recipes_named
from rephrase.records import Document

MINE = """\
family: mine
passage_tokens: 300
options: {form: a sonnet}
styles:
  poem:
    prompt: "Write {form} on this. {passage}"
"""


def write(folder, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_a_recipe_file_needs_no_paper(tmp_path):
    [recipe] = recipes_named(write(tmp_path, MINE))
    assert (recipe.name, recipe.paper.title) == ("mine/poem", "")


THINKING = """\
family: mine
passage_tokens: 300
styles:
  thinking: {prompt: "Explain this. {passage}", text: "<think>\\n{reasoning}\\n</think>\\n\\n{rewrite}"}
  fields: {prompt: "Explain this. {passage}", parser: {sections: {fields: [reasoning, answer]}}, text: "{reasoning} {answer}"}
"""


def test_a_text_may_ask_for_the_reasoning_before_the_answer(tmp_path, tokenizer):
    thinking, fields = recipes_named(write(tmp_path, THINKING))

    def text(recipe, completion: Completion):
        [prompt] = recipe.steps[0].prompts(Row(Document("d", "The tide rises.", metadata={"reasoning": "foreign"})), tokenizer)
        parsed = recipe.steps[0].parse(prompt, completion, tokenizer)
        return parsed.text or parsed.error

    assert (
        text(thinking, Completion("The sea climbs.", reasoning="The Moon pulls."))
        == "<think>\nThe Moon pulls.\n</think>\n\nThe sea climbs."
    )
    assert text(thinking, Completion("The sea climbs.")) == "parse:no_reasoning"
    sections = Completion("Reasoning: so\nAnswer: it rises", reasoning="The Moon pulls.")
    assert text(fields, sections) == "so it rises", "a part of the answer that is called so comes first"


def test_every_shipped_recipe_names_its_paper():
    assert [name for name, recipe in catalogue().items() if not (recipe.paper.title and recipe.paper.url)] == []


def test_a_paper_is_no_part_of_a_recipes_digest(tmp_path):
    [without] = recipes_named(write(tmp_path, MINE))
    [with_paper] = recipes_named(write(tmp_path, MINE + "paper: {title: A paper, url: https://example.org}\n"))
    assert without.digest == with_paper.digest
    assert with_paper.paper.title == "A paper"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ("passage_tokens: 300", f"passage_tokens: {'9' * 5000}", 2, "is a number of more than 400 characters"),
        ("passage_tokens: 300", f"passage_tokens: {'[' * 10_000}", 2, "nested more than 100 levels deep"),
        ("passage_tokens: 300", "passage_tokens: !!int ''", 2, "not valid YAML: `` is no int"),
        ("{form: a sonnet}", "{form: a sonnet}\na: &a [*a]", 4, "`a.0` contains itself"),
        ("{form: a sonnet}", "\n" + "".join(f"  k{n}: 1\n" for n in range(100_000)), 15_000, "more than 30,000 keys and values"),
    ],
)
def test_a_mistake_is_told_with_its_line(before, after, line, message, tmp_path):
    path = write(tmp_path, MINE.replace(before, after))
    with pytest.raises(UserError, match=message) as failure:
        recipes_named(path)
    assert failure.value.where == f"{path}, line {line}"


@pytest.mark.parametrize(
    ("name", "message"), [("a\0b.yaml", "the path holds a NUL"), (f"{'a' * 300}.yaml", "cannot read.*File name too long")]
)
def test_a_path_that_cannot_be_is_told_in_one_line(name, message):
    with pytest.raises(UserError, match=message):
        recipes_named(name)


LONG = """\
family: mine
passage_tokens: 300
sampling: {temperature: 0.7, max_tokens: 512}
options: {form: a sonnet, moods: [glad, wistful], n: 2}
styles:
  tutorial:
    parser: {dialogue: {min_turns: 4}}
    prompt: |
      Write a tutorial.

      {passage}
  poem:
    steps:
      - name: draft
        choose: {mood: moods}
        draws: n
        prompt: "Write {form}, {mood}, on this.\\n\\n{passage}"
      - name: points
        parser: items
        prompt: "List.\\n\\n{draft}"
      - name: polish
        each: true
        prompt: "Make this {form} better: {item}.\\n\\n{draft}"
      - name: judge
        parser: score
        keep: {score: 4}
        text: "{polish}"
        prompt: "Grade it as Score: N.\\n\\n{polish}"
  story:
    rows: {count: n, choose: {mood: moods}, text: "{mood}"}
    prompt: "Tell a story. {passage}"
"""
DIALOGUE = "{dialogue: {min_turns: 4}}"
MISTAKES = [
    ("family: mine", "famly: mine", 1, "unknown key `famly` .did you mean `family`"),
    ("tokens: 300", "tokens: 0", 2, "`passage_tokens`: should be greater than or equal to 1 or 'document', not 0"),
    ("tokens: 300", "tokens: whole", 2, "`passage_tokens`: should be .*'document', not 'whole'"),
    ("tokens: 300", "tokens: '300'", 2, "`passage_tokens`: should be a whole number, not '300' .write 300 without quotes"),
    ("passage_tokens: 300\n", "", 5, "`styles.tutorial`: `passage_tokens` is missing .say how long"),
    ("tokens: 300", "tokens: 300\nmin_passage_tokens: 400", 3, "`min_passage_tokens`: passages of 300 tokens at most are all shorter"),
    ("tokens: 300", "tokens: 300\nsystem: 'You are {fom}'", 3, "`system`: the prompt uses `{fom}`.*did you mean `form`"),
    ("max_tokens: 512", "max_tokens: true", 3, "`sampling.max_tokens`: should be a whole number, not true"),
    (DIALOGUE, "{dialogue: {min_turn: 4}}", 7, "unknown key `styles.tutorial.parser.dialogue.min_turn` .did you mean `min_turns`"),
    (DIALOGUE, "{dialogue: {min_turns: four}}", 7, "parser.dialogue.min_turns`: should be a whole number, not 'four'"),
    (DIALOGUE, "dialog", 7, "`styles.tutorial.parser`: unknown parser `dialog` .did you mean `dialogue`"),
    (DIALOGUE, "{dialogue: 4}", 7, "`styles.tutorial.parser.dialogue`: should be keys with values, not 4"),
    (DIALOGUE, "[dialogue]", 7, "`styles.tutorial.parser`: should be text or keys with values, not a list"),
    (DIALOGUE, "{dialogue: {}, score: {}}", 7, "a parser is one name with its settings"),
    (DIALOGUE, "{score: {low: 5, high: 1}}", 7, "`low` is 5 and `high` 1: nothing is between them"),
    (DIALOGUE, "{items: {min_items: 9, max_items: 3}}", 7, "`min_items` is 9 and `max_items` 3: nothing is between them"),
    (DIALOGUE, "{label: {labels: [a, b], reject: [c]}}", 7, "parser.label.reject.0`: `c` is none of the labels"),
    ("      {passage}\n", "      {pasage}\n", 8, "`styles.tutorial.prompt`: the prompt uses `{pasage}`.*did you mean `passage`"),
    ("      {passage}\n", "", 8, "`styles.tutorial.prompt`: the prompt never uses `{passage}`"),
    ("{mood: moods}\n", "{mood: mods}\n", 15, "steps.0.choose.mood`: `mods` is no option that holds a list .did you mean `moods`"),
    ("moods: [glad, wistful]", "moods: []", 15, "steps.0.choose.mood`: the option `moods` is an empty list .give it an item"),
    ("draws: n", "draws: m", 16, "`styles.poem.steps.0.draws`: there is no option `m`"),
    ("draws: n", "draws: form", 16, "steps.0.draws`: the option `form` is 'a sonnet', no number of at least 1"),
    ("draws: n", "draws: 2.5", 16, "steps.0.draws`: should be a whole number or text, not 2.5"),
    ("{form}, {mood}, on", "{form}, {mod}, on", 17, "steps.0.prompt`: the prompt uses `{mod}`.*did you mean `mood`"),
    ("- name: points", "- name: draft", 18, "`styles.poem.steps.1.name`: two steps are called `draft`"),
    ("- name: points", "- name: points\n        of: drafts", 19, "steps.1.of`: there is no step `drafts` before.*did you mean `draft`"),
    ("parser: items", "parser: score", 22, "steps.2.each`: `each` takes a list apart, and the parser `score` of the step `points`"),
    (
        "- name: draft",
        "- name: draft\n        each: true",
        15,
        "steps.0.each`: `each` takes the list of an earlier step apart, and there is none",
    ),
    ("keep: {score: 4}", "keep: {scor: 4}", 26, "steps.3.keep.scor`: the parser `score` gives no `scor` .did you mean `score`"),
    ('text: "{polish}"', 'text: "{polsh}"', 27, "steps.3.text`: .*`{polsh}`.*did you mean `polish`"),
    ("rows: {count: n,", "rows: {count: nn,", 30, "`styles.story.rows.count`: there is no option `nn` .did you mean `n`"),
    ("rows: {count: n,", "rows: {", 30, "`styles.story.rows`: `rows` needs `of` or `count`"),
    ("rows: {count: n,", "rows: {of: mods,", 30, "rows.of`: `mods` is no option that holds a list .did you mean `moods`"),
    ("choose: {mood: moods}, text", "choose: {mood: mood}, text", 30, "rows.choose.mood`: `mood` is no option that holds a list"),
    ('text: "{mood}"', 'text: "{mod}"', 30, "`styles.story.rows.text`: .*`{mod}`.*did you mean `mood`"),
    ("  story:\n", "  story: null\n  tale:\n", 29, "the key `styles.story` has no value"),
    ("    steps:\n", "    keep: {score: 1}\n    steps:\n", 13, "`styles.poem.keep`: a recipe has either `steps` or a `keep` of its own"),
]


def test_the_file_that_is_mutated_is_right(tmp_path):
    assert [recipe.name for recipe in recipes_named(write(tmp_path, LONG))] == ["mine/tutorial", "mine/poem", "mine/story"]


@pytest.mark.parametrize(("before", "after", "line", "message"), MISTAKES, ids=[after.strip()[:40] for _, after, _, _ in MISTAKES])
def test_a_mistake_is_told_with_the_line_of_its_key(before, after, line, message, tmp_path):
    assert LONG.count(before) == 1, before
    path = write(tmp_path, LONG.replace(before, after))
    with pytest.raises(UserError) as failure:
        recipes_named(path)
    told = failure.value.line()
    assert told.startswith(f"{path}, line {line}: "), told
    assert re.search(message, told), told
    assert failure.value.cure


def test_a_name_that_cannot_stand_in_braces_is_told(tmp_path):
    steps = "- {name: draft2, prompt: '{passage}'}\n      - {name: last, prompt: 'Better. {draft2}'}\n      - name: draft"
    path = write(tmp_path, LONG.replace("- name: draft", steps))
    with pytest.raises(UserError, match=r"line 15: `styles.poem.steps.1.prompt`: `{draft2}` would stay in the prompt as it is"):
        recipes_named(path)
