"""The texts of a search as rows: a place to read each at, what ranks it, and its signature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rephrase.spark.stages.dedup.searched import Searched, signatures_of
from rephrase.storage import tables

TEXTS_DDL = "place long, node binary, document binary, text_hash binary, signature binary"
_ROW_BITS = np.int64(32)

Places = npt.NDArray[np.int64]


def texts_of(searched: Sequence[Searched], number: int) -> Iterator[pa.RecordBatch]:
    """The texts of one object. `node` is the text's standing, its rank and its id: of two that are alike the lesser stays."""
    here = searched[number]
    for rows in signatures_of(here):
        for batch in rows.combine_chunks().to_batches(max_chunksize=4096):
            places = (np.int64(number) << _ROW_BITS) + batch.column("row").to_numpy()
            ranks, ids = batch.column("rank").to_pylist(), batch.column("id").to_pylist()
            nodes = [bytes([here.standing, rank]) + bytes.fromhex(name) for rank, name in zip(ranks, ids, strict=True)]
            documents = [bytes.fromhex(name) if name else b"" for name in batch.column("document_id").to_pylist()]
            columns = [pa.array(places), pa.array(nodes, pa.binary()), pa.array(documents, pa.binary())]
            columns += [batch.column("text_hash"), batch.column("signature")]
            yield pa.RecordBatch.from_arrays(columns, ["place", "node", "document", "text_hash", "signature"])


def object_of(places: Places) -> Places:
    """The numbers of the objects that hold the texts at these places."""
    return places >> _ROW_BITS


class Reader:
    """A column of the rows at given places. Reads forward: places come sorted, and one row group is held at a time."""

    def __init__(self, paths: Sequence[str], column: str) -> None:
        self._paths, self._column = paths, column
        self._number, self._bounds = -1, np.zeros(1, np.int64)
        self._group, self._values = -1, pa.array([])

    def read(self, places: Places) -> list[Any]:
        """The values at these places, in their order."""
        values: list[Any] = []
        numbers, rows = object_of(places), places & ((np.int64(1) << _ROW_BITS) - 1)
        start = 0
        while start < len(places):
            end = start + int(np.searchsorted(numbers[start:], numbers[start], side="right"))
            self._open(int(numbers[start]))
            while start < end:
                group = int(np.searchsorted(self._bounds, rows[start], side="right")) - 1
                until = start + int(np.searchsorted(rows[start:end], self._bounds[group + 1]))
                values += self._rows_of(group).take(pa.array(rows[start:until] - self._bounds[group])).to_pylist()
                start = until
        return values

    def _open(self, number: int) -> None:
        if number != self._number:
            self._number, self._group = number, -1
            self._bounds = np.concatenate([[0], np.cumsum(tables.row_groups(self._paths[number]), dtype=np.int64)])

    def _rows_of(self, group: int) -> Any:
        if group != self._group:
            self._group = group
            self._values = tables.read(self._paths[self._number], [self._column], group).column(self._column)
        return self._values
