"""What the originals allow is told before anything is rewritten, and it is what the mixture comes to."""

from __future__ import annotations

from typing import Any

import pytest

from rephrase.mixing.originals import originals_notice
from rephrase.mixing.settings import Mix

HALVES = [{"origin": "original", "share": 0.5}, {"origin": "synthetic", "share": 0.5}]
TWICE = [{"origin": "original", "max_epochs": 2, "share": 0.2}, {"origin": "synthetic", "share": 0.8}]
TOKENS = [{"origin": "original", "tokens": 9000}, {"origin": "synthetic", "tokens": 10**9}]
BY_SOURCE = [{"origin": "original", "split_by": "source", "share": 0.5}, {"origin": "synthetic", "share": 0.5}]


@pytest.mark.parametrize(
    ("mix", "words"),
    [
        (
            {"components": HALVES},
            "about 15,894 tokens: `original` can give at most 7,947 tokens (max_epochs 1) and has a share of 50%",
        ),
        ({"components": TWICE}, "at most about 79,470 tokens: `original` can give at most 15,894 tokens (max_epochs 2)"),
        (
            {"components": HALVES, "budget_tokens": 10**6},
            "shall give 500,000 tokens and has 7,947 (set budget_tokens to at most 15,894",
        ),
        ({"components": BY_SOURCE, "budget_tokens": 10**6}, "`original` shall give 500,000 tokens and has 7,947"),
        ({"components": TOKENS}, "`original` shall give 9,000 tokens and has 7,947"),
    ],
)
def test_what_originals_allow_is_told(mix: dict[str, Any], words: str) -> None:
    assert words in (originals_notice(Mix.model_validate(mix), 7947) or "")


@pytest.mark.parametrize(
    "mix",
    [
        {"components": HALVES, "budget_tokens": 15_000},
        {"components": [{"origin": "synthetic", "share": 1}]},
        {"components": [{"language": "en", "share": 1}]},
    ],
)
def test_nothing_is_said_where_originals_suffice_or_do_not_count(mix: dict[str, Any]) -> None:
    assert originals_notice(Mix.model_validate(mix), 7947) is None
