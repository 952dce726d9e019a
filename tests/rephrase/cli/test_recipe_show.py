"""`rephrase recipes show` on every shipped recipe: what it asks, its numbers with their sources, and its options, for people."""

from __future__ import annotations

import re

import pytest

from rephrase.cli.recipe_show import show
from rephrase.recipes.catalogue import catalogue, entries_named
from rephrase.settings.explanations import explanations

COLUMNS = 100
# Objects and what else stands in a program, not on a page. Prompts that show programs or JSON have none of them.
INTERNALS = re.compile(
    r"object at 0x|<\w+(?:\.\w+)+|Path\(|mappingproxy|frozenset|\b[A-Z]\w+\(\w+=|\{'|\['|\[\[|\b[0-9a-f]{16,}\b|\b0\.\d{4,}"
    r"|: (?:None|null|True|False)$"
)


def shown(name: str, capsys, monkeypatch, columns: int = COLUMNS) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    show(name)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("name", catalogue())
def test_a_recipe_is_shown_as_people_read_it(name, capsys, monkeypatch):
    recipe, [entry] = catalogue()[name], entries_named(name)
    lines = shown(name, capsys, monkeypatch)
    assert max(map(len, lines)) <= COLUMNS
    inside = [line.strip("│╭╰─╮╯ ") for line in lines]
    assert [line for line in inside if INTERNALS.search(line)] == []
    page = " ".join(" ".join(inside).split())
    assert " ".join(recipe.summary.split()) in page
    assert recipe.paper.url in page
    assert entry.facts or name.startswith("baseline/"), "where its numbers come from; the baseline's are told with its options"
    assert " ".join(entry.facts.split())[:60] in page
    meanings = explanations(entry.options)
    for option in entry.options.model_fields:
        assert re.search(rf"{option}: \S", page), option
        of_a_file = rf"stands for `{{{option}}}`|is drawn from it|The rows of the recipe are made of it"
        assert meanings[option] in page if meanings else re.search(of_a_file, page), option
    for step in recipe.steps:
        assert f"step {step.name.rstrip('0123456789')}" in page
        assert " ".join(getattr(step, "prompt", "").split())[:200] in page


def test_a_narrow_terminal_is_enough(capsys, monkeypatch):
    for name in ("seeded/flashcards", "tools/from_document", "long/aggregate", "thinking/errors", "mga/reformulate"):
        assert max(map(len, shown(name, capsys, monkeypatch, columns=60))) <= 60


def test_formats_and_shares_are_told_by_their_names(capsys, monkeypatch):
    flashcards = "\n".join(shown("seeded/flashcards", capsys, monkeypatch))
    assert re.search(r"two_statement:\s*│\n│\s+share: 0.05", flashcards)
    assert "Give two statements, and choices that say of both" in flashcards
    dialogue = "\n".join(shown("tools/dialogue", capsys, monkeypatch))
    assert "shares of kinds: single 7, multiple 7, parallel 7, parallel_multiple 7" in dialogue
