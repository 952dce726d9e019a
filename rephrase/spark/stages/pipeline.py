"""The whole pipeline: shard, screen, rewrite, filter, dedup, mix, and a summary of what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rephrase import storage
from rephrase.errors import UserError
from rephrase.spark.stages.dedup import dedup
from rephrase.spark.stages.filter import filter_stage
from rephrase.spark.stages.mix.stage import mix
from rephrase.spark.stages.rewrite.stage import rewrite_stage
from rephrase.spark.stages.screen import screen, screening
from rephrase.spark.stages.shard.stage import shard

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession

STAGES: dict[str, Callable[..., None]] = {
    "shard": shard,
    "screen": screen,
    "rewrite": rewrite_stage,
    "filter": filter_stage,
    "dedup": dedup,
    "mix": mix,
}

_FASTTEXT = ("quality", "language", "ensemble")  # checks whose models are fastText's
_REPLACEABLE = ("filter", "dedup", "mix")  # made from the completions, which stay
_OPTIONAL = {"screen": ("screen", "dedup"), "dedup": ("dedup",)}  # stages that only run where the config has such a section


def run_all(run: Run, spark: LazySession, *, retry_errors: bool = False, replace: bool = False) -> None:
    """All stages in order; each does only what is not there yet. What can be checked without work is checked before any starts.

    `retry_errors`: see `rewrite_stage`; `replace`: see `run_stage`. Raises `UserError` from any stage.
    """
    check(run, here=spark.is_local)
    for name in STAGES:
        if name in ("shard", "screen") and run.input is None:
            continue
        if name in _OPTIONAL and not any(getattr(run, section) for section in _OPTIONAL[name]):
            continue
        run_stage(name, run, spark, retry_errors=retry_errors, replace=replace)


def run_stage(name: str, run: Run, spark: LazySession, *, retry_errors: bool = False, replace: bool = False) -> None:
    """One stage by its name. With `replace` verdicts, duplicates among them and mixtures of another config are removed and made again."""
    more = {"replace": replace} if name in _REPLACEABLE else {"retry_errors": retry_errors} if name == "rewrite" else {}
    STAGES[name](run, spark, **more)


def fasttext_models(run: Run) -> list[str]:
    """The fastText models that the run's stages apply."""
    sections = [section.checks for section in (run.screen, run.filter) if section is not None and section.checks]
    found = [settings for checks in sections for check in checks if isinstance(check, dict) for settings in check.items()]
    models = [path for name, settings in found if settings and settings.get("use", name) in _FASTTEXT for path in _models(settings)]
    given = run.input
    scoring = [path for one in given.scores.values() for path in one.models] if given else []
    return [*models, *scoring, *([given.language_model] if given and given.language_model else ())]


def _models(settings: dict[str, Any]) -> list[str]:
    return [path for path in (settings.get("model"), *(settings.get("models") or ())) if isinstance(path, str)]


def check(run: Run, *, here: bool = False) -> None:
    """Everything that a later stage would refuse, found in the first second: recipes, checks, engine, tokenizer, output, input.

    `here`: whether tasks run on this machine, so that what they need must be there.
    """
    from classifiers.cascade import build_cascade
    from classifiers.fasttext.model import check_exists
    from rephrase.engines.factory import check_engine
    from rephrase.recipes.catalogue import recipes_of
    from rephrase.text.tokenizer import Tokenizer

    recipes = recipes_of(run.recipes)
    Tokenizer.load(run.tokenizer)
    grounded = next((recipe.name for recipe in recipes if recipe.rows is None), None)
    if run.input is None and grounded:
        raise UserError(f"the recipe `{grounded}` works on documents, and the run has no `input`", where="recipes", cure="name files there")
    for pattern in run.input.paths if run.input else ():
        storage.expand(pattern)
    storage.check_writable(run.output)
    for model in fasttext_models(run):
        if here or not storage.is_local(model):  # a cluster's executors may have files that the driver lacks
            check_exists(model)
    if run.screen is not None:
        screening(run)
    build_cascade(run.filter, recipes=[recipe.name for recipe in recipes])
    check_engine(run.engine, here=here)
