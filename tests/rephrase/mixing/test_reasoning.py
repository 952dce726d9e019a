"""Texts of a mixture that hold the reasoning that led to them: exactly as it says, and counted as they are."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from tokenizers import Tokenizer as Inner

from rephrase.errors import UserError
from rephrase.mixing.dataset_card import dataset_card
from rephrase.mixing.reasoning import with_reasoning
from rephrase.mixing.settings import Mix
from rephrase.settings.validation import validate
from rephrase.text.tokenizer import Tokenizer

THOUGHT = "The Moon pulls, so the sea must follow."
TEXT = "The tide rises."


def taken_up(rows: list[tuple[str, str | None]], tokenizer: Tokenizer, **settings: Any) -> list[tuple[str, int]]:
    columns = {"text": [text for text, _ in rows], "reasoning": [reasoning for _, reasoning in rows], "n_tokens": [1] * len(rows)}
    joint = Mix(**settings).joint
    assert joint is not None
    made = with_reasoning(pa.table(columns), joint, tokenizer)
    assert made.column_names == ["text", "n_tokens"]
    return list(zip(made.column("text").to_pylist(), made.column("n_tokens").to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"reasoning": "keep"}, f"{THOUGHT}\n\n{TEXT}"),
        ({"reasoning": "wrap"}, f"<think>\n{THOUGHT}\n</think>\n\n{TEXT}"),
        ({"reasoning": "wrap", "reasoning_marks": ("[", "] ")}, f"[{THOUGHT}] {TEXT}"),
    ],
)
def test_reasoning_stands_before_its_text_and_both_are_counted(settings: dict[str, Any], expected: str, tokenizer: Tokenizer) -> None:
    assert taken_up([(TEXT, THOUGHT)], tokenizer, **settings) == [(expected, tokenizer.count([expected])[0])]


def test_a_text_without_reasoning_or_with_it_in_itself_stays_as_it_is(tokenizer: Tokenizer) -> None:
    told = f"{TEXT}\n\n{THOUGHT}"
    rows = [(TEXT, None), (TEXT, ""), (TEXT, "\n "), (told, THOUGHT)]
    assert taken_up(rows, tokenizer, reasoning="wrap") == [(text, 1) for text, _ in rows]


def test_marks_that_the_tokenizer_knows_as_tokens_are_counted_as_exports_write_them(tokenizer_file: str) -> None:
    inner = Inner.from_file(tokenizer_file)
    inner.add_tokens(["<think>", "</think>"])
    knows = Tokenizer(inner, "knows")
    [(text, length)] = taken_up([(TEXT, THOUGHT)], knows, reasoning="wrap")
    assert length == len(knows.encode([text])[0]) > knows.count([text])[0]


def test_marks_without_wrapping_are_refused() -> None:
    with pytest.raises(UserError, match=r"`reasoning_marks` wrap reasoning, and nothing is wrapped.*add reasoning: wrap"):
        validate(Mix, {"reasoning": "keep", "reasoning_marks": ["(", ")"]}, "mix")
    with pytest.raises(UserError, match="reasoning_marks"):
        validate(Mix, {"reasoning": "wrap", "reasoning_marks": ["("]}, "mix")


@pytest.mark.parametrize(
    ("kind", "words"), [("drop", None), ("keep", "with an empty line between"), ("wrap", "with `<think>` and `</think>`")]
)
def test_the_card_tells_where_reasoning_stands(kind: str, words: str | None) -> None:
    columns = ("origin", "recipe", "source", "license", "language")
    manifest = {"rows": 1, "tokens": 2, "files": [], "models": [], "components": [], "counts": {column: [] for column in columns}}
    card = dataset_card({**manifest, "config": {"mix": Mix(reasoning=kind).model_dump(mode="json")}})
    assert (words or "## Loading") in card
    assert ("## Reasoning" in card) is (words is not None)
