"""The rewrite stage: documents to generations, one step of a recipe after the other, on every engine of the cluster.

Run alone with `rephrase rewrite run.yaml` or `spark-submit jobs/rewrite.py run.yaml`.
"""

from __future__ import annotations

import asyncio
import functools
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.progress import StageProgress, console
from jobs.stage import claim, stage_note
from jobs.units import Unit, pending, run_units
from rephrase import storage, tables
from rephrase.engines.factory import check_engine, open_engine
from rephrase.errors import UserError
from rephrase.generate import Tally, Task, generate, generations_of
from rephrase.recipes.base import Recipe, Row
from rephrase.recipes.catalogue import recipes_of
from rephrase.records import Document, Generation
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa

    from jobs.session import LazySession
    from rephrase.config import EngineConfig, Run


@dataclass(frozen=True, slots=True)
class RewriteUnit:
    """One step of one recipe over one row group of documents, or over a part of its prompts where the step fans out."""

    documents: str
    row_group: int
    recipe: int  # index into the run's recipes
    step: int
    earlier: tuple[tuple[str, tuple[str, ...]], ...]  # objects of the recipe's earlier steps over the same row group, by step name
    part: tuple[int, int] = (0, 1)


def rewrite_stage(run: Run, spark: LazySession) -> None:
    """Make `<output>/generations` from `<output>/documents`. Resumes; returns at once where all is there.

    Raises `UserError` for a missing documents table, an engine that does not start, and a folder that belongs to another config.
    """
    recipes = recipes_of(run.recipes)
    check_engine(run.engine)
    documents = documents_of(run)
    folder = storage.join(run.output, "generations")
    claim(folder, "rewrite", _meaning(run, recipes))
    if run.engine.kind == "replay":
        console.print(f"rewrite: no model runs; completions recorded from a language model are replayed from {run.engine.path}")
    footers = list(tables.footers(documents))
    for level in range(max(len(recipe.steps) for recipe in recipes)):
        _run_level(run, spark, recipes, level, footers, folder)


def documents_of(run: Run) -> list[str]:
    """The objects of the documents table. Raises `UserError` if the shard stage has not finished."""
    folder = storage.join(run.output, "documents")
    paths = tables.objects(folder)
    cure = "run the shard stage first: `rephrase shard run.yaml`"
    if not paths:
        raise UserError("there is no documents table", where=folder, cure=cure)
    expected = stage_note(folder)["meaning"].get("files", {}).get("count", len(paths))  # one object for each input file
    if len(paths) < expected:
        raise UserError(f"only {len(paths)} of {expected} objects of the documents table are there", where=folder, cure=cure)
    return paths


def _meaning(run: Run, recipes: Sequence[Recipe]) -> dict[str, Any]:
    engine = run.engine.model_dump(include={"revision", "chat_template_args"})
    shard = stage_note(storage.join(run.output, "documents"))["digest"]
    return {
        "documents": shard,
        "model": run.engine.model_name,
        **engine,
        "tokenizer": os.path.basename(run.tokenizer.rstrip("/")),
        "recipes": {recipe.name: recipe.digest for recipe in recipes},
    }


def _run_level(run: Run, spark: LazySession, recipes: Sequence[Recipe], level: int, footers: Sequence[tables.Footer], folder: str) -> None:
    units = plan(recipes, level, footers, folder, run.rewrite.prompts_per_unit)
    todo = pending(units, folder)
    names = sorted({recipes[u.payload.recipe].steps[level].name for u in units})
    title = f"rewrite ({', '.join(names)})" if level else "rewrite"
    if not todo:
        console.print(f"{title}: all {len(units)} units are there already, nothing to do")
        return
    work = functools.partial(
        rewrite_unit,
        engine_config=run.engine,
        recipes=tuple(recipes),
        tokenizer=run.tokenizer,
        max_engine_errors=run.rewrite.max_engine_errors,
    )
    with StageProgress(title, folder, len(units), len(units) - len(todo), _words) as progress:
        run_units(spark.get(), todo, work, progress)


def plan(
    recipes: Sequence[Recipe], level: int, footers: Sequence[tables.Footer], folder: str, prompts_per_unit: int
) -> list[Unit[RewriteUnit]]:
    """The units of all recipes' steps at a level, row group by row group, so that an engine sees the same documents in a row.

    The number of parts of a step that fans out comes from what the step before it left behind, so that every driver plans the same units.
    """
    written = _by_place(tables.objects(folder)) if level else {}
    sizes = _prompts_to_come(recipes, level, footers, written)
    units: list[Unit[RewriteUnit]] = []
    for documents in footers:
        for group in range(len(documents.row_groups)):
            for index, recipe in enumerate(recipes):
                if len(recipe.steps) <= level:
                    continue
                places = [(s.name, _place(recipe, i, documents.path, group)) for i, s in enumerate(recipe.steps[:level])]
                earlier = tuple((step, tuple(written.get(place, ()))) for step, place in places)
                place = _place(recipe, level, documents.path, group)
                parts = max(1, math.ceil(sizes.get(place, 0) / prompts_per_unit))
                for part in range(parts):
                    payload = RewriteUnit(documents.path, group, index, level, earlier, (part, parts))
                    units.append(Unit(storage.join(folder, f"{place}-{part:04d}.parquet"), payload))
    return units


def _place(recipe: Recipe, step: int, documents: str, group: int) -> str:
    """The name that all objects of one step over one row group share, before the number of the part."""
    number = storage.name_of(documents).removesuffix(".parquet").rsplit("-", 1)[-1]
    return f"{recipe.name.replace('/', '.')}.{recipe.steps[step].name}-{number}-{group:04d}"


def _by_place(paths: Sequence[str]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for path in paths:
        places.setdefault(storage.name_of(path).rsplit("-", 1)[0], []).append(path)
    return places


def _prompts_to_come(
    recipes: Sequence[Recipe], level: int, footers: Sequence[tables.Footer], written: dict[str, list[str]]
) -> dict[str, int]:
    before: dict[str, list[str]] = {}
    for recipe in recipes:
        if 0 < level < len(recipe.steps) and recipe.steps[level].fans_out:
            for documents in footers:
                for group in range(len(documents.row_groups)):
                    place = _place(recipe, level, documents.path, group)
                    before[place] = written.get(_place(recipe, level - 1, documents.path, group), [])
    paths = [path for several in before.values() for path in several]
    counts = {footer.path: int(footer.note.get("next_prompts", 0)) for footer in tables.footers(paths)}
    return {place: sum(counts[path] for path in several) for place, several in before.items()}


def rewrite_unit(
    unit: Unit[RewriteUnit], *, engine_config: EngineConfig, recipes: Sequence[Recipe], tokenizer: str, max_engine_errors: float
) -> None:
    """The work of one Spark task: answer the unit's prompts and create its object."""
    payload = unit.payload
    recipe = recipes[payload.recipe]
    step = recipe.steps[payload.step]
    rows = list(rows_of(tables.read(payload.documents, row_group=payload.row_group), dict(payload.earlier)))
    counter = Tokenizer.load(tokenizer)

    async def run() -> tuple[pa.Table, Tally]:
        engine = open_engine(engine_config, gpu_addresses())
        try:
            task = Task(recipe, step, counter, engine.model)
            return await generate(rows, task, engine, part=payload.part, max_engine_errors=max_engine_errors)
        finally:
            await engine.close()

    table, tally = asyncio.run(run())
    note = {
        **tally.note(),
        "recipe": recipe.name,
        "step": step.name,
        "follows": payload.step,  # how many steps of the recipe came before
        "documents_object": storage.name_of(payload.documents),
        "row_group": payload.row_group,
        "next_prompts": _next_prompts(recipe, payload.step, rows, table, counter),
    }
    tables.commit(unit.output, table, note)


def _next_prompts(recipe: Recipe, step: int, rows: Sequence[Row], table: pa.Table, tokenizer: Tokenizer) -> int:
    if step + 1 >= len(recipe.steps) or not recipe.steps[step + 1].fans_out:
        return 0
    grown = with_generations(rows, recipe.steps[step].name, table)
    return sum(1 for row in grown for _ in recipe.steps[step + 1].prompts(row, tokenizer))


def rows_of(documents: pa.Table, earlier: dict[str, Sequence[str]]) -> list[Row]:
    """The rows of a step: documents with what earlier steps made of them, read from their objects."""
    rows = [Row(Document(**{**values, "metadata": dict(values["metadata"] or {})})) for values in documents.to_pylist()]
    for step, paths in earlier.items():
        for path in paths:
            rows = with_generations(rows, step, tables.read(path))
    return rows


def with_generations(rows: Sequence[Row], step: str, table: pa.Table) -> list[Row]:
    """The rows with a step's generations added to those of their documents."""
    by_document: dict[str, list[Generation]] = {}
    for document_id, generation in generations_of(table):
        by_document.setdefault(document_id, []).append(generation)
    return [Row(row.document, {**row.earlier, step: [*row.earlier.get(step, ()), *by_document.get(row.document.id, ())]}) for row in rows]


def gpu_addresses() -> tuple[str, ...]:
    """The GPUs that Spark gave to this task's executor; Spark does not set CUDA_VISIBLE_DEVICES itself."""
    from pyspark import TaskContext

    context = TaskContext.get()
    gpu = context.resources().get("gpu") if context else None
    return tuple(gpu.addresses) if gpu else ()


def _words(sums: dict[str, float], seconds: float) -> str:
    if not sums.get("generations"):
        return ""
    tokens = sums.get("completion_tokens", 0)
    errors = sums.get("engine_errors", 0) + sums.get("parse_errors", 0)
    return f"{sums['generations']:,.0f} generations, {tokens / max(seconds, 0.001):,.0f} tokens/s, {errors:,.0f} errors"


if __name__ == "__main__":
    from jobs.cli import stage_main

    stage_main("rewrite")
