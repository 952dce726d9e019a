from __future__ import annotations

import random

import pytest

from rephrase.errors import UserError
from rephrase.recipes.baseline import disturb, read_synonyms
from tests.rephrase.recipes.play import play

TEXT = "The old house near the road is small, but people often say it has a great place for work. " * 10


@pytest.mark.parametrize("operation", ["delete", "swap", "insert", "replace"])
def test_noise_touches_about_a_tenth_of_the_words_and_asks_no_model(operation, tokenizer):
    played = play(f"baseline/{operation}", TEXT.strip(), {}, tokenizer)
    assert played.prompts["rewrite"] == []
    assert played.texts("rewrite") == play(f"baseline/{operation}", TEXT.strip(), {}, tokenizer).texts("rewrite")
    assert {(row["model"], row["engine"], row["synthetic_depth"]) for row in played.rows["rewrite"]} == {("none", "none", 0)}
    before, after = TEXT.split(), " ".join(played.texts("rewrite")).split()
    change = {"delete": -0.1, "swap": 0, "insert": 0.1, "replace": 0}[operation]
    assert len(after) == pytest.approx(len(before) * (1 + change), rel=0.05)
    if operation == "swap":
        assert sorted(word.strip(".,") for word in after) == sorted(word.strip(".,") for word in before)
    assert after != before


@pytest.mark.parametrize(("words", "times"), [(5, 1), (19, 1), (20, 2), (199, 19)])
def test_alpha_of_the_words_are_swapped_inserted_or_replaced_rounded_down_and_one_at_least(words, times):
    text = " ".join(f"w{n}" for n in range(words))
    like = {f"w{n}": (f"x{n}",) for n in range(words)}
    replaced = disturb(text, "replace", 0.1, random.Random(0), like).split()
    assert sum(word.startswith("x") for word in replaced) == times
    few = {"w0": ("x0",)}
    assert len(disturb(text, "insert", 0.1, random.Random(0), few).split()) == words + times, "one word may lend its synonyms often"
    moved = [a != b for a, b in zip(text.split(), disturb(text, "swap", 0.1, random.Random(0), {}).split(), strict=True)]
    assert 2 <= sum(moved) <= 2 * times
    gone = [words - len(disturb(text, "delete", 0.1, random.Random(seed), {}).split()) for seed in range(200)]
    assert sum(gone) / len(gone) == pytest.approx(0.1 * words, rel=0.2, abs=0.2)


def test_the_shipped_synonyms_are_enough_for_a_tenth_of_plain_prose():
    text = (
        "Last year the city started a new project for people who want to learn how their homes use power. A small team visits each family, "
        "looks at the house, and explains which changes cost little money and which take a long time to pay for themselves. Many "
        "members of the community have asked for help, and the first results show that bills were reduced in several areas."
    )
    replaced = disturb(text, "replace", 0.1, random.Random(0), read_synonyms(None)).split()
    assert sum(a != b for a, b in zip(text.split(), replaced, strict=True)) == int(0.1 * len(text.split()))


def test_words_of_one_text_and_of_none():
    assert disturb("Alone.", "delete", 0.99, random.Random(0), {}) == "Alone."
    assert disturb("…", "swap", 0.5, random.Random(0), {}) == "…"


def test_synonyms_come_from_the_users_file(tmp_path, tokenizer):
    (tmp_path / "words.txt").write_text("house, dwelling\n")
    played = play("baseline/replace", "House house house.", {}, tokenizer, synonyms=str(tmp_path / "words.txt"), alpha=0.9)
    assert played.texts("rewrite")[0].lower().count("dwelling") == 2, "0.9 of three words, rounded down as in the paper's code"
    with pytest.raises(UserError, match="no such file of synonyms"):
        read_synonyms("/nowhere/words.txt")
