"""The work of one task of the rewrite stage: prompts of some rows through the executor's engine, and the objects of its units."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.engines.base import Engine
from rephrase.engines.counted import Counted
from rephrase.engines.keeping import Keeping
from rephrase.engines.recording import Recording, load_recording
from rephrase.engines.replay import Reuse
from rephrase.generation.event_loop import run_in_worker
from rephrase.generation.loop import generate_together
from rephrase.generation.rows import rows_of, with_generations
from rephrase.generation.step_run import NO_MODEL, StepRun
from rephrase.generation.tally import Tally
from rephrase.notes import EngineFigures, GenerationsNote
from rephrase.recipes.base import Recipe, Row
from rephrase.recipes.neighbours import with_neighbours
from rephrase.spark.runtime import pulse
from rephrase.spark.runtime.gpus import executor_gpus
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.dropped import without_dropped
from rephrase.spark.stages.rewrite.paths import with_paths_of
from rephrase.spark.stages.rewrite.planned import RewriteUnit
from rephrase.spark.stages.rewrite.tasks import ANSWERS, task_of, weights_of
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa

    from rephrase.config.run import Rewrite
    from rephrase.engines.several import Engines


def rewrite_units(
    units: Sequence[Unit[RewriteUnit]],
    *,
    engines: Engines,
    recipes: Sequence[Recipe],
    tokenizer: str,
    settings: Rewrite,
    output: str,
    gpu_script: str | None = None,
    drops: tuple[str, ...] = (),
    paths: Mapping[str, str] | None = None,
    edition: str = "",
    kept: frozenset[str] = frozenset(),
) -> None:
    """The work of one Spark task: answer the prompts of its units, which have the same documents and engine, and create their objects.

    `edition` names the job among all: in it, the documents stay as they are. `kept` names the tasks of which answers were kept before it.
    """
    # Another driver, a speculative twin or an executor that was lost after its work may have made them since the stage was planned.
    units = [unit for unit in units if unit.payload.round or not storage.exists(unit.output)]
    if not units:
        return
    started = time.time()
    payload = units[0].payload
    documents = tables.read_row_group(payload.documents, payload.row_group, edition)
    if payload.documents.startswith(Tables.DOCUMENTS.folder(output) + "/"):
        documents = without_dropped(documents, payload.documents, drops)
    rows = rows_of(documents, dict(payload.earlier))
    if neighbours := max(recipes[unit.payload.recipe].neighbours for unit in units):
        rows = with_neighbours(rows, neighbours)
    if folder := (paths or {}).get(recipes[payload.recipe].name):
        rows = with_paths_of(rows, folder, payload.documents, payload.row_group)
    counter = Tokenizer.load(tokenizer)
    name, attempt = task_of(units[0], recipes), _attempt()
    answers = storage.join(output, ANSWERS, name)
    first_recipe = recipes[payload.recipe]
    answering = engines.find(first_recipe.engine_of(first_recipe.steps[payload.step]))

    async def run(task: pulse.Task) -> tuple[list[tuple[pa.Table, Tally]], EngineFigures, Keeping]:
        gpus = executor_gpus(gpu_script)
        counted = Counted(answering.open(gpus, storage.join(output, "logs")), task.counts)
        engine = Keeping(counted, answers, is_new=attempt == 0 and name not in kept)
        task.engine, task.gpus, task.under_way.rows_in_all = counted, gpus, len(rows)
        try:
            reusing = _with_reuse(engine, settings.reuse, payload.kept)
            step_runs = []
            for unit in units:
                recipe = recipes[unit.payload.recipe]
                step = recipe.steps[unit.payload.step]
                first = unit.payload.round * (step.retries + 1)
                step_runs.append(StepRun(recipe, step, counter, engine.model, first))
            results = await generate_together(
                rows, step_runs, reusing, part=payload.part, max_engine_errors=settings.max_engine_errors, under_way=task.under_way
            )
            engine.end()
            return results, await engine.figures(), engine
        finally:
            await engine.close()

    with pulse.beating(len(units), sum(weights_of(units).values())) as task:
        results, figures, keeping = run_in_worker(run(task))
    earlier_rounds = sum(tables.footer(path, GenerationsNote).note.round for _, paths in payload.earlier for path in paths)
    for unit, (table, tally) in zip(units, results, strict=True):
        recipe, number = recipes[unit.payload.recipe], unit.payload.step
        note = replace(
            tally.note(),
            recipe=recipe.name,
            step=recipe.steps[number].name,
            model=answering.model_name,
            earlier_steps=number,
            rows_path=payload.documents.removeprefix(output.rstrip("/") + "/"),
            row_group=payload.row_group,
            next_prompts=_next_prompts(recipe, number, rows, table, counter),
            round=unit.payload.round,
            earlier_rounds=earlier_rounds,
            engine=figures,
            host=socket.gethostname(),
            attempt=attempt,
            started=round(started, 3),
            ended=round(time.time(), 3),
        )
        if unit.payload.round:
            storage.put(unit.output, tables.encode(table, note))
        else:
            tables.commit(unit.output, table, note)
    keeping.remove()


def _with_reuse(engine: Engine, reuse: Sequence[str], kept: Sequence[str]) -> Engine:
    if reuse:
        engine = Reuse(engine, [load_recording(path, engine.model) for path in reuse])
    return Reuse(engine, [Recording(kept, model=engine.model, errors=False)], any_attempt=True) if kept else engine


def _attempt() -> int:
    """How often Spark has started this task before."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return context.attemptNumber() if context else 0


def _next_prompts(recipe: Recipe, step: int, rows: Sequence[Row], table: pa.Table, tokenizer: Tokenizer) -> int:
    if step + 1 >= len(recipe.steps) or not recipe.steps[step + 1].fans_out:
        return 0
    grown = with_generations(rows, recipe.steps[step].name, table)
    following = StepRun(recipe, recipe.steps[step + 1], tokenizer, NO_MODEL)
    return sum(1 for row in grown for _ in following.prompts(row))
