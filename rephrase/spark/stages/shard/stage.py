"""The shard stage: raw web files to the documents table, without exact duplicates.

Every input file is read by one task into `_extracted`; a large one, where it can be cut, by several, and of many small ones several
by one. Then only the ids of the documents go through Spark's shuffle, which finds the repeated ones, and a task for each of these objects
drops its own and writes the final one. With `input.dedup_paragraphs` lines that stand elsewhere as well go too.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from classifiers.encoder.folder import encoder_digest
from classifiers.entities.models import identity
from rephrase import storage
from rephrase.documents import DocumentTables
from rephrase.errors import UserError
from rephrase.live.words import there_already
from rephrase.notes import DocumentsNote
from rephrase.readers.named_fields import missing_fields
from rephrase.settings.encoders import SCHEDULING
from rephrase.spark.runtime.progress import console
from rephrase.spark.runtime.units import Unit, pending
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.encoders import encoders_in
from rephrase.spark.stages.input_table.files import check_unchanged, files_of_table, remove_copies
from rephrase.spark.stages.ledger import claim, remove_stage
from rephrase.spark.stages.meaning import Defaults, Meaning, defaults_of
from rephrase.spark.stages.shard.dropped import dropped_in_words
from rephrase.spark.stages.shard.extract import extract
from rephrase.spark.stages.shard.inputs import digest_of, noted_times
from rephrase.spark.stages.shard.personal_data import entities_of, measure_scrubbing
from rephrase.spark.stages.shard.plan import ShardPlan, input_files, input_of, units_of_input
from rephrase.spark.stages.shard.repeats import drop_repeats
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.readers.settings import Input
    from rephrase.readers.slices import Units
    from rephrase.spark.runtime.session import LazySession

_CURE = "check `input.format`, `input.fields` and `input.min_characters`"
_MANY_UNITS = 8  # as much as so many units are, in one file, keeps a core busy when others have nothing left to do
_FOOTERS = 16  # read at a time to see whether there is any document


def shard(run: Run, spark: LazySession) -> None:
    """Make `<output>/documents` and the `errors` table from the raw input files. Resumes; starts no Spark where all is there.

    Each object's note is a `DocumentsNote`. Raises `UserError` for missing input, a tokenizer or a model that does not load, a folder that
    holds another config's documents, and input that gives no document at all: then nothing is left behind, so that the mended config can
    go on in the same folder.
    """
    config = input_of(run)
    files = files_of_table(run, config, spark) if config.table else input_files(config.paths, run.output)
    read_units = units_of_input(run, files)
    plan = ShardPlan(run.output, len(read_units))
    meaning = meaning_of(run, files, read_units)
    claim(plan.documents, Tables.DOCUMENTS, meaning)
    measure_scrubbing(config, plan.documents)
    units = [Unit(plan.final(index), index) for index in range(plan.count)]
    todo = [unit.payload for unit in pending(units, plan.documents)]
    if todo:
        if config.table:
            check_unchanged(files)
        DocumentTables(config, run.tokenizer)  # what is not there says so before Spark starts
        _tell_uncut(config, read_units, todo)
        _tell_missing_fields(config, read_units[todo[0]][0].file)
        times = noted_times(plan.documents, files, meaning.content["files"]["digest"])
        extract(run, spark, plan, read_units, todo, files, times)
        drop_repeats(config, run.tokenizer, spark, plan, todo)
    else:
        console.print(f"shard: {there_already(len(units))}")
    _remove_extracted(plan)
    remove_copies(run)
    _check_not_empty(plan, files)


def _tell_uncut(config: Input, units: Units, todo: Sequence[int]) -> None:
    """Name the files that keep one core busy for long."""
    firsts = (units[index][0] for index in todo)
    uncut = [part.file for part in firsts if part.is_whole and part.file.size > _MANY_UNITS * config.unit_bytes]
    if uncut:
        largest = max(uncut, key=lambda file: file.size)
        files = "1 file is" if len(uncut) == 1 else f"{len(uncut):,} files are"
        console.print(
            f"shard: {files} read by one task each, as they cannot be cut; the largest is {largest.path} ({largest.size / 1e9:,.1f} GB). "
            "JSON lines can be cut where bgzip or pzstd has compressed them, or nothing has; archives, where each record is compressed by "
            "itself",
            soft_wrap=True,
        )


def _tell_missing_fields(config: Input, file: storage.FileInfo) -> None:
    with contextlib.suppress(FileNotFoundError):  # which the task tells
        for what in missing_fields(file, config):
            console.print(f"shard: {file.path}: {what} (see `input.fields`)", soft_wrap=True)


def _remove_extracted(plan: ShardPlan) -> None:
    for file in storage.list_files(plan.extracted):
        storage.delete(file.path)
    storage.remove_empty_folder(plan.extracted)  # another driver may be at work in it


def meaning_of(run: Run, files: storage.FileList, units: Units) -> Meaning:
    """What the documents of these input files depend on. `units`: what each task reads; their number, unless each is a whole file."""
    config = input_of(run)
    about = {"count": len(files), "bytes": sum(files.sizes), "digest": digest_of(files)}
    content = {
        "input": _input_as_json(config),
        "tokenizer": run.tokenizer,
        "files": about if units.are_files else about | {"units": len(units)},
    }
    if encoders := encoders_in(config):
        content["encoders"] = {name: encoder_digest(name) for name in encoders}
    if (entities := entities_of(config)) is not None:
        content["entities"] = identity(entities)
    return Meaning(content, Defaults(below={"input": defaults_of(type(config))}))


def _input_as_json(config: Input) -> dict[str, Any]:
    """The settings that rows depend on: where files are stands beside them, and neither scheduling nor a labelled set changes a row."""
    left_out: Any = {"paths": True, "table": {"copy_rows"}, "scores": {"__all__": set(SCHEDULING)}, "labels": {"__all__": set(SCHEDULING)}}
    settings = config.model_dump(mode="json", exclude=left_out)
    if isinstance(settings["scrub"], dict):
        del settings["scrub"]["labelled"]
    return settings


def _check_not_empty(plan: ShardPlan, files: Sequence[storage.FileInfo]) -> None:
    counts = DocumentsNote()
    for first in range(0, plan.count, _FOOTERS):  # almost always the first few tell
        last = min(first + _FOOTERS, plan.count)
        for footer in tables.footers((plan.final(index) for index in range(first, last)), DocumentsNote):
            if footer.note.documents:
                return
            counts += footer.note
    left_out = f"{dropped_in_words(counts)}, {counts.errors:,} read errors"
    reasons: Counter[str] = Counter()
    for path in tables.objects(storage.join(plan.output, "errors")):
        reasons.update(str(reason) for reason in tables.read(path, ["reason"]).column("reason").to_pylist())
    reason = reasons.most_common(1)[0][0] if reasons else ""
    remove_stage(plan.documents)
    storage.remove_folder(storage.join(plan.output, "errors"))
    raise UserError(
        f"the input gives no documents: {left_out}" + (f"; most often: {reason}" if reason else ""),
        where=files[0].path if len(files) == 1 else f"{len(files)} input files",
        cure="name the field of the texts in `input.fields.text`" if reason.startswith("the field `") else _CURE,
    )
