"""The export: the mixture, or any folder of Parquet with a `text` column, as files that training frameworks load as they are.

`rephrase export run.yaml --format megatron`. Each Parquet file is one unit: a Spark task tokenises it and creates its shards, and after
them the object of `__units__/` that tells what they are. The format's own index comes after all units, `_manifest.json` last.
"""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from rephrase import storage
from rephrase.errors import UserError
from rephrase.exports.base import Format, Row
from rephrase.exports.infilling import Infilling
from rephrase.exports.reasoning import settings_of
from rephrase.exports.rows import columns_of, read_rows
from rephrase.exports.shard_note import ShardNote, StoredFile
from rephrase.live.words import counted
from rephrase.names import ExportName
from rephrase.notes import ExportNote
from rephrase.spark.runtime.account import Sums
from rephrase.spark.runtime.progress import StageProgress, console
from rephrase.spark.runtime.units import Unit, pending, run_units
from rephrase.spark.stages.base import Table
from rephrase.spark.stages.ledger import claim, note_of
from rephrase.spark.stages.meaning import Defaults, Meaning, digest
from rephrase.spark.stages.mix.manifest import MANIFEST, is_complete, manifest_of
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.spark.runtime.session import LazySession

TABLE = Table("exports", "export", cure="put the setting back, write elsewhere, or remove the folder")
"""Exports are no table of the run, but what a folder of them holds is claimed alike."""

_UNITS = "__units__"  # loaders that guess their files from a folder pass over such names
_INFILLING = "fill_in_the_middle"


def export(source: str, to: str, form: Format, spark: LazySession, infilling: Infilling | None = None) -> dict[str, Any]:
    """Write what the folder of Parquet `source` holds to the folder `to`, or what is missing of it, and return the export's manifest.

    infilling: takes documents apart for fill-in-the-middle. Returns at once where all is there. Raises `UserError` for a mixture that is
    missing or unfinished, a file without `text`, and a folder that holds another export.
    """
    files = _inputs(source)
    claim(to, TABLE, meaning_of(form, files, infilling))
    if not is_complete(to):
        _finish(to, form, _write(to, form, files, spark, infilling), infilling)
    manifest = manifest_of(to)
    _print(manifest, form, to)
    return manifest


def _inputs(source: str) -> list[storage.FileInfo]:
    paths = set(tables.objects(source))
    if not paths:
        cure = "give --from a folder of Parquet, or run the mix stage first: `rephrase mix run.yaml`"
        raise UserError("there is no Parquet file here", where=source, cure=cure)
    if note_of(source) and not is_complete(source):
        raise UserError("the mixture is not complete", where=source, cure="run the mix stage again: `rephrase mix run.yaml`")
    return [file for file in storage.list_files(source) if file.path in paths]


def meaning_of(form: Format, files: Sequence[storage.FileInfo], infilling: Infilling | None = None) -> Meaning:
    """What the export of these files depends on."""
    content: dict[str, Any] = {
        "format": form.name,
        "files": len(files),
        "files_digest": digest([[storage.name_of(file.path), file.size] for file in files]),
        "compress": False,  # also of formats that know no compression: so exports have been begun
        **settings_of(form),
    }
    if form.vocabulary:
        content["tokenizer"] = Tokenizer.load(form.vocabulary.tokenizer).fingerprint
        content["eod"] = form.vocabulary.eod
    if infilling:
        content[_INFILLING] = infilling.meaning()
    return Meaning(content, Defaults({"compress": False}))


def _write(to: str, form: Format, files: Sequence[storage.FileInfo], spark: LazySession, infilling: Infilling | None) -> list[str]:
    """Create all units, and return their paths in order."""
    folder = storage.join(to, _UNITS)
    units = [Unit(storage.join(folder, storage.name_of(file.path)), file) for file in files]
    todo = pending(units, folder)
    if todo:
        work = functools.partial(export_unit, to=to, form=form, infilling=infilling)
        with StageProgress("export", folder, len(units), len(units) - len(todo), Sums(ExportNote, _progress)) as progress:
            run_units(spark.get(), todo, work, folder, progress)
    return [unit.output for unit in units]


def export_unit(unit: Unit[storage.FileInfo], *, to: str, form: Format, infilling: Infilling | None = None) -> None:
    """The work of one Spark task: the shards of one Parquet file, and the object that tells of them."""
    rows = read_rows(unit.payload, form, infilling)
    notes: list[ShardNote] = []
    for part in _parts(rows, form.shard_bytes):
        name = str(ExportName(unit.payload.path, len(notes)))
        shard = form.shard(name, part)
        for path, data in shard.objects:
            _store(storage.join(to, path), data)
        files = tuple(StoredFile(name=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()) for path, data in shard.objects)
        tokens = sum(len(row.tokens) for row in part)
        counts = dict(shard.counts) | ({"infilled": sum(row.infilled for row in part)} if infilling else {})
        about = ShardNote(name=name, documents=len(part), tokens=tokens, files=files, counts=counts, details=dict(shard.details))
        notes.append(about)
    read = tables.read(unit.payload.path, ["n_tokens"]).column(0) if "n_tokens" in columns_of(unit.payload.path) else None
    unit_note = ExportNote(
        documents=sum(note.documents for note in notes),
        tokens=sum(note.tokens for note in notes),
        bytes=sum(file.bytes for note in notes for file in note.files),
        source_rows=sum(tables.row_groups(unit.payload.path)),
        source_tokens=int(np.sum(read.to_numpy())) if read is not None else 0,
    )
    tables.commit(unit.output, pa.table({"shard": pa.array([note.to_json() for note in notes], pa.string())}), unit_note)


def _store(path: str, data: bytes) -> None:
    if not storage.create(path, data) and storage.read(path) != data:
        # Left by a run that was killed, with another version of a library, or an index made by a loader that came too early. Nothing
        # that is stored already tells of it.
        storage.put(path, data)


def _parts(rows: Iterator[Row], limit: int) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        more = len(row.text) + row.tokens.nbytes
        if part and size + more > limit:
            yield part
            part, size = [], 0
        part.append(row)
        size += more
    if part:
        yield part


def _finish(to: str, form: Format, units: Sequence[str], infilling: Infilling | None) -> None:
    """Create the format's index from what the units tell, and then the manifest."""
    notes = [ShardNote.from_json(text, path) for path in units for text in tables.read(path).column("shard").to_pylist()]
    sums = sum((footer.note for footer in tables.footers(units, ExportNote)), ExportNote())
    counts: Counter[str] = Counter()
    for note in notes:
        counts.update(note.counts)
    index = form.index(to, notes)
    for path, data in index:
        _store(storage.join(to, path), data)
    vocabulary = form.vocabulary
    manifest = {
        "format": form.name,
        "tokenizer": vocabulary.tokenizer if vocabulary else None,
        "vocabulary_size": vocabulary.size if vocabulary else None,
        "dtype": form.dtype,
        "eod": {"token": vocabulary.eod, "id": vocabulary.eod_id} if vocabulary else None,
        **settings_of(form),
        **({_INFILLING: infilling.meaning()} if infilling else {}),
        **asdict(sums),
        **counts,
        "index": [path for path, _ in index],
        "shards": [
            {
                "name": note.name,
                "documents": note.documents,
                "tokens": note.tokens,
                "files": [asdict(file) for file in note.files],
                **note.counts,
            }
            for note in notes
        ],
    }
    storage.create(storage.join(to, MANIFEST), orjson.dumps(manifest, option=orjson.OPT_INDENT_2))


def _print(manifest: dict[str, Any], form: Format, to: str) -> None:
    line = f"{counted(manifest['documents'], 'document')}"
    if manifest["eod"]:
        line += f", {manifest['tokens']:,} tokens with {manifest['eod']['token']} after each document"
    if _INFILLING in manifest:
        line += f", {manifest.get('infilled', 0):,} of the documents with their middle last"
    if summary := form.summary(manifest):
        line += f", {summary}"
    if manifest["source_tokens"]:
        line += f"; the Parquet's n_tokens sum to {manifest['source_tokens']:,}"
    if manifest["documents"] < manifest["source_rows"]:
        line += f"; {manifest['source_rows'] - manifest['documents']:,} rows without text left out"
    console.print(f"export: {line}, in {to}", soft_wrap=True)


def _progress(sums: ExportNote, seconds: float) -> str:
    rate = f"{sums.bytes / 1e6 / max(seconds, 0.001):,.1f} MB/s" if sums.bytes else ""
    return f"{sums.tokens:,} tokens, {rate}" if sums.tokens else rate
