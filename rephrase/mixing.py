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
from dataclasses import asdict, dataclass
from fractions import Fraction
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rephrase.errors import UserError
from rephrase.records import KEEP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rephrase.config import Component, Mix

KEY_BITS = 62  # leaves room in a signed 64-bit integer, as Spark and Parquet have it, for "one past the last key"
BUCKETS = 4096  # of keys by their first bits: sums of so many a component find the cut without sorting the corpus
_BUCKET_SHIFT = KEY_BITS - 12
_FILE_BITS = 31  # the first bits of a place decide the file; times fewer than 2**31 files they stay within 64 bits

NO_COMPONENT = -1
TOO_DEEP = -2

_SHARED = ["id", "source", "language", "license", "n_tokens", "synthetic_depth"]


@dataclass(frozen=True, slots=True)
class ComponentPlan:
    """What a component gives to the mixture. Tokens and rows count a text once for each epoch that it is used in."""

    name: str
    share: float  # as configured
    max_epochs: float
    target_tokens: int
    available_tokens: int
    available_rows: int
    whole_epochs: int
    cut: int  # texts with a key below it are used once more than `whole_epochs`
    tokens: int
    rows: int

    @property
    def epochs(self) -> float:
        """How often the mixture uses the component's tokens, on average."""
        return self.tokens / self.available_tokens if self.available_tokens else 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole mixture before any text is moved. `left_out` counts rows and tokens that no component takes, by reason."""

    components: tuple[ComponentPlan, ...]
    left_out: dict[str, dict[str, int]]
    files: int

    @property
    def tokens(self) -> int:
        """Tokens of the mixture."""
        return sum(component.tokens for component in self.components)

    @property
    def rows(self) -> int:
        """Rows of the mixture."""
        return sum(component.rows for component in self.components)

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Plan:
        """The reverse of `to_dict`."""
        return cls(tuple(ComponentPlan(**component) for component in data["components"]), data["left_out"], data["files"])


def columns_of(*, judged: bool, with_scores: bool, with_text: bool) -> list[str]:
    """The columns of a `judged` or a `documents` object that `candidates` needs."""
    own = ["document_id", "recipe", "model", "verdict"] if judged else []
    scores = ["scores" if judged else "metadata"] if with_scores else []
    return [*_SHARED, *own, *scores, *(["text"] if with_text else [])]


def candidates(table: pa.Table) -> pa.Table:
    """Rows of `documents` or `judged` with the columns that both origins share.

    Kept rows only. Adds `origin`, `document_id`, `recipe` and `model` to originals; null tokens and depths become 0. Columns named
    `text` and `scores` are carried where they are; an original's scores are the numbers in its `metadata`.
    """
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


def assign(table: pa.Table, mix: Mix) -> NDArray[np.int32]:
    """The component of each row of `candidates`: the index of the first that matches, else NO_COMPONENT, or TOO_DEEP.

    Shape: (rows,). A pattern or a minimum score never matches a row that lacks the value.
    """
    result = np.full(table.num_rows, NO_COMPONENT, np.int32)
    for index, component in enumerate(mix.components):
        free = result == NO_COMPONENT
        if free.any():
            result[free & _selected(table, component)] = index
    if mix.max_synthetic_depth is not None:
        result[table.column("synthetic_depth").to_numpy() > mix.max_synthetic_depth] = TOO_DEEP
    return result


def _selected(table: pa.Table, component: Component) -> NDArray[np.bool_]:
    chosen = np.ones(table.num_rows, np.bool_)
    for column in ("origin", "source", "recipe", "language"):
        pattern = getattr(component, column)
        if pattern is not None:
            chosen &= _matches(table.column(column), _matcher(pattern, wildcards=column in ("source", "recipe")))
    for name, least in component.min_scores.items():
        chosen &= _score(table.column("scores"), name) >= least  # false where the score is missing: not-a-number
    return chosen


def _matcher(pattern: str, *, wildcards: bool) -> Callable[[str], bool]:
    return lambda value: fnmatch.fnmatchcase(value, pattern) if wildcards else value == pattern


def _matches(column: pa.ChunkedArray, accept: Callable[[str], bool]) -> NDArray[np.bool_]:
    # A table has few different sources and recipes: each is looked at once, and null is the one past the last.
    encoded = pa.concat_arrays(column.chunks or [pa.array([], column.type)]).dictionary_encode()
    accepted = np.array([accept(value) for value in encoded.dictionary.to_pylist()] + [False], np.bool_)
    chosen: NDArray[np.bool_] = accepted[encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()]
    return chosen


def _score(column: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    scores = np.full(len(column), np.nan)
    at = 0
    for chunk in column.chunks:
        offsets = chunk.offsets.to_numpy()
        rows = np.repeat(np.arange(at, at + len(chunk)), np.diff(offsets))
        inside = slice(int(offsets[0]), int(offsets[-1]))
        keys, values = chunk.keys[inside], chunk.items[inside]
        found = pc.equal(keys, name).to_numpy(zero_copy_only=False).astype(np.bool_)
        scores[rows[found]] = [_number(value) for value in values.filter(pa.array(found)).to_pylist()]
        at += len(chunk)
    return scores


def _number(value: str | float | None) -> float:
    try:
        return math.nan if value is None else float(value)
    except ValueError:
        return math.nan


def keys(ids: Sequence[str], *salt: str | int) -> NDArray[np.int64]:
    """Evenly spread numbers in [0, 2**62), a fixed function of each id and the salt. Shape: (ids,)."""
    # The length before each part keeps ("ab", "c") apart from ("a", "bc").
    parts = b"".join(len(data).to_bytes(8, "little") + data for data in (str(part).encode() for part in salt))
    key = blake2b(parts, digest_size=32).digest()
    digests = b"".join([blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest() for value in ids])
    return (np.frombuffer(digests, "<u8") >> np.uint64(64 - KEY_BITS)).astype(np.int64)


def selection_keys(ids: Sequence[str], seed: int, component: str) -> NDArray[np.int64]:
    """The keys that decide which texts of a component a partial epoch takes. Shape: (ids,)."""
    return keys(ids, seed, "select", component)


def places(ids: Sequence[str], seed: int, epoch: int) -> NDArray[np.int64]:
    """The place of each text in the shuffled mixture: rows stand in ascending order of it. Shape: (ids,)."""
    return keys(ids, seed, "order", epoch)


def files_of(order: NDArray[np.int64], files: int) -> NDArray[np.int32]:
    """The number of the file that holds each place. Ascending with the place; each file holds an equal stretch. Shape: (rows,)."""
    return (((order >> (KEY_BITS - _FILE_BITS)) * files) >> _FILE_BITS).astype(np.int32)


def buckets_of(selection: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket, in [0, BUCKETS), of each selection key. Ascending with the key. Shape: (rows,)."""
    return selection >> _BUCKET_SHIFT


def copies(selection: NDArray[np.int64], plan: ComponentPlan) -> NDArray[np.int64]:
    """How often the mixture uses each text of a component. Shape: (rows,)."""
    return plan.whole_epochs + (selection < plan.cut)


def targets(mix: Mix, available: Sequence[int]) -> list[int]:
    """The tokens that each component shall give, of the tokens that its texts have.

    Without a budget, the largest mixture with these shares that the material and `max_epochs` allow. With `skip_empty`, components that
    have no text give none, and the shares of the others grow in proportion. Raises `UserError` if a component has no text, or too little
    for the budget: with the tokens wanted and there, and what would fit.
    """
    given = [
        Fraction(str(c.share)) if tokens or not mix.skip_empty else Fraction(0) for c, tokens in zip(mix.components, available, strict=True)
    ]
    shares = [share / (sum(given) or 1) for share in given]
    capacities = [tokens * Fraction(str(component.max_epochs)) for component, tokens in zip(mix.components, available, strict=True)]
    empty = [component.name for component, tokens in zip(mix.components, available, strict=True) if not tokens]
    if empty and not (mix.skip_empty and any(available)):
        raise UserError(
            f"no text is there for the component{'s' if len(empty) > 1 else ''} {', '.join(f'`{name}`' for name in empty)}",
            where="mix.components",
            cure="mend what it selects, take it out, or set skip_empty; a text belongs to the first component that matches it",
        )
    largest = min(math.floor(capacity / share) for capacity, share in zip(capacities, shares, strict=True) if share)
    if mix.budget_tokens is not None and mix.budget_tokens > largest:
        raise _too_little(mix, shares, available, capacities, largest)
    budget = largest if mix.budget_tokens is None else mix.budget_tokens
    return [round(share * budget) for share in shares]


def _too_little(mix: Mix, shares: Sequence[Fraction], available: Sequence[int], capacities: Sequence[Fraction], largest: int) -> UserError:
    assert mix.budget_tokens is not None
    wants, epochs = [], []
    for component, share, tokens, capacity in zip(mix.components, shares, available, capacities, strict=True):
        wanted = share * mix.budget_tokens
        if wanted > capacity:
            limit = f" x {component.max_epochs:g} epochs" if component.max_epochs != 1 else ""
            wants.append(f"`{component.name}` shall give {round(wanted):,} tokens and has {tokens:,}{limit}")
            epochs.append(f"{math.ceil(wanted / tokens * 1000) / 1000:g} for `{component.name}`")
    return UserError(
        f"too little material for a budget of {mix.budget_tokens:,} tokens: {'; '.join(wants)}",
        where="mix.components",
        cure=f"set budget_tokens to at most {largest:,}, or max_epochs to at least {', '.join(epochs)}",
    )


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a partial epoch ends: texts with a key below `key`, which hold so many tokens and rows."""

    key: int
    tokens: int
    rows: int


def cut_bucket(tokens: NDArray[np.int64], wanted: int) -> int | None:
    """The bucket in which the sum of tokens reaches `wanted`, or None if none is wanted.

    tokens: the sums by bucket, shape (BUCKETS,); `wanted` is not more than all of them.
    """
    return int(np.searchsorted(np.cumsum(tokens), wanted)) if wanted > 0 else None


def cut_in_bucket(bucket: int, before: Cut, selection: NDArray[np.int64], tokens: NDArray[np.int64], wanted: int) -> Cut:
    """The cut inside a bucket that lands nearest to `wanted` tokens: never further off than half the text it falls in.

    before: tokens and rows of all earlier buckets. selection, tokens: of the bucket's texts, in any order, shape (texts,).
    """
    # Texts with one key (copies of one id) go in or stay out together, so that the result does not depend on their order.
    distinct, group, counts = np.unique(selection, return_inverse=True, return_counts=True)
    grouped = np.zeros(len(distinct), np.int64)
    np.add.at(grouped, group, tokens)
    sums = before.tokens + np.concatenate([[0], np.cumsum(grouped)])
    taken = int(np.argmin(np.abs(sums - wanted)))  # of two equally near the smaller
    key = int(distinct[taken - 1]) + 1 if taken else bucket << _BUCKET_SHIFT
    return Cut(key, int(sums[taken]), before.rows + int(counts[:taken].sum()))


def n_files(tokens: int, file_tokens: int) -> int:
    """How many files hold a mixture."""
    return max(1, math.ceil(tokens / file_tokens))


def plan_component(component: Component, target: int, available_tokens: int, available_rows: int, cut: Cut) -> ComponentPlan:
    """A component's part of the plan. cut: of the last, partial epoch."""
    whole = target // available_tokens if available_tokens else 0
    return ComponentPlan(
        name=component.name,
        share=component.share,
        max_epochs=component.max_epochs,
        target_tokens=target,
        available_tokens=available_tokens,
        available_rows=available_rows,
        whole_epochs=whole,
        cut=cut.key,
        tokens=whole * available_tokens + cut.tokens,
        rows=whole * available_rows + cut.rows,
    )
