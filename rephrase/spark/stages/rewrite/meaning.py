"""What the generations of a run depend on, and which model answered which step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rephrase.recipes.base import Recipe
from rephrase.recipes.condition import Condition
from rephrase.records import MODELS
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.dropped import require
from rephrase.spark.stages.ledger import described, stage_note
from rephrase.spark.stages.meaning import Defaults, Each, Meaning, defaults_of, plain

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.engines.settings import EngineSettings


def meaning_of(run: Run, recipes: Sequence[Recipe]) -> Meaning:
    """What the generations depend on. Raises `UserError` where documents are not screened as the config says."""
    grounded = any(recipe.rows is None for recipe in recipes)
    dropped = require(run, Tables.DOCUMENTS) if grounded else {}
    shard = stage_note(Tables.DOCUMENTS.folder(run.output))["digest"] if grounded else None
    when = {recipe.name: asdict(recipe.when) for recipe in recipes if recipe.when is not None}
    engine = run.all_engines.default
    others = other_engines(run, recipes)
    content = {
        "documents": shard,
        "model": engine.model_name,
        **engine.meaning,
        "tokenizer": os.path.basename(run.tokenizer.rstrip("/")),
        "recipes": {recipe.name: recipe.digest for recipe in recipes},
        **({"when": when} if when else {}),
        **({"engines": {name: {step: _meant(by) for step, by in steps.items()} for name, steps in others.items()}} if others else {}),
        **dropped,
    }
    below = {name: Defaults(below={step: Defaults(_engine_defaults(by)) for step, by in steps.items()}) for name, steps in others.items()}
    explained = {
        "documents": described(Tables.DOCUMENTS.folder(run.output)),
        "recipes": {recipe.name: recipe.description for recipe in recipes},
    }
    inner = {"when": Each(Defaults(plain(asdict(Condition())))), "engines": Defaults(below=below)}
    return Meaning(content, Defaults(_engine_defaults(engine), inner), explained)


def other_engines(run: Run, recipes: Sequence[Recipe]) -> dict[str, dict[str, EngineSettings]]:
    """By recipe and step, the engines of steps whose rows differ by them from the writer's: by the model, or how it is asked."""
    engines = run.all_engines
    others: dict[str, dict[str, EngineSettings]] = {}
    for recipe in recipes:
        for step in recipe.steps:
            engine = engines.find(recipe.engine_of(step))
            if _meant(engine) != _meant(engines.default):
                others.setdefault(recipe.name, {})[step.name] = engine
    return others


def models_of_texts(run: Run, recipes: Sequence[Recipe]) -> dict[str, dict[str, str]]:
    """By recipe and step, the models that have a part in a text of the step, joined by ` + `: of recipes that several models answer.

    A judge's step gives texts that it has chosen and another model has written.
    """
    engines = run.all_engines
    models: dict[str, dict[str, str]] = {}
    for recipe in recipes:
        names = [engines.find(recipe.engine_of(step)).model_name for step in recipe.steps]
        if len(set(names)) > 1:
            models[recipe.name] = {step.name: MODELS.join(dict.fromkeys(names[: n + 1])) for n, step in enumerate(recipe.steps)}
    return models


def _meant(engine: EngineSettings) -> dict[str, Any]:
    return {"model": engine.model_name, **engine.meaning}


def _engine_defaults(engine: EngineSettings) -> dict[str, Any]:
    return {key: value for key, value in defaults_of(type(engine)).values.items() if key in engine.meaning}
