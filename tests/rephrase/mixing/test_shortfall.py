"""Shares that are not those asked for are explained, with what limits them."""

from __future__ import annotations

from typing import Any

from rephrase.mixing.plan import ComponentPlan, Draw
from rephrase.mixing.settings import Mix
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
    assert share_notes(Mix(), parts) == []


def test_the_component_that_limits_a_small_mixture_is_named_with_what_lifts_it() -> None:
    parts = [
        component("original", 0.6, target=1500, tokens=2818, available=50_000, rows=20),
        component("synthetic", 0.4, target=1000, tokens=1000, available=1000, rows=12),
    ]
    notes = share_notes(Mix(), parts)
    assert any(
        "`original` shall give 1,500 tokens (60.0%) and gives 2,818 (73.8%)" in note and "about 2,500 tokens" in note for note in notes
    )
    assert any("`synthetic` limits the mixture: all its 1,000 tokens are taken" in note and "max_epochs" in note for note in notes)


def test_a_component_that_gives_what_it_should_is_not_told_though_its_share_moves_with_another() -> None:
    parts = [
        component("original", 0.3333, target=1474, tokens=1368, available=90_000, rows=20),
        component("wrap/*", 0.6667, target=2948, tokens=2948, available=2948, rows=12),
    ]
    assert share_notes(Mix(budget_tokens=4422), parts) == [
        "`original` shall give 1,474 tokens (33.3%) and gives 1,368 (31.7%): texts are taken whole, and each has about 4,500 tokens"
    ]


def test_what_limits_a_mixture_is_told_where_all_shares_are_met_too() -> None:
    parts = [
        component("original", 0.6, target=4365, tokens=4365, available=4365, rows=12),
        component("wrap/*", 0.4, target=2910, tokens=2956, available=15_887, rows=96),
    ]
    assert share_notes(Mix(), parts) == [
        (
            "`original` limits the mixture: all its 4,365 tokens are taken; of `wrap/*` 81% are unused; more texts of it, a "
            "larger max_epochs or a smaller share would lift it"
        )
    ]
    assert share_notes(Mix(budget_tokens=7275), parts) == [], "a budget limits it"
    both = [
        component("original", 0.6, target=6000, tokens=6000, available=3000, rows=12, max_epochs=2.0),
        component("wrap/*", 0.4, target=4000, tokens=4000, available=4000, rows=96),
    ]
    assert share_notes(Mix(), both) == [
        (
            "`original` and `wrap/*` limit the mixture: all their 3,000 (2 times) and 4,000 tokens are taken; more texts of them or "
            "a larger max_epochs would lift it"
        )
    ]


def test_a_component_of_many_sources_makes_one_line_of_it() -> None:
    parts = [component(f"original from {n}", 0.1, target=100, tokens=100, available=100, rows=5) for n in range(5)]
    parts += [component(f"web from {n}", 0.1, target=100, tokens=100, available=1000 * (n + 1), rows=5) for n in range(5)]
    [note] = share_notes(Mix(), parts)
    assert "`original from 2` and 2 more limit the mixture: all their 100, 100, 100 and 2 more tokens" in note
    assert "of `web from 4` 98%, of `web from 3` 98%, of `web from 2` 97% and 2 more are unused" in note


def test_an_empty_component_is_named_and_phases_are_told_apart() -> None:
    first = [component("original", 1.0, target=100, tokens=100, available=900, rows=9)]
    second = [
        component("original", 0.5, target=200, tokens=200, available=900, rows=9, phase=1),
        component("qa", 0.5, target=0, tokens=0, available=0, rows=0, phase=1),
    ]
    assert share_notes(Mix(), first + second) == ["`qa` has no text: its 50.0% went to the others in proportion"]
    assert share_notes(Mix(), first) == []


def test_tokens_asked_for_instead_of_shares_are_compared_too() -> None:
    parts = [
        component("a", 0.0, target=500, tokens=900, available=2000, rows=3),
        component("b", 0.0, target=500, tokens=500, available=2000, rows=100),
    ]
    assert "`a` shall give 500 tokens (50.0%) and gives 900 (64.3%)" in share_notes(Mix(), parts)[0]


def test_a_budget_that_whole_texts_do_not_meet_is_told() -> None:
    one = [component("original", 1.0, target=1000, tokens=900, available=9000, rows=20)]
    assert share_notes(Mix(budget_tokens=1000), one) == [
        (
            "1,000 tokens are asked for and 900 taken: texts are taken whole, and each has about 450 tokens, so that a budget is met to "
            "within a text"
        )
    ]
    assert share_notes(Mix(budget_tokens=1000), [component("original", 1.0, target=1000, tokens=995, available=9000, rows=500)]) == []
