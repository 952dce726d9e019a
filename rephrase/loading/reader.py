"""Rows of a virtual mixture in the order of the mixture, one reader's part of them, from any row on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rephrase import storage
from rephrase.errors import UserError
from rephrase.loading.index import CHOICE, ORDER, open_index
from rephrase.loading.kept import KeptRowGroups
from rephrase.loading.manifest import MANIFEST, parse_manifest, read_manifest
from rephrase.loading.texts import Texts

if TYPE_CHECKING:
    from rephrase.loading.index import Index
    from rephrase.loading.schedule import Schedule

_READ = [name for name in ORDER.names if name not in ("written", "original")]
_LOOK = 8192  # rows of the index that are looked at together, between looks at the manifest
_SLICE = 256  # rows that are values of Python at a time


@dataclass(frozen=True, slots=True)
class Share:
    """The rows of one of several readers: every so many blocks of rows, counted from `start`, the block with its number.

    start: the first row of the mixture that is given to any. skipped: rows of this reader that were given before.
    """

    reader: int = 0
    readers: int = 1
    block: int = 1
    start: int = 0
    skipped: int = 0


class VirtualMixture:
    """The rows of a virtual mixture: mappings with the columns of a mixture.

    Iterating gives them in the order of the mixture's files, or a reader's part of them. Memory holds two windows of texts and the row
    groups that are read at the moment.

    >>> [row["id"] for row in VirtualMixture("out/run/virtual")]  # doctest: +SKIP
    """

    def __init__(
        self,
        folder: str,
        share: Share | None = None,
        *,
        window_tokens: int = 8_000_000,
        keep_in: str | None = None,
        keep_bytes: int = 100_000_000_000,
        look_seconds: float = 1.0,
    ) -> None:
        """What is read, and whose rows of it.

        folder: `<output>/virtual`. window_tokens: of texts that are read together; more read faster. look_seconds: how often at most it is
        looked whether the manifest has changed. keep_in, keep_bytes: a folder on disk, which the readers of a machine share, and how much
        of the texts it may hold unpacked.
        """
        self._folder, self._share = folder, share or Share()
        self._window, self._look = window_tokens, look_seconds
        self._keep_in, self._keep_bytes = keep_in, keep_bytes
        self.given = self._share.skipped
        """Rows of this reader that were given, since its `start`."""
        self.tokens = 0
        """Tokens of the mixture, of all readers, up to the row that was given last."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for table, tokens in self.tables():
            for at in range(0, table.num_rows, _SLICE):
                rows = table.slice(at, _SLICE).to_pylist()
                for row, position in zip(rows, tokens[at : at + _SLICE].tolist(), strict=True):
                    self.given, self.tokens = self.given + 1, position
                    yield row

    def tables(self) -> Iterator[tuple[pa.Table, Any]]:
        """The same as tables, each with the tokens of the mixture up to each of its rows, shape (rows,). The next one is read meanwhile."""
        walk = _Walk(self._folder, self._share, self._window, self._look)
        texts = Texts(walk.index, KeptRowGroups(self._keep_in, self._keep_bytes) if self._keep_in else None)
        ahead = ThreadPoolExecutor(1)
        windows = walk.windows()

        def made() -> tuple[pa.Table, Any] | None:
            window = next(windows, None)
            return None if window is None else (texts.of(window), window.column("tokens").to_numpy())

        try:
            waiting = ahead.submit(made)
            while (window := waiting.result()) is not None:
                waiting = ahead.submit(made)
                yield window
        finally:
            ahead.shutdown(cancel_futures=True)
            texts.close()


class _Walk:
    """Goes over an index and finds a reader's rows, by a manifest that may change on the way."""

    def __init__(self, folder: str, share: Share, window_tokens: int, look_seconds: float) -> None:
        self._share, self._window = share, window_tokens
        self._look_seconds, self._next_look = look_seconds, 0.0
        self._path = storage.join(folder, MANIFEST)
        self._data = read_manifest(folder)
        self._manifest = parse_manifest(self._data, self._path)
        self.index: Index = open_index(storage.join(folder, self._manifest.index))
        self._schedule: Schedule = self._manifest.schedule(self.index, self._path)
        self._phase, self._place = 0, 0  # all rows of the phase with a smaller place have been looked at
        self._tokens = 0  # of the mixture, up to there

    def windows(self) -> Iterator[pa.Table]:
        """The reader's rows, as ORDER and `tokens`: those of the mixture up to and with the row."""
        waiting: list[pa.Table] = []
        size = 0
        for rows in self._rows():
            at = 0
            lengths = np.cumsum(rows.column("n_tokens").to_numpy())
            while at < rows.num_rows:
                before = int(lengths[at - 1]) if at else 0
                end = int(np.searchsorted(lengths, before + self._window - size)) + 1
                part = rows.slice(at, end - at)
                waiting.append(part)
                at += part.num_rows
                size += int(lengths[at - 1]) - before
                if size >= self._window:
                    yield pa.concat_tables(waiting).combine_chunks()
                    waiting, size = [], 0
        if waiting:
            yield pa.concat_tables(waiting).combine_chunks()

    def _rows(self) -> Iterator[pa.Table]:
        """The reader's rows of some row groups of the index at a time."""
        share, mine = self._share, 0
        number = self._skip_phases(share.start)
        while True:
            for batch in self._batches():
                first = number
                number += batch.num_rows
                places = np.arange(first, number) - share.start
                is_mine = (places >= 0) & ((places // share.block) % share.readers == share.reader)
                chosen = np.flatnonzero(is_mine)
                skipped = min(max(share.skipped - mine, 0), len(chosen))
                mine += len(chosen)
                if len(chosen) > skipped:
                    yield batch.take(pa.array(chosen[skipped:]))
            self._phase, self._place = self._phase + 1, 0
            if self._phase >= len(self._schedule.phases):
                self._next_look = 0.0  # a phase may have been added a moment ago
            self._reread()
            if self._phase >= len(self._schedule.phases):
                return

    def _skip_phases(self, start: int) -> int:
        """Leave out phases that end before a row of the mixture; the rows that they have."""
        number = 0
        for phase in self._schedule.phases:
            if number + phase.rows > start:
                break
            number, self._phase, self._tokens = number + phase.rows, self._phase + 1, self._tokens + phase.tokens
        return number

    def _batches(self) -> Iterator[pa.Table]:
        """The rows of the phase, as ORDER and `tokens`."""
        if self._phase >= len(self._schedule.phases):
            return
        slices = (table.slice(at, _LOOK) for table in self.index.batches(_READ) for at in range(0, table.num_rows, _LOOK))
        for batch in slices:
            self._reread()
            stop = self._schedule.phases[self._phase].stop
            if stop is not None and batch.column("place")[0].as_py() >= stop:
                return
            chosen = self._schedule.phase_of({name: batch.column(name).to_numpy() for name in CHOICE}) == self._phase
            rows = batch.filter(pa.array(chosen))
            tokens = self._tokens + np.cumsum(rows.column("n_tokens").to_numpy())
            if rows.num_rows:
                self._tokens = int(tokens[-1])
                self._place = int(rows.column("place")[-1].as_py()) + 1
            yield rows.append_column("tokens", pa.array(tokens, pa.int64()))

    def _reread(self) -> None:
        """Take up a manifest that has changed. Raises `UserError` where it changes what was given."""
        if time.monotonic() < self._next_look:
            return
        data = storage.read(self._path)
        self._next_look = time.monotonic() + self._look_seconds
        if data == self._data:
            return
        manifest = parse_manifest(data, self._path)
        schedule = manifest.schedule(self.index, self._path) if manifest.index == self._manifest.index else None
        if schedule is None or not schedule.goes_on_from(self._schedule, self._phase, self._place):
            cure = f"let the first change begin (`from`) after {self._tokens:,} tokens or later, or begin anew with a new reader"
            raise UserError("the manifest has changed what was read already", where=self._path, cure=cure)
        self._manifest, self._data, self._schedule = manifest, data, schedule
