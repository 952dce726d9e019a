"""The whole pipeline: its stages in their order, each doing only what is not there yet."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rephrase import storage
from rephrase.errors import UserError
from rephrase.spark.stages.base import Redo, Stage, Table, Tables
from rephrase.spark.stages.declarations.dedup import DedupDocumentsStage, DedupStage
from rephrase.spark.stages.declarations.filter import FilterStage
from rephrase.spark.stages.declarations.mix import MixStage
from rephrase.spark.stages.declarations.rewrite import RewriteStage
from rephrase.spark.stages.declarations.screen import ScreenStage
from rephrase.spark.stages.declarations.shard import ShardStage

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.recipes.base import Recipe
    from rephrase.spark.runtime.session import LazySession

STAGES: tuple[Stage, ...] = (ShardStage(), ScreenStage(), DedupDocumentsStage(), RewriteStage(), FilterStage(), DedupStage(), MixStage())
"""In the order in which a run goes through them."""


def commands() -> dict[str, list[Stage]]:
    """The stages that each command runs, by its name."""
    by_name: dict[str, list[Stage]] = {}
    for stage in STAGES:
        by_name.setdefault(stage.table.maker, []).append(stage)
    return by_name


def run_all(run: Run, spark: LazySession, *, retry_errors: bool = False, replace: bool = False, last: Table = Tables.MIXTURE) -> None:
    """All stages in order. What can be checked without work is checked before any starts.

    With a `limit`, documents are made and screened as without one; what comes after them is a trial on some of them.
    `retry_errors` and `replace`: see `Redo`. `last` is the table to end with. Raises `UserError` from any stage.
    """
    with _observed(run, "run"):
        check(run, here=spark.is_local)
        for stage in STAGES:
            if stage.table.is_on(run):
                with run.lines():
                    _run_one(stage, run, spark, Redo(replaced=replace, errors=retry_errors))
            if stage.table is last:
                break
        if last is Tables.MIXTURE and run.tables:
            from rephrase.spark.stages.lakehouse import commit_tables

            commit_tables(run, spark, STAGES)


@contextlib.contextmanager
def _observed(run: Run, command: str) -> Iterator[None]:
    """Tell other programs of a command: Prometheus, where the run has `metrics`, and whoever gathers spans in this process."""
    from rephrase.live.metrics import served
    from rephrase.live.spans import span

    with contextlib.ExitStack() as stack:
        if run.metrics:
            with run.lines("metrics"):
                stack.enter_context(served(run.metrics.address, run.metrics.port))
        stack.enter_context(span(f"rephrase {command}", output=run.output))
        yield


def _run_one(stage: Stage, run: Run, spark: LazySession, redo: Redo) -> None:
    from rephrase.spark.runtime.lines import at_work
    from rephrase.spark.stages.trials import begin_trial

    on = run if stage.table.of_input else begin_trial(run, spark)
    with at_work(stage.table.stage, on.output):
        stage.run(on, spark, redo)


def run_stage(command: str, run: Run, spark: LazySession, *, retry_errors: bool = False, replace: bool = False) -> None:
    """The stages of one command. With `replace` verdicts, duplicates among them and mixtures of another config are made again."""
    stages = commands()[command]
    configured = [stage for stage in stages if stage.table.is_configured(run)]
    if not configured:
        from rephrase.spark.runtime.progress import console

        sections = " and no ".join(f"`{stage.table.section}`" for stage in stages)
        console.print(f"{command}: the config has no {sections}, all texts stay")
    with _observed(run, command):
        for stage in configured:
            with run.lines():
                check_verdicts(stage, run.trial())
                _run_one(stage, run, spark, Redo(replaced=replace, errors=retry_errors))


def check_verdicts(stage: Stage, run: Run) -> None:
    """Raise a `UserError` where a stage would read verdicts, or duplicates among them, of another config: a whole run would refuse them.

    Of other tables the config may have changed since: raw files come in, an engine is named on the command line once.
    """
    from rephrase.spark.stages.ledger import refusal_of

    for earlier in STAGES:
        if earlier.table in stage.reads and earlier.table.replaceable and earlier.table.is_on(run):
            refusal = refusal_of(earlier.table.folder(run.output), earlier.table, functools.partial(earlier.meaning, run))
            if refusal:
                raise refusal


def fasttext_models(run: Run) -> list[str]:
    """The fastText models that the run's stages apply."""
    from rephrase.settings.paths import FastTextModel

    return list(dict.fromkeys([*_models_of(run, FastTextModel), *language_models(run)]))


def language_models(run: Run) -> list[str]:
    """Those of them that tell languages."""
    from rephrase.settings.paths import LanguageModel

    return _models_of(run, LanguageModel)


def _models_of(run: Run, path_type: Any) -> list[str]:
    from rephrase.settings.paths import paths_in

    checks = [check for section in (run.screen, run.filter) if section for check in section.checks or ()]
    sections = [section for check in checks for _, section in check.sections()]
    return [path for section in (*sections, run) for path in paths_in(section, path_type)]


def encoders(run: Run) -> list[str]:
    """The encoders that the run's stages apply: folders and hub ids."""
    from rephrase.spark.stages.encoders import encoders_in

    return encoders_in(run.input, run.screen, run.filter)


def check(run: Run, *, here: bool = False) -> None:
    """Everything that a later stage would refuse, found in the first second: recipes, components, checks, engine, tokenizer, output, input.

    `here`: whether tasks run on this machine, so that what they need must be there. Raises a `UserError` with the line in the run's file.
    """
    from classifiers.cascade import build_cascade
    from classifiers.encoder.folder import check_encoder, is_hub_id
    from classifiers.fasttext.model import check_exists
    from classifiers.seeds import check_seeds
    from rephrase.generation.fits import check_fits
    from rephrase.mixing.unfilled import check_filled
    from rephrase.recipes.catalogue import recipes_of
    from rephrase.settings.paths import InputFiles, paths_in
    from rephrase.spark.runtime.gpus import configured_gpus, configured_tasks
    from rephrase.text.tokenizer import Tokenizer

    with run.lines("recipes"):
        recipes = recipes_of(run.recipes)
    with run.lines("tokenizer"):
        Tokenizer.load(run.tokenizer)
    for number, use in enumerate(run.recipes):
        with run.lines("recipes", number):
            _check_input(run, recipes_of([use]))
    with run.lines("mix"):
        check_filled(run.mix, [recipe.name for recipe in recipes])
    with run.lines("input", "paths"):
        for pattern in paths_in(run, InputFiles):
            storage.expand(pattern)
    with run.lines():  # the errors name models that the config names
        for model in fasttext_models(run):
            if here or not storage.is_local(model):  # a cluster's executors may have files that the driver lacks
                check_exists(model, languages=model in language_models(run))
        for encoder in encoders(run):
            if here or is_hub_id(encoder):
                check_encoder(encoder)
    with run.lines("output"):
        storage.check_writable(run.output)
    if run.tables:
        from rephrase.spark.stages.lakehouse import check_tables

        check_tables(run)
    for section in ("screen", "filter"):
        if getattr(run, section) is not None:
            with run.lines(section):
                build_cascade(getattr(run, section))
    for number, use in enumerate(run.recipes):
        with run.lines("recipes", number):
            check_seeds(recipes_of([use]), run.filter, run.screen)
    engines, gpus = run.all_engines, configured_gpus(run)
    for name, settings in engines.by_name.items():
        with run.lines(*(("engines", name) if engines.are_several else ("engine",))):
            settings.check(here=here)
            if gpus:
                settings.check_gpus(gpus, configured_tasks(run))
    for number, use in enumerate(run.recipes):
        with run.lines("recipes", number):
            check_fits(recipes_of([use]), engines)


def _check_input(run: Run, recipes: Sequence[Recipe]) -> None:
    """Raise a `UserError` for recipes that work on documents in a run without any."""
    grounded = next((recipe.name for recipe in recipes if recipe.rows is None), None)
    if run.input is None and grounded:
        raise UserError(f"the recipe `{grounded}` works on documents, and the run has no `input`", cure="add input: {paths: [FILES]}")
