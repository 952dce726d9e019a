"""The input files: whether there are some, whether the first of them has texts, and whether executors can read it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from itertools import islice

from rephrase import storage
from rephrase.doctor.check import Check
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.errors import UserError
from rephrase.live.words import counted
from rephrase.readers import RawDocument, ReadError, read_documents
from rephrase.readers.base import Dropped
from rephrase.readers.files import reader_of
from rephrase.readers.named_fields import missing_fields
from rephrase.readers.registry import readers_of
from rephrase.settings.paths import InputFiles, paths_in

_ITEMS = 50


def samples_of(site: Site) -> tuple[str, ...]:
    """The first file of each pattern of files that the run reads, as far as they are there."""
    return tuple(file for pattern in paths_in(site.run, InputFiles) if (file := _first(pattern)))


def _first(pattern: str) -> str:
    try:
        return storage.expand(pattern)[0].path
    except UserError:  # told by the check of the pattern
        return ""


def _patterns(site: Site) -> Sequence[str]:
    return paths_in(site.run, InputFiles) if site.on_driver else []


def _look(pattern: str, site: Site) -> Outcome:
    files = storage.expand(pattern)
    text = f"{pattern}: {len(files):,} file{'s' if len(files) > 1 else ''}, {size(sum(file.size for file in files))}"
    config = site.run.input
    if config is None or pattern not in config.paths:
        return Outcome(text)
    file, items = files[0], list(islice(read_documents(files[0], config), _ITEMS))
    reader = reader_of(file.path, readers_of(config.format))
    text += f", {reader.title or reader.name}" if reader else ""
    errors = [item for item in items if isinstance(item, ReadError)]
    documents = sum(isinstance(item, RawDocument) for item in items)
    if not documents and errors:
        error = errors[0]
        cure = "`input.fields` says what is in which field, and `input.format` what the files are; see `rephrase config input`"
        raise UserError(
            f"no document in the first {len(items)} places: {error.reason}", where=f"{file.path}, {error.unit} {error.offset}", cure=cure
        )
    if not documents and items:
        reasons = ", ".join(sorted({item.reason for item in items if isinstance(item, Dropped)}))
        none = f"of its first {counted(len(items), 'document')} none is taken ({reasons})"
        return Outcome(f"{text}; {none}", True, "see `rephrase config input`")
    if absent := missing_fields(file, config):
        return Outcome(f"{text}; {absent[0]}", True, "correct `input.fields`")
    return Outcome(text)


def _samples(site: Site) -> Sequence[str]:
    return site.samples if not site.on_driver else []


def _readable(path: str, site: Site) -> Outcome:
    del site
    try:
        with closing(storage.open_stream(path)) as stream:
            stream.read(1)
    except FileNotFoundError as error:
        cure = "put the input where all machines find it at the same path, or into an object store"
        raise UserError("this machine does not see the input", where=path, cure=cure) from error
    return Outcome(f"{path}: readable")


def size(count: float) -> str:
    """Bytes in the unit that gives one to three digits before the point."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} PB"


INPUT = Check("input", _patterns, _look, "look at the store of the input, and the network", takes=2)
SAMPLES = Check("input", _samples, _readable, "look at the store of the input, and the network")
