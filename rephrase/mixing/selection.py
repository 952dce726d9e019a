"""Which texts go into a mixture, how often, and where they stand: pure functions of ids, tokens and settings.

Every text has a fixed 62-bit key made of the seed, its component and its id. A component takes all of its texts for each
whole epoch, and in the last, partial one those whose key lies below a cut. So the selection needs no order of the input, is the
same on any number of machines, and a larger budget keeps what a smaller one took. A second key, made of the seed, the id and the
epoch, is the text's place in the mixture.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from operator import eq
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rephrase import labels
from rephrase.mixing.reasoning import COLUMN
from rephrase.mixing.scores import score_of
from rephrase.records import KEEP
from rephrase.text.languages import same_language

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rephrase.mixing.component import Component

KEY_BITS = 62  # leaves room in a signed 64-bit integer, as Spark and Parquet have it, for "one past the last key"
BUCKETS = 4096  # of keys by their first bits: sums of so many a component find the cut without sorting the corpus
_BUCKET_SHIFT = KEY_BITS - 12
_FILE_BITS = 31  # the first bits of a place decide the file; times fewer than 2**31 files they stay within 64 bits

NO_COMPONENT = -1
TOO_DEEP = -2
UNPAIRED = -3

_SHARED = ["id", "source", "language", "license", "n_tokens", "synthetic_depth"]


def columns_of(*, judged: bool, with_scores: bool, with_text: bool, with_reasoning: bool = False, with_labels: bool = False) -> list[str]:
    """The columns of a `judged` or a `documents` object that `candidates` needs. Reasoning changes texts, so that it comes with them.

    Labels go into the mixture, and come with texts as well.
    """
    own = ["document_id", "recipe", "model", "verdict"] if judged else []
    scores = ["scores" if judged else "metadata"] if with_scores else []
    reasoning = [COLUMN] if judged and with_reasoning else []
    label = [labels.COLUMN] if with_labels or with_text else []
    return [*_SHARED, *own, *scores, *(["text"] if with_text or reasoning else []), *reasoning, *label]


def candidates(table: pa.Table) -> pa.Table:
    """Rows of `documents` or `judged` with the columns that both origins share.

    Kept rows only. Adds `origin`, `document_id`, `recipe` and `model` to originals, and labels where there are none; null tokens and
    depths become 0. Columns named `text` and `scores` are carried where they are; an original's scores are the numbers in its `metadata`.
    Rows of `stitching.STITCHED` are candidates as they are, and alone have the column `parts`.
    """
    table = labels.with_labels(table)
    if "parts" in table.column_names:
        return table
    if "verdict" in table.column_names:
        table = table.filter(pc.equal(table.column("verdict"), KEEP)).drop_columns(["verdict"])
        origin = "synthetic"
    else:
        nothing = pa.nulls(table.num_rows, pa.string())
        table = table.append_column("document_id", table.column("id")).append_column("recipe", nothing).append_column("model", nothing)
        origin = "original"
        if "metadata" in table.column_names:
            table = table.rename_columns(["scores" if name == "metadata" else name for name in table.column_names])
    for name in ("n_tokens", "synthetic_depth"):
        table = table.set_column(table.column_names.index(name), name, pc.fill_null(table.column(name), 0))
    return table.append_column("origin", pa.array([origin] * table.num_rows, pa.string()))


def assign(table: pa.Table, components: Sequence[Component], max_depth: int | None = None) -> NDArray[np.int32]:
    """The component of each row of `candidates`: the index of the first that matches, else NO_COMPONENT, or TOO_DEEP.

    Shape: (rows,). A pattern or a bound of a score never matches a row that lacks the value. `max_depth` bounds `synthetic_depth`.
    """
    result = np.full(table.num_rows, NO_COMPONENT, np.int32)
    for index, component in enumerate(components):
        free = result == NO_COMPONENT
        if free.any():
            result[free & _selected(table, component)] = index
    if max_depth is not None:
        result[table.column("synthetic_depth").to_numpy() > max_depth] = TOO_DEEP
    return result


def _selected(table: pa.Table, component: Component) -> NDArray[np.bool_]:
    if component.stitched:
        is_joined = "parts" in table.column_names
        mask = pc.is_valid(table.column("parts")).to_numpy().astype(np.bool_) if is_joined else np.zeros(table.num_rows, np.bool_)
    else:
        mask = np.ones(table.num_rows, np.bool_)
        if "parts" in table.column_names:
            mask &= pc.is_null(table.column("parts")).to_numpy().astype(np.bool_)
    for column, matches in _MATCHES.items():
        pattern = getattr(component, column)
        if pattern is not None:
            mask &= _matches(table.column(column), partial(matches, pattern))
    for name, pattern in component.labels.items():
        mask &= _matches(pa.chunked_array([labels.values_of(table, name)]), partial(_by_wildcards, pattern))
    for name in {*component.min_scores, *component.max_scores}:
        if "scores" not in table.column_names:  # a text that was joined has none
            return np.zeros(table.num_rows, np.bool_)
        scores = score_of(table.column("scores"), name)  # not-a-number where the score is missing, which no bound admits
        mask &= (scores >= component.min_scores.get(name, -math.inf)) & (scores <= component.max_scores.get(name, math.inf))
    return mask


def _by_wildcards(pattern: str, value: str) -> bool:
    return value == pattern or fnmatch.fnmatchcase(value, pattern)  # a label may hold brackets


_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "origin": eq,
    "source": _by_wildcards,
    "recipe": _by_wildcards,
    "language": same_language,
    "license": _by_wildcards,
}


def _matches(column: pa.ChunkedArray, accept: Callable[[str], bool]) -> NDArray[np.bool_]:
    # A table has few different sources and recipes: each is looked at once, and null is the one past the last.
    encoded = pa.concat_arrays(column.chunks or [pa.array([], column.type)]).dictionary_encode()
    accepted = np.array([accept(value) for value in encoded.dictionary.to_pylist()] + [False], np.bool_)
    mask: NDArray[np.bool_] = accepted[encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()]
    return mask


def keys(ids: Sequence[str] | pa.ChunkedArray, *salt: str | int) -> NDArray[np.int64]:
    """Evenly spread numbers in [0, 2**62), a fixed function of each id and the salt. Shape: (ids,).

    The 8-byte words of an id go one after the other through the finaliser of SplitMix64 (Steele et al. 2014), which starts from a digest
    of the salt and the id's length.
    """
    array = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else pa.array(ids, pa.string())
    # The length before each part keeps ("ab", "c") apart from ("a", "bc").
    parts = b"".join(len(data).to_bytes(8, "little") + data for data in (str(part).encode() for part in salt))
    start = np.frombuffer(blake2b(parts, digest_size=8).digest(), np.uint64)
    _, offsets, data = array.buffers()
    firsts = np.frombuffer(offsets, np.int32, len(array) + 1, 4 * array.offset) if len(array) else np.zeros(1, np.int32)
    lengths = np.diff(firsts)
    characters = np.concatenate([np.frombuffer(data or b"", np.uint8), np.zeros(8, np.uint8)])
    result = _finalised(np.bitwise_xor(start, lengths.astype(np.uint64), dtype=np.uint64))
    if len(lengths) and (lengths == lengths[0]).all():  # as our own ids are: no gathering of words
        block = np.zeros((len(lengths), -(-int(lengths[0]) // 8) * 8), np.uint8)
        block[:, : lengths[0]] = characters[firsts[0] : firsts[-1]].reshape(len(lengths), -1)
        for chunk in block.view(np.uint64).T:
            result = _finalised(result ^ chunk)
    else:
        for at in range(0, int(lengths.max(initial=0)), 8):
            longer = np.flatnonzero(lengths > at)
            spots = firsts[:-1][longer, None] + np.arange(at, at + 8, dtype=np.int32)
            inside = spots < firsts[1:][longer, None]
            chunk = np.where(inside, characters[np.where(inside, spots, 0)], 0).astype(np.uint8).view(np.uint64)[:, 0]
            result[longer] = _finalised(result[longer] ^ chunk)
    return (result >> np.uint64(64 - KEY_BITS)).astype(np.int64)


def _finalised(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def selection_keys(ids: Sequence[str] | pa.ChunkedArray, seed: int, component: str) -> NDArray[np.int64]:
    """The keys that decide which texts of a component a partial epoch takes. Shape: (ids,)."""
    return keys(ids, seed, "select", component)


def places(ids: Sequence[str] | pa.ChunkedArray, seed: int, epoch: int) -> NDArray[np.int64]:
    """The place of each text in the shuffled mixture: rows stand in ascending order of it. Shape: (ids,)."""
    return keys(ids, seed, "order", epoch)


def files_of(order: NDArray[np.int64], files: int) -> NDArray[np.int32]:
    """The number of the file that holds each place. Ascending with the place; each file holds an equal stretch. Shape: (rows,)."""
    return (((order >> (KEY_BITS - _FILE_BITS)) * files) >> _FILE_BITS).astype(np.int32)


def buckets_of(selection: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket, in [0, BUCKETS), of each selection key. Ascending with the key. Shape: (rows,)."""
    return selection >> _BUCKET_SHIFT


def preferred_first(selection: NDArray[np.int64], preferred: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The same keys with those of preferred texts before all others. Shape: (rows,)."""
    return (selection >> 1) | (~preferred).astype(np.int64) << (KEY_BITS - 1)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a partial epoch ends: texts with a key below `key`, which hold so many tokens and rows."""

    key: int
    tokens: int
    rows: int


def cut_bucket(tokens: NDArray[np.int64], target: int) -> int | None:
    """The bucket in which the sum of tokens reaches `target`, or None if that is 0.

    tokens: the sums by bucket, shape (BUCKETS,); `target` is not more than all of them.
    """
    return int(np.searchsorted(np.cumsum(tokens), target)) if target > 0 else None


def cut_in_bucket(bucket: int, before: Cut, selection: NDArray[np.int64], tokens: NDArray[np.int64], target: int) -> Cut:
    """The cut inside a bucket that lands nearest to `target` tokens: never further off than half the text it falls in.

    before: tokens and rows of all earlier buckets. selection, tokens: of the bucket's texts, in any order, shape (texts,).
    """
    # Texts with one key (copies of one id) go in or stay out together, so that the result does not depend on their order.
    distinct, group, counts = np.unique(selection, return_inverse=True, return_counts=True)
    grouped = np.zeros(len(distinct), np.int64)
    np.add.at(grouped, group, tokens)
    sums = before.tokens + np.concatenate([[0], np.cumsum(grouped)])
    count = int(np.argmin(np.abs(sums - target)))  # of two equally near the smaller
    key = int(distinct[count - 1]) + 1 if count else bucket << _BUCKET_SHIFT
    return Cut(key, int(sums[count]), before.rows + int(counts[:count].sum()))
