"""Results of proxy models, or of anyone's trainings, as a CSV file: a row for each mixture and seed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rephrase import storage
from rephrase.errors import UserError

SHARE = "share:"
BITS = "bits_per_byte:"
MIXTURE, SEED, SETTINGS = "mixture", "seed", "settings"
_NOTES = ("size", "parameters", "tokens", "loss", "seconds", SETTINGS)


@dataclass(frozen=True, slots=True)
class Row:
    """A training. shares: by component, none of a mixture whose components are not known. measures: by column, lower is better."""

    mixture: str
    seed: str
    shares: Mapping[str, float] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


def write_rows(path: str, rows: Sequence[Row]) -> None:
    """Store all rows, in place of what was there at once."""
    shares, measures = (list(dict.fromkeys(name for row in rows for name in values(row))) for values in (_shares, _measures))
    notes = [name for name in _NOTES if any(name in row.notes for row in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    with_seed = any(row.seed for row in rows)
    writer.writerow([MIXTURE, *([SEED] if with_seed else []), *(f"{SHARE}{name}" for name in shares), *measures, *notes])
    for row in rows:
        values = [row.shares.get(name) for name in shares] + [row.measures.get(name) for name in measures]
        numbers = ["" if value is None else f"{value:.8g}" for value in values]
        writer.writerow([row.mixture, *([row.seed] if with_seed else []), *numbers, *(row.notes.get(name, "") for name in notes)])
    storage.put(path, text.getvalue().encode())


def _shares(row: Row) -> Mapping[str, float]:
    return row.shares


def _measures(row: Row) -> Mapping[str, float]:
    return row.measures


def read_rows(path: str, measures: Sequence[str] = ()) -> list[Row]:
    """The rows of a file; none where there is no file. Raises `UserError` that names line and column of what is no number.

    Measures are the columns whose names begin with `bits_per_byte:`, or those named. A row whose measures are empty has none.
    """
    if not storage.exists(path):
        return []
    reader = csv.DictReader(io.StringIO(storage.read(path).decode("utf-8-sig")))
    columns = reader.fieldnames or []
    if MIXTURE not in columns:
        raise UserError(f"the file has no column `{MIXTURE}`", where=path, cure="its first line names the columns, as swarm.csv has them")
    for name in measures:
        if name not in columns:
            raise UserError(f"the file has no column `{name}`", where=path, cure=f"it has {', '.join(columns)}")
    wanted = list(measures) or [name for name in columns if name.startswith(BITS)]
    rows = []
    for line in reader:
        where = f"{path}, line {reader.line_num}"
        shares = {name.removeprefix(SHARE): _number(line[name], where, name) for name in columns if name.startswith(SHARE)}
        numbers = {name: _number(line[name], where, name) for name in wanted if line[name]}
        notes = {name: line[name] or "" for name in _NOTES if name in columns}
        rows.append(Row(line[MIXTURE], line.get(SEED) or "", shares, numbers, notes))
    return rows


def _number(text: str | None, where: str, column: str) -> float:
    try:
        number = float(text or "")
    except ValueError:
        raise UserError(f"`{text or ''}` in column {column} is no number", where=where, cure="mend it or take the line out") from None
    if not abs(number) < float("inf"):
        raise UserError(f"{number} in column {column} is no finite number", where=where, cure="take the line out: the training has failed")
    return number
