from __future__ import annotations

import random

import pytest

from rephrase.errors import UserError
from rephrase.recipes.baseline import disturb, synonyms
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


def test_words_of_one_text_and_of_none():
    assert disturb("Alone.", "delete", 0.99, random.Random(0), {}) == "Alone."
    assert disturb("…", "swap", 0.5, random.Random(0), {}) == "…"


def test_synonyms_come_from_the_users_file(tmp_path, tokenizer):
    (tmp_path / "words.txt").write_text("house, dwelling\n")
    played = play("baseline/replace", "House house house.", {}, tokenizer, synonyms=str(tmp_path / "words.txt"), alpha=0.9)
    assert played.texts("rewrite") == ["Dwelling dwelling dwelling."]
    with pytest.raises(UserError, match="no such file of synonyms"):
        synonyms("/nowhere/words.txt")
