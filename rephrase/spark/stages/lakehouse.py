"""Finished tables of a run, committed to the tables of a lakehouse that the section `tables` names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rephrase import __version__, records, storage
from rephrase.errors import UserError
from rephrase.lakehouse.base import LakeTable, Source
from rephrase.lakehouse.committing import Change, bring_to
from rephrase.lakehouse.journal import FOLDER, Journal, held, journals
from rephrase.lakehouse.settings import TableFormat
from rephrase.live.words import counted
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.base import Stage, Table, Tables
from rephrase.spark.stages.ledger import stage_note
from rephrase.spark.stages.mix.manifest import is_complete
from rephrase.storage import tables

if TYPE_CHECKING:
    import pyarrow as pa

    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession

_SCHEMAS: Mapping[Table, pa.Schema] = {
    Tables.DOCUMENTS: records.DOCUMENT,
    Tables.SCREENED: records.SCREENED,
    Tables.DUPLICATE_DOCUMENTS: records.DUPLICATE,
    Tables.GENERATIONS: records.GENERATION,
    Tables.JUDGED: records.JUDGED,
    Tables.DUPLICATE_GENERATIONS: records.DUPLICATE,
    Tables.MIXTURE: records.MIXTURE,
}


def check_tables(run: Run) -> None:
    """Raise the `UserError` of what the section asks for and cannot have, as far as it is known before the run."""
    for key in run.tables:
        with run.lines("tables", key):
            check_table(run, key)


def check_table(run: Run, key: str) -> TableFormat:
    """The same of one of its keys, which is returned: whether the run makes this table, and packages and catalog are there."""
    table = _table(key)
    if not table.is_on(run):
        lacks = f"no section `{table.section}`" if not table.is_configured(run) else "no `input`"
        what = f"the run makes no table {table.path}: it has {lacks}"
        raise UserError(what, cure="add it, or take the table out")
    chosen = _chosen(run, table)
    assert chosen is not None, "it is one of the section's keys"
    chosen.check(table.folder(run.output))
    return chosen


def commit_tables(run: Run, spark: LazySession, stages: Sequence[Stage]) -> None:
    """Bring every table of the section to its table in the lakehouse. Does nothing where all is there.

    Trials are not committed. Raises `UserError` for a table that is not finished, before any is committed, and for what the lakehouse
    refuses: the next call then goes on where this one stopped.
    """
    chosen = run.tables
    if chosen and run.trial() is not run:
        console.print("tables: a trial's are not committed")
        return
    by_table = {stage.table: stage for stage in stages}
    for key in chosen:
        _check_finished(by_table[_table(key)], run)
    for key, settings in chosen.items():
        with run.lines("tables", key):
            _commit(run, _table(key), settings, spark)


def withdraw_tables(run: Run, spark: LazySession) -> None:
    """Take the run's objects out of the tables of the lakehouse that hold some, so that the run may make its tables again.

    Raises `UserError` for a table that the section does not name, or that is not there any more.
    """
    nothing = True
    for table in Tables.all():
        shared = [journal for journal in journals(run.output, table.path) if held(journal.steps())]
        nothing = nothing and not shared
        if shared:
            with run.lines("tables", table.path):
                _withdraw(run, table, _chosen(run, table), shared, spark)
    if nothing:
        console.print("tables: no table of a lakehouse holds objects of this run")


@dataclass(frozen=True, slots=True)
class Committed:
    """What is known of a table without asking its lakehouse."""

    table: str
    """The run's."""
    into: str
    """The lakehouse's."""
    objects: int
    """That it took over."""
    unfinished: bool
    """Whether a commit has begun of which nobody has seen the end."""


def committed_tables(run: Run) -> list[Committed]:
    """What the run has given to tables of a lakehouse, by its journals, and which it was asked to give."""
    result: list[Committed] = []
    for table in Tables.all():
        path, before, chosen = table.path, len(result), _chosen(run, table)
        for journal in journals(run.output, path):
            steps, done = journal.steps(), journal.told_done()
            objects = len(held(steps[:done]))
            if objects or len(steps) > done:
                result.append(Committed(path, steps[-1].table, objects, len(steps) > done))
        if len(result) == before and chosen:
            result.append(Committed(path, chosen.title, 0, unfinished=False))
    return result


def in_words(run: Run) -> Iterator[str]:
    """A sentence on each of them."""
    for each in committed_tables(run):
        state = f"holds {counted(each.objects, 'object')}" if each.objects else "holds nothing yet"
        rest = ", and a commit has not ended: `rephrase tables run.yaml` ends it" if each.unfinished else ""
        yield f"{each.table}: the table {each.into} {state}{rest}"


def _commit(run: Run, table: Table, settings: TableFormat, spark: LazySession) -> None:
    source = _source(run, table, spark)
    lake = settings.open(source)
    assert lake is not None, "it is made where there is none"
    change = bring_to(lake, _journal(run, table, lake, source), _objects(source.folder), _digest(source.folder), _about(run, table))
    console.print(f"tables: {table.path}: {_told(change, lake)}", soft_wrap=True)


def _withdraw(run: Run, table: Table, settings: TableFormat | None, shared: Sequence[Journal], spark: LazySession) -> None:
    source = _source(run, table, spark)
    lake = settings.open(source, make=False) if settings else None
    mine = _journal(run, table, lake, source) if lake else None
    for journal in shared:
        if lake is None or mine is None or journal != mine:
            into = journal.steps()[-1].table
            cure = f"name it under `tables`; or remove {journal.folder} if that table was dropped"
            raise UserError(f"its objects are part of {into}, which is not the table that the config names", where=source.folder, cure=cure)
        change = bring_to(lake, journal, {}, _digest(source.folder), _about(run, table))
        console.print(f"tables: {table.path}: {lake.name} gave back {counted(change.removed, 'object')}", soft_wrap=True)


def _told(change: Change, lake: LakeTable) -> str:
    if not change.added and not change.removed:
        return f"{lake.name} holds all of it, nothing to do"
    before = f", in place of {change.removed:,}" if change.removed else ""
    return f"{lake.name} took over {counted(change.added, 'object')}{before}"


def _source(run: Run, table: Table, spark: LazySession) -> Source:
    def sql(statement: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in spark.get().sql(statement).collect()]

    folder = table.folder(run.output)
    home = storage.join(run.output, FOLDER, "tables")
    return Source(folder, _SCHEMAS[table], home, records.content_id(folder)[:16], sql)


def _journal(run: Run, table: Table, lake: LakeTable, source: Source) -> Journal:
    return Journal.of(run.output, table.path, f"{lake.identity}-{source.key}")


def _objects(folder: str) -> dict[str, int]:
    """Bytes of each object of a table by its name below its folder."""
    start, paths = len(folder.rstrip("/")) + 1, set(tables.objects(folder))
    return {file.path[start:]: file.size for file in storage.list_files(folder) if file.path in paths}


def _digest(folder: str) -> str:
    return str(stage_note(folder)["digest"])


def _about(run: Run, table: Table) -> dict[str, str]:
    return {"rephrase.run": run.output, "rephrase.table": table.path, "rephrase.version": __version__}


def _check_finished(stage: Stage, run: Run) -> None:
    table = stage.table
    status = stage.status(run)
    finished = status.done == status.total and bool(status.done) and (table is not Tables.MIXTURE or is_complete(table.folder(run.output)))
    if not finished:
        raise UserError(f"the table {table.path} is not finished", where=table.folder(run.output), cure=table.make_first)


def _table(key: str) -> Table:
    return next(table for table in Tables.all() if table.path == key)


def _chosen(run: Run, table: Table) -> TableFormat | None:
    return next((settings for name, settings in run.tables.items() if name == table.path), None)
