"""The whole pipeline: shard, screen, rewrite, filter, dedup, mix, and a summary of what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.errors import UserError
from rephrase.settings.paths import FastTextModel, InputFiles, paths_in
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
    checks = [check for section in (run.screen, run.filter) if section for check in section.checks or ()]
    sections = [section for check in checks for _, section in check.sections()]
    return list(dict.fromkeys(path for section in (*sections, run) for path in paths_in(section, FastTextModel)))


def check(run: Run, *, here: bool = False) -> None:
    """Everything that a later stage would refuse, found in the first second: recipes, checks, engine, tokenizer, output, input.

    `here`: whether tasks run on this machine, so that what they need must be there.
    """
    from classifiers.cascade import build_cascade
    from classifiers.fasttext.model import check_exists
    from rephrase.recipes.catalogue import recipes_of
    from rephrase.text.tokenizer import Tokenizer

    recipes = recipes_of(run.recipes)
    Tokenizer.load(run.tokenizer)
    grounded = next((recipe.name for recipe in recipes if recipe.rows is None), None)
    if run.input is None and grounded:
        raise UserError(f"the recipe `{grounded}` works on documents, and the run has no `input`", where="recipes", cure="name files there")
    for pattern in paths_in(run, InputFiles):
        storage.expand(pattern)
    storage.check_writable(run.output)
    for model in fasttext_models(run):
        if here or storage.is_s3(model):  # a cluster's executors may have files that the driver lacks
            check_exists(model)
    if run.screen is not None:
        screening(run)
    build_cascade(run.filter)
    run.engine.check(here=here)
