"""The texts that rows of an index stand for, read from where they are stored: each row group once for all rows that are asked at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rephrase import storage
from rephrase.errors import UserError
from rephrase.mixing import selection
from rephrase.mixing.reasoning import COLUMN
from rephrase.records import MIXTURE, UNWRITTEN
from rephrase.storage import tables
from rephrase.text.reasoning_joint import Joint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rephrase.loading.index import Index
    from rephrase.loading.kept import KeptRowGroups

_THREADS = 4  # objects that are read at once
_OF_INDEX = ("n_tokens", "epoch")  # what the index has of a row, as the mixture does


class Texts:
    """Reads the texts of an index. Knows how many rows the row groups of objects have, once they were read."""

    def __init__(self, index: Index, kept: KeptRowGroups | None = None) -> None:
        self._index, self._kept = index, kept
        self._joint = Joint(*index.marks) if index.marks else None
        self._ends: dict[int, NDArray[np.int64]] = {}  # by object: rows up to the end of each row group
        self._pool = ThreadPoolExecutor(_THREADS)

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown(cancel_futures=True)

    def of(self, rows: pa.Table) -> pa.Table:
        """The rows of the mixture that rows of an index stand for, in their order, as MIXTURE.

        Raises `UserError` where an object has changed since the index was made.
        """
        objects, numbers = rows.column("object").to_numpy(), rows.column("row").to_numpy()
        order = np.lexsort((numbers, objects))
        starts = np.flatnonzero(np.diff(objects[order], prepend=-1)).tolist()
        parts = [order[start:end] for start, end in itertools.pairwise([*starts, len(order)])]
        made = self._pool.map(lambda part: self._of_object(int(objects[part[0]]), numbers[part], rows.take(pa.array(part))), parts)
        whole = pa.concat_tables([MIXTURE.empty_table(), *made])
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        return whole.take(pa.array(places))

    def _of_object(self, number: int, wanted: NDArray[np.int64], rows: pa.Table) -> pa.Table:
        path = storage.join(self._index.output, self._index.objects[number])
        columns = selection.columns_of(
            judged=self._index.objects[number].startswith("judged/"),
            with_scores=False,
            with_text=True,
            with_reasoning=self._joint is not None,
        )
        try:
            if number not in self._ends:
                self._ends[number] = np.cumsum(tables.row_groups(path))
            stored = pa.concat_tables(self._stored(path, columns, wanted, self._ends[number]))
        except (FileNotFoundError, IndexError) as error:
            raise self._changed(path) from error
        if stored.column("id").combine_chunks() != rows.column("id").combine_chunks():
            raise self._changed(path)
        texts = selection.candidates(stored)
        if texts.num_rows != len(wanted):
            raise self._changed(path)
        if self._joint is not None and COLUMN in texts.column_names:
            texts = _with_reasoning(texts, rows.column("joined"), self._joint)
        columns_there = {name: texts.column(name) for name in texts.column_names if name in MIXTURE.names}
        made = {**columns_there, **{name: rows.column(name) for name in _OF_INDEX}}
        nothing = [name for name in MIXTURE.names if name not in made]
        made |= {name: pa.nulls(len(wanted), UNWRITTEN.field(name).type) for name in nothing}
        return pa.table([made[name] for name in MIXTURE.names], names=MIXTURE.names).cast(MIXTURE)

    def _stored(self, path: str, columns: Sequence[str], wanted: NDArray[np.int64], ends: NDArray[np.int64]) -> Iterator[pa.Table]:
        """The wanted rows of an object, whose numbers ascend; those of a row group at a time."""
        groups = np.searchsorted(ends, wanted, side="right")
        starts = np.flatnonzero(np.diff(groups, prepend=-1)).tolist()
        for start, end in itertools.pairwise([*starts, len(wanted)]):
            group = int(groups[start])
            before = int(ends[group - 1]) if group else 0
            yield self._row_group(path, columns, group).take(pa.array(wanted[start:end] - before))

    def _row_group(self, path: str, columns: Sequence[str], group: int) -> pa.Table:
        if self._kept is None:
            return tables.read(path, list(columns), group)
        key = (self._index.folder, path, str(group))
        return self._kept.table(key, lambda: tables.read(path, list(columns), group))

    @staticmethod
    def _changed(path: str) -> UserError:
        cure = "restore it, or make the index again: `rephrase mix run.yaml --virtual`"
        return UserError("the object has changed since the index was made", where=path, cure=cure)


def _with_reasoning(texts: pa.Table, joined: pa.ChunkedArray, joint: Joint) -> pa.Table:
    columns = (texts.column("text").to_pylist(), texts.column(COLUMN).to_pylist(), joined.to_pylist())
    values = [joint.join(reasoning, text) if takes else text for text, reasoning, takes in zip(*columns, strict=True)]
    return texts.set_column(texts.column_names.index("text"), "text", pa.array(values, pa.string()))
