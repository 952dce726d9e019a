"""The cascade: all checks on all rows, and a verdict from the first that fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from classifiers.batch import Check, JudgeBatch
from classifiers.configured import ConfiguredCheck, configured, defaults
from classifiers.guard import failures, guarded, verdict_of_failure
from classifiers.settings import Filter, Screen
from rephrase.records import INTERMEDIATE, KEEP

UNPARSED = "parsed"  # the verdict of rows without a text that no configured check has rejected
_BLOCK_ROWS = 256  # rows and characters of a block: its arrays stay in the processor's cache
_BLOCK_CHARACTERS = 1 << 19


@dataclass(frozen=True)
class Cascade:
    """The configured checks. Made by `build_cascade`; picklable, so that it travels to executors.

    >>> build_cascade(Filter(checks=["finished", "length"])).names
    ['finished', 'length']
    """

    configured: tuple[ConfiguredCheck, ...]
    _by_recipe: dict[str, tuple[Check, ...]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def names(self) -> list[str]:
        """The checks, in the order that decides the verdict."""
        return [check.name for check in self.configured]

    def checks(self, recipe: str) -> tuple[Check, ...]:
        """The checks with their settings for rows of this recipe."""
        if recipe not in self._by_recipe:
            self._by_recipe[recipe] = tuple(check.make(recipe) for check in self.configured)
        return self._by_recipe[recipe]

    def describe(self) -> list[dict[str, Any]]:
        """What the verdicts depend on, as JSON values: each check with all its settings, and the identity of its model."""
        return [
            {"name": check.name, "check": check.use, "settings": _described(check.make(""))}
            | {"recipes": {pattern: _described(check.make(pattern)) for pattern in check.patterns()}}
            for check in self.configured
        ]

    def judge(self, batch: JudgeBatch) -> tuple[list[str], list[dict[str, float]]]:
        """The verdict and the scores of each row.

        The verdict is "keep", the name of the first check that rejects the row, "error:NAME" where that check could not judge it, or
        "intermediate" for rows that have neither text nor error. Every check scores every row that it can, whatever the verdict; scores
        that a row does not have are left out, and `NAME.error.EXCEPTION` tells of a check that failed.
        Raises `UserError` where a check's model cannot be loaded.
        """
        verdicts = [KEEP] * len(batch)
        scores: list[dict[str, float]] = [{} for _ in range(len(batch))]
        for indices in _blocks(batch):
            block = batch.rows(indices)
            self._judge_block(block, indices, verdicts, scores)
        return verdicts, scores

    def _judge_block(self, block: JudgeBatch, indices: Sequence[int], verdicts: list[str], scores: list[dict[str, float]]) -> None:
        intermediate = np.array([text is None and error is None for text, error in zip(block.texts, block.errors, strict=True)])
        rejected_by = [""] * len(block)  # the first failing check
        for check in self.checks(block.recipes[0]):
            result = guarded(check, block)
            failed = failures(check.name, result.scores, len(block))
            for row in np.flatnonzero(~result.keep):
                rejected_by[row] = rejected_by[row] or (verdict_of_failure(check.name) if failed[row] else check.name)
            for name, values in result.scores.items():
                for row in np.flatnonzero(~np.isnan(values) & ~intermediate):
                    scores[indices[row]][name] = float(values[row])
        for row, index in enumerate(indices):
            if intermediate[row]:
                verdicts[index] = INTERMEDIATE
            elif rejected_by[row] or not block.has_text[row]:
                verdicts[index] = rejected_by[row] or UNPARSED


def build_cascade(config: Filter | Screen) -> Cascade:
    """The cascade that a run's `filter` or `screen` section names.

    Without `checks` it is that of defaults.yaml. Checks that the section lists run in its order, and no others. What it sets for a check
    replaces the defaults, those for recipes too; what it sets under `recipes` comes last, and of several patterns that fit,
    later ones win. `use: quality` gives a check a name of its own, so that a kind can run twice with different models.

    Raises `UserError` for what the checks find wrong before any row is judged: a model without a threshold, a benchmark without items.

    >>> cascade = build_cascade(Filter(checks=["finished", {"length": {"min_words": 20, "recipes": {"mind/*": {"min_words": 50}}}}]))
    >>> [check.settings.min_words for check in (cascade.checks("wrap/easy")[1], cascade.checks("mind/debate")[1])]
    [20, 50]
    """
    cascade = Cascade(configured(list(defaults())) if config.checks is None else config.checks)
    for check in cascade.configured:
        for recipe in ("", *check.patterns()):
            check.make(recipe)
    return cascade


def _described(check: Check) -> dict[str, Any]:
    settings: dict[str, Any] = check.settings.model_dump(mode="json", exclude=set(check.scheduling))
    return settings | check.identity()


def _blocks(batch: JudgeBatch) -> Iterator[list[int]]:
    """Rows of one recipe each, few enough to be judged at once."""
    by_recipe: dict[str, list[int]] = {}
    for row, recipe in enumerate(batch.recipes):
        by_recipe.setdefault(recipe, []).append(row)
    for rows in by_recipe.values():
        block: list[int] = []
        characters = 0
        for row in rows:
            size = len(batch.texts[row] or "")
            if block and (len(block) == _BLOCK_ROWS or characters + size > _BLOCK_CHARACTERS):
                yield block
                block, characters = [], 0
            block.append(row)
            characters += size
        if block:
            yield block
