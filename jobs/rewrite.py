"""The rewrite stage: documents to generations, one step of a recipe after the other, on every engine of the cluster.

Run alone with `rephrase rewrite run.yaml` or `spark-submit jobs/rewrite.py run.yaml`.
"""

from __future__ import annotations

import asyncio
import functools
import math
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from jobs.dropped import DUPLICATES, folders_of, require, without_dropped
from jobs.gpus import discovery_script, executor_gpus, rewrite_profile
from jobs.pace import Pace
from jobs.progress import StageProgress, console
from jobs.rows import Source, rows_of, sources_of, with_generations
from jobs.stage import claim, remove_stage, stage_note
from jobs.stats import write_units
from jobs.units import Unit, pending, run_units
from rephrase import storage, tables
from rephrase.engines.base import Engine
from rephrase.engines.factory import check_engine, open_engine
from rephrase.engines.recording import Recording, files_of, load_recording
from rephrase.engines.replay import Reuse
from rephrase.generate import Tally, generate_together
from rephrase.generations import Task
from rephrase.recipes.base import Recipe, Row
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.neighbours import with_neighbours
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa

    from jobs.session import LazySession
    from rephrase.config import EngineConfig, Rewrite, Run


@dataclass(frozen=True, slots=True)
class RewriteUnit:
    """One step of one recipe over one row group of documents, or over a part of its prompts where the step fans out."""

    documents: str
    row_group: int
    recipe: int  # index into the run's recipes
    step: int
    earlier: tuple[tuple[str, tuple[str, ...]], ...]  # objects of the recipe's earlier steps over the same row group, by step name
    part: tuple[int, int] = (0, 1)
    tokens: int = 0  # of the documents: tells long units from short ones
    round: int = 0  # how often rows with errors were asked for again
    known: tuple[str, ...] = ()  # objects whose rows without error are kept when the unit is made again


def rewrite_stage(run: Run, spark: LazySession, *, retry_errors: bool = False) -> None:
    """Make `<output>/generations` from `<output>/documents`. Resumes; returns at once where all is there.

    `retry_errors` also asks again for all rows that ended in an error; what was judged and mixed of those units is removed.
    Raises `UserError` for a missing documents table, an engine that does not start, and a folder that belongs to another config.
    """
    recipes = recipes_of(run.recipes)
    check_engine(run.engine, here=spark.is_local)
    for path in run.rewrite.reuse:
        files_of(path)
    sources = sources_of(run, recipes)
    folder = storage.join(run.output, "generations")
    claim(folder, "rewrite", _meaning(run, recipes))
    if run.engine.kind == "replay":
        console.print(f"rewrite: no model runs; completions recorded from a language model are replayed from {run.engine.path}")
    for level in range(max(len(recipe.steps) for recipe in recipes)):
        _run_level(run, spark, recipes, level, sources, folder)
        if retry_errors:
            _retry_level(run, spark, recipes, level, sources, folder)
    _write_stats(run, folder)


def _write_stats(run: Run, folder: str) -> None:
    """Keep the notes of all units as a table, `<output>/stats/rewrite.parquet`."""
    path = storage.join(run.output, "stats", "rewrite.parquet")
    newest = max(file.modified for file in storage.list_files(folder))
    if not storage.exists(path) or any(file.modified < newest for file in storage.list_files(storage.join(run.output, "stats"))):
        write_units(run, path)


def _meaning(run: Run, recipes: Sequence[Recipe]) -> dict[str, Any]:
    engine = run.engine.model_dump(include={"revision", "chat_template_args"})
    grounded = any(recipe.rows is None for recipe in recipes)
    dropped = require(run, "documents") if grounded else {}
    shard = stage_note(storage.join(run.output, "documents"))["digest"] if grounded else None
    when = {recipe.name: asdict(recipe.when) for recipe in recipes if recipe.when is not None}
    return {
        "documents": shard,
        "model": run.engine.model_name,
        **engine,
        "tokenizer": os.path.basename(run.tokenizer.rstrip("/")),
        "recipes": {recipe.name: recipe.digest for recipe in recipes},
        **({"when": when} if when else {}),
        **dropped,
    }


def _run_level(run: Run, spark: LazySession, recipes: Sequence[Recipe], level: int, sources: Sequence[Source], folder: str) -> None:
    units = plan(recipes, level, sources, folder, run.rewrite.prompts_per_unit)
    todo = pending(units, folder)
    title = _title(recipes, level, units)
    if not todo:
        console.print(f"{title}: all {len(units)} units are there already, nothing to do")
        return
    progress = StageProgress(title, folder, len(units), len(units) - len(todo), pace=Pace(), weights=weights_of(units))
    _run(run, spark, recipes, todo, progress)


def _retry_level(run: Run, spark: LazySession, recipes: Sequence[Recipe], level: int, sources: Sequence[Source], folder: str) -> None:
    """Make the units again that have rows with errors, or whose earlier step was made again since."""
    units = plan(recipes, level, sources, folder, run.rewrite.prompts_per_unit)
    there = tables.objects(folder)
    notes = {footer.path: footer.note for footer in tables.footers(there)}
    written = _by_place(there)
    again = []
    for unit in units:
        note = notes[unit.output]
        rounds = sum(notes[path]["round"] for _, paths in unit.payload.earlier for path in paths)
        if note["errors"] or note["earlier_rounds"] != rounds:
            known = tuple(written[storage.name_of(unit.output).rsplit("-", 1)[0]])
            again.append(Unit(unit.output, replace(unit.payload, round=note["round"] + 1, known=known)))
    title = f"{_title(recipes, level, units)}, errors again"
    if not again:
        console.print(f"{title}: no row has one, nothing to do")
        return
    spark.get()  # before anything goes: a cluster that is not there must cost nothing
    for unit in again:  # before the unit itself, so that nothing stale is left by a crash
        storage.delete(storage.join(run.output, "judged", storage.name_of(unit.output)))
    remove_stage(storage.join(run.output, DUPLICATES, "judged"))
    remove_stage(storage.join(run.output, "mixture"))
    rounds = {unit.output: unit.payload.round for unit in again}
    _run(run, spark, recipes, again, StageProgress(title, folder, len(again), 0, pace=Pace(), weights=weights_of(again), rounds=rounds))


def _run(run: Run, spark: LazySession, recipes: Sequence[Recipe], units: Sequence[Unit[RewriteUnit]], progress: StageProgress) -> None:
    session = spark.get()
    work = functools.partial(
        rewrite_units,
        engine_config=run.engine,
        recipes=tuple(recipes),
        tokenizer=run.tokenizer,
        settings=run.rewrite,
        output=run.output,
        gpu_script=discovery_script(session, run.rewrite),
        drops=folders_of(run, "documents"),
    )
    folder = storage.join(run.output, "generations")
    with progress:
        run_units(session, tasks_of(units, recipes), work, folder, progress, rewrite_profile(session, run.rewrite))


def _title(recipes: Sequence[Recipe], level: int, units: Sequence[Unit[RewriteUnit]]) -> str:
    names = sorted({recipes[unit.payload.recipe].steps[level].name for unit in units})
    return f"rewrite ({', '.join(names)})" if level else "rewrite"


def weights_of(units: Sequence[Unit[RewriteUnit]]) -> dict[str, float]:
    """How much work each unit is, by its object: tokens of documents."""
    return {unit.output: max(1.0, unit.payload.tokens / unit.payload.part[1]) for unit in units}


def tasks_of(units: Sequence[Unit[RewriteUnit]], recipes: Sequence[Recipe]) -> list[list[Unit[RewriteUnit]]]:
    """The units of each Spark task, the longest task first, so that the stage has a short tail.

    Steps whose prompts begin with the same passages go through an engine together, to share its prefix cache.
    """
    together: dict[tuple[object, ...], list[Unit[RewriteUnit]]] = {}
    for number, unit in enumerate(units):
        payload = unit.payload
        prefix = recipes[payload.recipe].steps[payload.step].prefix
        alone = prefix is None or payload.known or payload.part[1] > 1 or payload.earlier
        together.setdefault((number,) if alone else (payload.documents, payload.row_group, prefix), []).append(unit)
    return sorted(together.values(), key=lambda task: -sum(unit.payload.tokens / unit.payload.part[1] for unit in task))


def plan(recipes: Sequence[Recipe], level: int, sources: Sequence[Source], folder: str, prompts_per_unit: int) -> list[Unit[RewriteUnit]]:
    """The units of all recipes' steps at a level, row group by row group, so that an engine sees the same documents in a row.

    The number of parts of a step that fans out comes from what the step before it left behind, so that every driver plans the same units,
    and stays what it was for objects that are there, whatever `prompts_per_unit` is now.
    """
    written = _by_place(tables.objects(folder)) if level else {}
    sizes = _prompts_to_come(recipes, level, sources, written)
    units: list[Unit[RewriteUnit]] = []
    for source, documents in [(one, footer) for one in sources for footer in one.footers]:
        tokens = documents.note.get("row_group_tokens") or [0] * len(documents.row_groups)
        for group in range(len(documents.row_groups)):
            for index in source.recipes:
                recipe = recipes[index]
                if len(recipe.steps) <= level:
                    continue
                places = [(s.name, _place(recipe, i, documents.path, group)) for i, s in enumerate(recipe.steps[:level])]
                earlier = tuple((step, tuple(written.get(place, ()))) for step, place in places)
                place = _place(recipe, level, documents.path, group)
                there = [_parts(path) for path in written.get(place, ())]
                parts = there[0] if there else max(1, math.ceil(sizes.get(place, 0) / prompts_per_unit))
                for part in range(parts):
                    payload = RewriteUnit(documents.path, group, index, level, earlier, (part, parts), tokens[group])
                    of = f"of{parts:04d}" if parts > 1 else ""
                    units.append(Unit(storage.join(folder, f"{place}-{part:04d}{of}.parquet"), payload))
    return units


def _parts(path: str) -> int:
    """How many parts the place of an object was cut into."""
    return int(path.removesuffix(".parquet").rsplit("-", 1)[-1].partition("of")[2] or 1)


def _place(recipe: Recipe, step: int, documents: str, group: int) -> str:
    """The name that all objects of one step over one row group share, before the number of the part."""
    number = storage.name_of(documents).removesuffix(".parquet").rsplit("-", 1)[-1]
    return f"{recipe.name.replace('/', '.')}.{recipe.steps[step].name}-{number}-{group:04d}"


def _by_place(paths: Sequence[str]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for path in paths:
        places.setdefault(storage.name_of(path).rsplit("-", 1)[0], []).append(path)
    return places


def _prompts_to_come(recipes: Sequence[Recipe], level: int, sources: Sequence[Source], written: dict[str, list[str]]) -> dict[str, int]:
    before: dict[str, list[str]] = {}
    for source, index in [(one, number) for one in sources for number in one.recipes]:
        recipe = recipes[index]
        if 0 < level < len(recipe.steps) and recipe.steps[level].fans_out:
            for documents in source.footers:
                for group in range(len(documents.row_groups)):
                    place = _place(recipe, level, documents.path, group)
                    before[place] = written.get(_place(recipe, level - 1, documents.path, group), [])
    paths = [path for several in before.values() for path in several]
    counts = {footer.path: int(footer.note.get("next_prompts", 0)) for footer in tables.footers(paths)}
    return {place: sum(counts[path] for path in several) for place, several in before.items()}


def rewrite_units(
    units: Sequence[Unit[RewriteUnit]],
    *,
    engine_config: EngineConfig,
    recipes: Sequence[Recipe],
    tokenizer: str,
    settings: Rewrite,
    output: str,
    gpu_script: str | None = None,
    drops: tuple[str, ...] = (),
) -> None:
    """The work of one Spark task: answer the prompts of its units, which have the same documents, and create their objects."""
    # Another driver, a speculative twin or an executor that was lost after its work may have made them since the stage was planned.
    units = [unit for unit in units if unit.payload.round or not storage.exists(unit.output)]
    if not units:
        return
    started = time.time()
    payload = units[0].payload
    documents = tables.read(payload.documents, row_group=payload.row_group)
    if payload.documents.startswith(storage.join(output, "documents") + "/"):
        documents = without_dropped(documents, payload.documents, drops)
    rows = rows_of(documents, dict(payload.earlier))
    if neighbours := max(recipes[unit.payload.recipe].neighbours for unit in units):
        rows = with_neighbours(rows, neighbours)
    counter = Tokenizer.load(tokenizer)

    async def run() -> tuple[list[tuple[pa.Table, Tally]], dict[str, Any]]:
        engine: Engine = open_engine(engine_config, executor_gpus(gpu_script), storage.join(output, "logs"))
        try:
            asked = _with_reuse(engine, settings.reuse, payload.known)
            tasks = []
            for unit in units:
                recipe = recipes[unit.payload.recipe]
                step = recipe.steps[unit.payload.step]
                first = unit.payload.round * (step.retries + 1)
                tasks.append(Task(recipe, step, counter, engine.model, first))
            results = await generate_together(rows, tasks, asked, part=payload.part, max_engine_errors=settings.max_engine_errors)
            return results, await engine.figures()
        finally:
            await engine.close()

    results, figures = asyncio.run(run())
    earlier_rounds = sum(tables.footer(path).note["round"] for _, paths in payload.earlier for path in paths)
    for unit, (table, tally) in zip(units, results, strict=True):
        recipe, number = recipes[unit.payload.recipe], unit.payload.step
        note = {
            **tally.note(),
            "recipe": recipe.name,
            "step": recipe.steps[number].name,
            "follows": number,  # how many steps of the recipe came before
            "rows": payload.documents.removeprefix(output.rstrip("/") + "/"),
            "row_group": payload.row_group,
            "next_prompts": _next_prompts(recipe, number, rows, table, counter),
            "round": unit.payload.round,
            "earlier_rounds": earlier_rounds,
            "engine": figures,
            "host": socket.gethostname(),
            "attempt": _attempt(),
            "started": round(started, 3),
            "ended": round(time.time(), 3),
        }
        if unit.payload.round:
            storage.put(unit.output, tables.encode(table, note))
        else:
            tables.commit(unit.output, table, note)


def _with_reuse(engine: Engine, reuse: Sequence[str], known: Sequence[str]) -> Engine:
    if reuse:
        engine = Reuse(engine, [load_recording(path, engine.model) for path in reuse])
    return Reuse(engine, [Recording(known, model=engine.model, errors=False)], any_attempt=True) if known else engine


def _attempt() -> int:
    """How often Spark has started this task before."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return context.attemptNumber() if context else 0


def _next_prompts(recipe: Recipe, step: int, rows: Sequence[Row], table: pa.Table, tokenizer: Tokenizer) -> int:
    if step + 1 >= len(recipe.steps) or not recipe.steps[step + 1].fans_out:
        return 0
    grown = with_generations(rows, recipe.steps[step].name, table)
    return sum(1 for row in grown for _ in recipe.steps[step + 1].prompts(row, tokenizer))


if __name__ == "__main__":
    from jobs.cli import stage_main

    stage_main("rewrite")
