"""Answers that were cut at the length that their recipe allows, and what to raise."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.live.words import counted
from rephrase.recipes.base import TRUNCATED
from rephrase.recipes.catalogue import recipes_of

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.notes import GenerationsNote, JudgedNote

_CHECK = "finished"
_LISTED = 3  # recipes of a sentence


def cut_answers(run: Run, notes: Iterable[GenerationsNote], judged: Iterable[JudgedNote]) -> Counter[tuple[str, str]]:
    """How many answers were cut, by recipe and step: those that the parser dropped for it, or that the check `finished` rejected."""
    checks = {check.name for check in run.filter.checks or () if check.use == _CHECK} or {_CHECK}
    dropped, rejected = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for note in notes:
        dropped[note.recipe, note.step] += note.causes.get(TRUNCATED, 0)
    for one in judged:
        rejected[one.recipe, one.step] += sum(one.verdicts.get(check, 0) for check in checks)
    return +(dropped | rejected)  # a dropped answer may have that verdict too


def about_cut(run: Run, cut: Mapping[tuple[str, str], int]) -> str | None:
    """A clause on cut answers, with the setting to raise and its value by recipe; None where none was cut."""
    if not cut:
        return None
    count = sum(cut.values())
    cure = "raise it in the recipe's entry; a small model that repeats itself is cut at any limit"
    return f"{counted(count, 'answer')} {'was' if count == 1 else 'were'} cut at {limit_of(run, cut)}: {cure}"


def limit_of(run: Run, cut: Iterable[tuple[str, str]]) -> str:
    """The setting that cut the answers of these recipes and steps, with its values as far as they are known."""
    places, limits = set(cut), dict[str, int]()
    with contextlib.suppress(UserError):  # a recipe file that is gone since
        for recipe in recipes_of(run.recipes):
            for step in recipe.steps:
                if (recipe.name, step.name) in places and step.output_tokens:
                    limits[recipe.name if len(recipe.steps) == 1 else f"{recipe.name} {step.name}"] = step.output_tokens
    told = [f"{name}: {limit:,}" for name, limit in limits.items()]
    more = [f"{len(told) - _LISTED} more"] if len(told) > _LISTED else []
    return "`sampling.max_tokens`" + (f" ({', '.join([*told[:_LISTED], *more])})" if told else "")
