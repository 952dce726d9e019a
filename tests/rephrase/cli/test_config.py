"""`rephrase config KEY` takes what it prints itself, and what users write."""

from __future__ import annotations

import pytest

from rephrase.cli.config import all_keys, keys_at, recipe_keys
from rephrase.cli.main import main


def test_every_key_is_taken_as_it_is_printed():
    keys = list(all_keys())
    for key in keys:
        assert key in keys_at(keys, key.path), key.path


@pytest.mark.parametrize(
    ("asked", "first", "count"),
    [
        ("mix.components[].share", "mix.components[].share", 1),
        ("mix.components.share", "mix.components[].share", 1),
        ("engine.args (vllm)", "engine.args (vllm)", 1),
        ("engine.vllm.args", "engine.args (vllm)", 1),
        ("input.scores.NAME.combine", "input.scores.NAME.combine", 1),
        ("filter.checks.length.max_ratio", "checks.length.max_ratio", 1),
    ],
)
def test_one_key_is_asked_for(asked, first, count):
    keys = keys_at(list(all_keys()), asked)
    assert (keys[0].path, len(keys)) == (first, count)


def test_the_keys_of_one_engine_and_of_no_other():
    keys = keys_at(list(all_keys()), "engine.vllm")
    assert (keys[0].path, keys[0].takes) == ("engine.kind", "vllm")
    assert len(keys) > 5
    assert all(key.path.endswith(" (vllm)") for key in keys[1:])


def test_a_section_of_names_has_all_that_is_below():
    assert [key.path for key in keys_at(list(all_keys()), "input.scores.NAME")][:2] == ["input.scores.NAME", "input.scores.NAME.models"]


def test_a_default_check_is_told_with_its_bounds_by_recipe_and_why():
    keys = {key.path: key for key in keys_at(list(all_keys()), "checks.facts")}
    assert keys["checks.facts (entigraph/*)"].takes == "by default {new_number_share: 0.5, new_name_share: 0.5}"
    assert keys["checks.facts (mind/*)"].takes == ""
    assert keys["checks.facts (mind/*)"].meaning.startswith("No bound: speakers")
    assert "checks.facts (all other recipes)" in keys
    assert "checks.leaked (all recipes)" in {key.path for key in keys_at(list(all_keys()), "checks.leaked")}


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("recipe", "recipe"),
        ("recipe.passage_tokens", "recipe.passage_tokens"),
        ("recipe.parser.dialogue", "recipe.parser.dialogue"),
        ("recipe.styles.prompt", "recipe.styles.NAME.prompt"),
        ("recipe.styles.steps.of", "recipe.styles.NAME.steps[].of"),
    ],
)
def test_the_keys_of_a_recipe_file_are_explained(asked, first):
    assert keys_at([*all_keys(), *recipe_keys()], asked)[0].path == first


def test_every_key_of_a_recipe_file_says_what_it_means_at_one_place():
    keys = [key for key in recipe_keys() if ".sampling." not in key.path and ".parser." not in key.path and ".paper." not in key.path]
    assert [key.path for key in keys[1:] if not key.meaning] == []
    paths = [key.path for key in keys]
    assert len(set(paths)) == len(paths)
    assert "recipe.styles.NAME.parser" not in paths


def test_the_command_prints_them(capsys):
    main(["config", "recipe.styles.prompt"])
    assert capsys.readouterr().out.startswith("recipe.styles.NAME.prompt  str\n")
