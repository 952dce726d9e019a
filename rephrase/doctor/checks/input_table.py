"""The table of the input: whether it is there, may be read, and has texts in its first rows."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from rephrase.doctor.checks.inputs import size
from rephrase.doctor.findings import Outcome
from rephrase.errors import UserError
from rephrase.live.words import counted
from rephrase.readers import RawDocument, ReadError, read_documents
from rephrase.spark.stages.input_table.looking import looked_at

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.readers.settings import Input
    from rephrase.spark.runtime.session import LazySession

TABLE = "input"
_ROWS = 50


def look_at_table(run: Run, config: Input, spark: LazySession) -> Outcome:
    """What the table is made of. Raises `UserError` where it cannot be read, and where none of its first rows is a document."""
    assert config.table is not None
    with looked_at(run, config, _ROWS, spark) as (files, rows):
        items = list(islice((item for file in files for item in read_documents(file, config)), _ROWS))
        in_bytes = size(sum(file.size for file in files))
    name = config.table.name
    text = (
        f"{name}: {counted(len(files), 'file')}, {in_bytes}"
        if rows is None
        else f"{name}: {counted(rows, 'row')}, copied before they are read"
    )
    errors = [item for item in items if isinstance(item, ReadError)]
    if any(isinstance(item, RawDocument) for item in items):
        return Outcome(text)
    if errors:
        cure = "`input.fields` says what is in which column; see `rephrase config input`"
        raise UserError(f"no document in the first {len(items)} rows: {errors[0].reason}", where=name, cure=cure)
    return Outcome(f"{text}; of its first {counted(len(items), 'row')} none is taken", True, "see `rephrase config input`")
