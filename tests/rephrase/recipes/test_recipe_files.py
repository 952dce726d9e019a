"""Recipe files of users: what they may leave out, and what is wrong with them in one line."""

from __future__ import annotations

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
