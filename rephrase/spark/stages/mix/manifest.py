"""What a mixture says of itself: the manifest, the dataset card and the Croissant metadata."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import orjson

from rephrase import __version__, labels, storage
from rephrase.config.published import published
from rephrase.errors import UserError
from rephrase.mixing.croissant import croissant
from rephrase.mixing.dataset_card import dataset_card
from rephrase.mixing.targets import curves_of
from rephrase.notes import MixtureNote
from rephrase.records import MODELS
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import note_of, read_json
from rephrase.spark.stages.mix.write import COUNTED
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.mixing.plan import Plan

MANIFEST = "_manifest.json"


def is_complete(folder: str) -> bool:
    """Whether a mixture or an export is finished: its manifest is written last."""
    return storage.exists(storage.join(folder, MANIFEST))


def manifest_of(folder: str, keys: Sequence[str] = ()) -> dict[str, Any]:
    """What the manifest of a finished mixture or export says. Raises `UserError` where the file holds something else, or lacks a key."""
    return read_json(storage.join(folder, MANIFEST), keys)


def mixture_manifest(folder: str) -> dict[str, Any]:
    """The same of a mixture."""
    return manifest_of(folder, ("rows", "tokens", "components", "files"))


def finish(run: Run, folder: str, plan: Plan, paths: Sequence[str], prints: dict[str, tuple[int, str]]) -> None:
    """Write the dataset card, the Croissant metadata and, last, the manifest.

    Raises `UserError` if the files do not hold what was planned.
    """
    notes = [footer.note for footer in tables.footers(paths, MixtureNote)]
    rows, tokens = sum(note.rows for note in notes), sum(note.tokens for note in notes)
    if (rows, tokens) != (plan.rows, plan.tokens):
        raise UserError(
            f"the files hold {rows:,} rows and {tokens:,} tokens, but {plan.rows:,} and {plan.tokens:,} were planned",
            where=folder,
            cure="an input object changed while the stage ran; remove the folder and run again",
        )
    phases = [phase for phase, count in enumerate(plan.files) for _ in range(count)]
    files = [
        {
            "name": f"{tables.DATA}/{storage.name_of(path)}",
            "phase": phase,
            "rows": note.rows,
            "tokens": note.tokens,
            "bytes": prints[path][0],
            "sha256": prints[path][1],
        }
        for path, phase, note in zip(paths, phases, notes, strict=True)
    ]
    counts = _summed(notes)
    manifest = {
        "rows": rows,
        "tokens": tokens,
        "bytes": sum(size for size, _ in prints.values()),
        "repeated_tokens": plan.repeated_tokens,
        "components": [part.describe() for part in plan.components],
        "curves": curves_of(run.mix, plan.pools, plan.available),
        "left_out": plan.left_out,
        "counts": counts,
        "labels": labels.ranked(labels.summed(note.labels for note in notes), rows, tokens),
        "licenses": [count["value"] for count in counts["license"]],
        "models": list(dict.fromkeys(model for count in counts["model"] if count["value"] for model in count["value"].split(MODELS))),
        "files": files,
        **_provenance(run),
    }
    storage.put(storage.join(folder, "README.md"), dataset_card(manifest).encode())
    storage.put(storage.join(folder, "croissant.json"), orjson.dumps(croissant(manifest), option=orjson.OPT_INDENT_2))
    storage.create(storage.join(folder, MANIFEST), orjson.dumps(manifest, option=orjson.OPT_INDENT_2))


def _summed(notes: Sequence[MixtureNote]) -> dict[str, list[dict[str, Any]]]:
    """Rows and tokens by each counted column, most tokens first; a value is null where rows have none."""
    result = {}
    for column in COUNTED:
        sums: dict[Any, list[int]] = {}
        for note in notes:
            for value, rows, tokens in note.counts.get(column, []):
                count = sums.setdefault(value, [0, 0])
                count[0] += rows
                count[1] += tokens
        ranked = sorted(sums.items(), key=lambda item: (-item[1][1], str(item[0])))
        result[column] = [{"value": value, "rows": rows, "tokens": tokens} for value, (rows, tokens) in ranked]
    return result


def _provenance(run: Run) -> dict[str, Any]:
    """What made the tables: config, model, recipes, checks and versions, as their stages noted them."""
    made_before = [table for table in Tables.all() if table is not Tables.MIXTURE and table.is_on(run)]
    notes = {table: note_of(table.folder(run.output)) for table in made_before}
    rewrite, judge = (notes[table].get("meaning", {}) for table in (Tables.GENERATIONS, Tables.JUDGED))
    # Where the run was stored and Spark's settings change no row.
    config = published(run, exclude={"output", "spark"}, exclude_defaults=False)
    return {
        "config": config,
        "engine": {key: rewrite.get(key) for key in ("model", "revision")},
        "engines": rewrite.get("engines", {}),
        "recipes": rewrite.get("recipes", {}),
        "classifier": judge.get("checks"),
        "stages": {table.stage: note.get("digest") for table, note in notes.items()},
        "versions": {
            "rephrase": __version__,
            **{table.stage: note["version"] for table, note in notes.items() if "version" in note},
            **{name: version(name) for name in ("pyarrow", "pyspark")},
        },
    }
