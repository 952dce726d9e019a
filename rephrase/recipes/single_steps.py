"""What a run changes of single steps of a recipe: the engine that answers them, and their sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from rephrase.engines.base import Sampling
from rephrase.errors import UserError
from rephrase.recipes.base import Numbered, Recipe, Step
from rephrase.recipes.sections import SamplingSection
from rephrase.settings.section import Section


class StepUse(Section):
    """What is changed of one step of a recipe."""

    engine: str | None = None
    """Which of the run's `engines` answers its prompts; default: the recipe's."""
    sampling: SamplingSection = SamplingSection()
    """Sampling fields that replace the step's."""


def names_of(step: Step) -> list[str]:
    """By what names a run knows a step: its own, and before that the kind of one that comes again in each round."""
    return [step.kind, step.name] if isinstance(step, Numbered) else [step.name]


def with_changed_steps(recipe: Recipe, engine: str | None, changes: Mapping[str, StepUse]) -> Recipe:
    """The recipe with the engine of all its steps, and with the changes of single ones by their names.

    What is said of one round wins over what is said of all. Raises `UserError` for the sampling of a step that has none.
    """
    engines: dict[str, str] = {}
    steps: list[Step] = []
    for step in recipe.steps:
        changed, name = step, engine
        for change in (changes[known] for known in names_of(step) if known in changes):
            changed, name = _with_sampling(changed, change.sampling, recipe.name), change.engine or name
        steps.append(changed)
        if name is not None:
            engines[step.name] = name
    return replace(recipe, steps=tuple(steps), engines=engines)


def _with_sampling(step: Step, sampling: SamplingSection, recipe: str) -> Step:
    if not sampling.model_dump():
        return step
    own: Sampling | None = getattr(step, "sampling", None)
    if not is_dataclass(step) or not isinstance(own, Sampling) or "sampling" not in {field.name for field in fields(step)}:
        cure = "remove `sampling`"
        raise UserError("the step has no sampling that could be changed", where=f"recipe `{recipe}`, step `{step.name}`", cure=cure)
    changes: dict[str, Any] = {"sampling": sampling.over(own)}
    return replace(step, **changes)
