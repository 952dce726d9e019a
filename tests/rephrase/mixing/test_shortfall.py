"""Shares that are not those asked for are explained, with what limits them."""

from __future__ import annotations

from typing import Any

from rephrase.mixing.plan import ComponentPlan, Draw
from rephrase.mixing.shortfall import share_notes


def component(name: str, share: float, *, target: int, tokens: int, available: int, rows: int, **more: Any) -> ComponentPlan:
    values = {
        "phase": 0,
        "pool": 0,
        "max_epochs": 1.0,
        "start": Draw(),
        "end": Draw(),
        "rows": rows,
        "written_tokens": 0,
        "original_tokens": 0,
    }
    counts = {"target_tokens": target, "tokens": tokens, "available_tokens": available, "available_rows": rows}
    return ComponentPlan(name=name, share=share, **{**values, **counts, **more})


def test_shares_as_asked_need_no_word() -> None:
    parts = [
        component("original", 0.6, target=6000, tokens=6010, available=90_000, rows=90),
        component("synthetic", 0.4, target=4000, tokens=3990, available=8000, rows=400),
    ]
    assert share_notes(parts) == []


def test_the_component_that_limits_a_small_mixture_is_named_with_what_lifts_it() -> None:
    parts = [
        component("original", 0.6, target=1500, tokens=2818, available=50_000, rows=20),
        component("synthetic", 0.4, target=1000, tokens=1000, available=1000, rows=12),
    ]
    notes = share_notes(parts)
    assert any(
        "`original` shall give 1,500 tokens (60.0%) and gives 2,818 (73.8%)" in note and "about 2,500 tokens" in note for note in notes
    )
    assert any(
        "`synthetic` limits the mixture: all its 1,000 tokens are used in 1 epoch" in note and "max_epochs" in note for note in notes
    )


def test_an_empty_component_is_named_and_phases_are_told_apart() -> None:
    first = [component("original", 1.0, target=100, tokens=100, available=900, rows=9)]
    second = [
        component("original", 0.5, target=200, tokens=200, available=900, rows=9, phase=1),
        component("qa", 0.5, target=0, tokens=0, available=0, rows=0, phase=1),
    ]
    assert share_notes(first + second) == ["`qa` has no text: its 50.0% went to the others in proportion"]
    assert share_notes(first) == []


def test_tokens_asked_for_instead_of_shares_are_compared_too() -> None:
    parts = [
        component("a", 0.0, target=500, tokens=900, available=2000, rows=3),
        component("b", 0.0, target=500, tokens=500, available=2000, rows=100),
    ]
    assert "`a` shall give 500 tokens (50.0%) and gives 900 (64.3%)" in share_notes(parts)[0]
