"""The cascade: all checks on all rows, and a verdict from the first that fails."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any

import numpy as np

from classifiers.batch import Check, JudgeBatch
from classifiers.checks import KINDS
from classifiers.checks.contamination import Contamination
from classifiers.fasttext.card import read_card
from rephrase.config.run import Filter
from rephrase.errors import UserError
from rephrase.records import INTERMEDIATE, KEEP
from rephrase.settings.validation import parse_yaml, validate

UNPARSED = "parsed"  # the verdict of rows without a text that no configured check has rejected
_BLOCK_ROWS = 256  # rows and characters of a block: its arrays stay in the processor's cache
_BLOCK_CHARACTERS = 1 << 19

_Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Layer:
    """Settings of one check from one place: the defaults, or the user's config."""

    base: _Settings
    recipes: dict[str, _Settings]

    def for_recipe(self, recipe: str) -> _Settings:
        merged = dict(self.base)
        for pattern, settings in self.recipes.items():
            if fnmatchcase(recipe, pattern):
                merged |= settings
        return merged


@dataclass(frozen=True, slots=True)
class _Configured:
    """A check of the config: a name of its own, a kind, and its settings. Later layers win."""

    name: str
    kind: str
    layers: tuple[_Layer, ...]
    where: str

    def make(self, recipe: str) -> Check:
        settings: _Settings = {}
        for layer in self.layers:
            settings |= layer.for_recipe(recipe)
        return self._valid(settings, "")

    def patterns(self) -> list[str]:
        return list(dict.fromkeys(pattern for layer in self.layers for pattern in layer.recipes))

    def check_settings(self) -> None:
        """Raise a `UserError` for the first setting, of any recipe, that is wrong."""
        base: _Settings = {}
        for layer in self.layers:
            base |= layer.base
        self._valid(base, "")
        for layer in self.layers:
            for pattern, settings in layer.recipes.items():
                self._valid(base | settings, f".recipes.{pattern}")

    def _valid(self, settings: _Settings, inner: str) -> Check:
        kind = KINDS[self.kind]
        cure = f"`rephrase config checks.{self.kind}` explains the keys"
        return kind.make(self.name, validate(kind.settings, settings, f"{self.where}{inner}", cure=cure))


@dataclass(frozen=True)
class Cascade:
    """The configured checks. Made by `build_cascade`; picklable, so that it travels to executors.

    >>> build_cascade(Filter(checks=["finished", "length"])).names
    ['finished', 'length']
    """

    configured: tuple[_Configured, ...]
    _made: dict[str, tuple[Check, ...]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def names(self) -> list[str]:
        """The checks, in the order that decides the verdict."""
        return [check.name for check in self.configured]

    def checks(self, recipe: str) -> tuple[Check, ...]:
        """The checks with their settings for rows of this recipe."""
        if recipe not in self._made:
            self._made[recipe] = tuple(check.make(recipe) for check in self.configured)
        return self._made[recipe]

    def describe(self) -> list[dict[str, Any]]:
        """What the verdicts depend on, as JSON values: each check with all its settings, and the identity of its model."""
        return [
            {"name": check.name, "check": check.kind, "settings": _described(check.make(""))}
            | {"recipes": {pattern: _described(check.make(pattern)) for pattern in check.patterns()}}
            for check in self.configured
        ]

    def judge(self, batch: JudgeBatch) -> tuple[list[str], list[dict[str, float]]]:
        """The verdict and the scores of each row.

        The verdict is "keep", the name of the first failing check, or "intermediate" for rows that have neither text nor error.
        Every check scores every row that it can, whatever the verdict; scores that a row does not have are left out.
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
        names = [*self.names, UNPARSED]
        failed = np.full(len(block), len(names))  # the place of the first failing check
        for place, check in enumerate(self.checks(block.recipes[0])):
            result = check(block)
            failed[~result.keep] = np.minimum(failed[~result.keep], place)
            for name, values in result.scores.items():
                for row in np.flatnonzero(~np.isnan(values) & ~intermediate):
                    scores[indices[row]][name] = float(values[row])
        failed[~block.has_text] = np.minimum(failed[~block.has_text], len(names) - 1)
        for row, index in enumerate(indices):
            if intermediate[row]:
                verdicts[index] = INTERMEDIATE
            elif failed[row] < len(names):
                verdicts[index] = names[failed[row]]


def build_cascade(config: Filter, where: str = "filter.checks", recipes: Sequence[str] | None = None) -> Cascade:
    """The cascade that a run's `filter` section names.

    Without `checks` it is that of defaults.yaml. Checks that the section lists run in its order, and no others. What it sets for a check
    replaces the defaults, those for recipes too; what it sets under `recipes` comes last, and of several patterns that fit,
    later ones win. `use: quality` gives a check a name of its own, so that a kind can run twice with different models.

    `where` stands in front of error messages. With `recipes`, the names of the run's recipes, a pattern that fits none of them is an
    error too. Raises `UserError` for unknown checks and settings, wrong values, and a model without a threshold.

    >>> cascade = build_cascade(Filter(checks=["finished", {"length": {"min_words": 20, "recipes": {"mind/*": {"min_words": 50}}}}]))
    >>> [check.settings.min_words for check in (cascade.checks("wrap/easy")[1], cascade.checks("mind/debate")[1])]
    [20, 50]
    """
    defaults = _defaults()
    configured: list[_Configured] = []
    for name, given in _items(list(defaults) if config.checks is None else config.checks):
        spot = f"{where}.{name}"
        kind = given.get("use", name)
        settings = {key: value for key, value in given.items() if key != "use"}
        if kind not in KINDS:
            near = difflib.get_close_matches(str(kind), KINDS, n=1, cutoff=0.5)
            cure = f"did you mean `{near[0]}`?" if near else f"checks: {', '.join(KINDS)}"
            raise UserError(f"unknown check `{kind}`", where=where, cure=cure)
        if name in [check.name for check in configured]:
            cure = f"give one of them another name, with `use: {kind}` in its settings"
            raise UserError(f"the check `{name}` is listed twice", where=where, cure=cure)
        layers = tuple(layer for layer in (defaults.get(kind), _layer(settings, spot)) if layer)
        check = _Configured(name, kind, layers, spot)
        check.check_settings()
        _check_patterns(layers[-1], recipes, spot)
        configured.append(check)
    return Cascade(tuple(configured))


def _items(checks: Sequence[str | dict[str, dict[str, Any]]]) -> Iterator[tuple[str, _Settings]]:
    for check in checks:
        if isinstance(check, str):
            yield check, {}
        else:
            yield from ((name, settings or {}) for name, settings in check.items())


def _layer(settings: _Settings, where: str) -> _Layer:
    base = {key: value for key, value in settings.items() if key != "recipes"}
    recipes = settings.get("recipes") or {}
    if not isinstance(recipes, dict) or not all(isinstance(value, dict) for value in recipes.values()):
        cure = "for example recipes: {wrap/*: {max: 0.7}}"
        raise UserError("`recipes` is a mapping of recipe names or patterns to settings", where=where, cure=cure)
    return _Layer(base, recipes)


def _check_patterns(layer: _Layer, recipes: Sequence[str] | None, where: str) -> None:
    for pattern in layer.recipes if recipes is not None else ():
        if not any(fnmatchcase(recipe, pattern) for recipe in recipes or ()):
            near = difflib.get_close_matches(pattern, recipes or (), n=1, cutoff=0.5)
            cure = f"did you mean `{near[0]}`?" if near else f"recipes: {', '.join(recipes or ())}"
            raise UserError(f"no recipe of this run fits `{pattern}`", where=f"{where}.recipes", cure=cure)


@functools.cache
def _defaults() -> dict[str, _Layer]:
    data = parse_yaml(resources.files(__package__).joinpath("defaults.yaml").read_text("utf-8"), "defaults.yaml")
    return {name: _layer(settings, f"defaults.yaml, {name}") for name, settings in _items(data["checks"])}


def _described(check: Any) -> _Settings:
    settings: _Settings = check.settings.model_dump(mode="json")
    if model := settings.get("model"):
        card = read_card(model)
        settings["model_digest"] = card.digest if card else None
    if models := settings.get("models"):
        cards = [read_card(model) for model in models]
        settings["model_digests"] = [(card.digest, card.quantiles) if card else None for card in cards]
    if isinstance(check, Contamination):
        settings["benchmarks_digest"] = check.digest
    return settings


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
