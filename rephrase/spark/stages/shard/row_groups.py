"""Row groups of the documents table: units of the rewrite stage, cut by tokens."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from rephrase.labels import Counts, counted, summed
from rephrase.records import DOCUMENT
from rephrase.storage import tables


class RowGroups:
    """Rows on their way into row groups of a given number of tokens; the document that reaches it ends the group."""

    def __init__(self, tokens_per_group: int) -> None:
        self._limit = tokens_per_group
        self.writer = tables.Writer(DOCUMENT)
        self.documents = 0
        self.tokens: list[int] = []
        self.labels: Counts = {}
        """Documents and tokens by label and value."""
        self._open: list[pa.Table] = []
        self._open_tokens = 0

    def add(self, table: pa.Table) -> None:
        """Take rows in, and write the groups that they fill."""
        self.documents += table.num_rows
        self.labels = summed([self.labels, counted(table)])
        running = np.cumsum(table.column("n_tokens").to_numpy())
        at = before = 0
        while at < table.num_rows:
            end = min(int(np.searchsorted(running, before + self._limit - self._open_tokens)) + 1, table.num_rows)
            self._open.append(table.slice(at, end - at))
            self._open_tokens += int(running[end - 1]) - before
            at, before = end, int(running[end - 1])
            if self._open_tokens >= self._limit:
                self.flush()

    def flush(self) -> None:
        """Write what is left."""
        if self._open:
            self.writer.add(pa.concat_tables(self._open))
            self.tokens.append(self._open_tokens)
        self._open, self._open_tokens = [], 0
