"""The index of a virtual mixture: all texts that its components can give, in the order of the mixture, with where each is stored.

It knows no shares. A row is a text in one of the epochs that its component may reach; rows stand in ascending order of `place`, so that
a mixture is a choice of rows (see `schedule`), read from start to end, phase by phase.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from rephrase import storage
from rephrase.errors import UserError
from rephrase.mixing.component import Component
from rephrase.mixing.plan import MEASURES, Material
from rephrase.mixing.pools import Pool
from rephrase.mixing.selection import BUCKETS
from rephrase.storage import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDER = pa.schema(
    [
        ("place", pa.int64()),
        ("id", pa.string()),
        ("epoch", pa.int32()),
        ("pool", pa.int32()),
        ("key", pa.int64()),  # the selection key: what a component takes begins at the smallest
        ("n_tokens", pa.int64()),
        ("written", pa.bool_()),  # by a model
        ("original", pa.bool_()),
        ("joined", pa.bool_()),  # the text takes its reasoning up
        ("object", pa.int32()),  # number in `Index.objects`
        ("row", pa.int64()),  # of the object
    ]
)
CHOICE = ["place", "epoch", "pool", "key", "n_tokens"]
"""The columns that say whether a mixture takes a row, and how long it is."""

_INDEX = "_index.json"  # written last
_SUMS = "sums.parquet"
_PARTS = "order"
_LAYOUT = 1
_READ_BYTES = 8 << 20  # of row groups that are read together

SUMS = pa.schema([(name, pa.int64()) for name in ("pool", "bucket", "tokens", "rows", "written", "original")])


@dataclass(frozen=True, slots=True)
class Paired:
    """What `pairing` was decided by, and so fits no other shares.

    of: the digest of the manifest. phases: as in a `Schedule`. targets: tokens that each pool shall give, by phase.
    """

    of: str
    tokens: int
    phases: list[dict[str, Any]]
    targets: list[list[int]]


@dataclass(frozen=True, slots=True)
class Index:
    """An index as its `_index.json` describes it."""

    folder: str
    components: tuple[Component, ...]
    """In the order in which they take texts. Their shares are those of the config that the index was made by, and mean nothing here."""
    pools: tuple[Pool, ...]
    epochs: tuple[int, ...]
    """How many epochs of each pool the index has."""
    seed: int
    objects: tuple[str, ...]
    """What holds the texts, below the folder of the run."""
    parts: int
    marks: tuple[str, str] | None
    """What stands before reasoning, and between it and the text, where texts take it up."""
    paired: Paired | None = None

    @property
    def output(self) -> str:
        """The folder of the run, in which the folder of virtual mixtures lies."""
        return self.folder.rstrip("/").rsplit("/", 2)[0]

    def part(self, number: int) -> str:
        """The path of a part: the rows of one stretch of places."""
        return storage.join(self.folder, _PARTS, f"part-{number:05d}.parquet")

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The rows in their order, as tables of some row groups."""
        for number in range(self.parts):
            yield from tables.read_row_groups(self.part(number), list(columns), _READ_BYTES)

    def arrays(self, columns: Sequence[str]) -> Iterator[dict[str, NDArray[Any]]]:
        """The same as arrays by column. Shape: (rows,) each."""
        for batch in self.batches(columns):
            yield {name: batch.column(name).to_numpy(zero_copy_only=False) for name in columns}

    def write(self, material: Material) -> None:
        """Store what the index says of itself, once all of its parts are there."""
        pools, buckets = np.nonzero(material.sums.any(axis=1))
        columns = [pools, buckets, *(material.sums[pools, measure, buckets] for measure in range(MEASURES))]
        sums = pa.table([pa.array(column.astype(np.int64)) for column in columns], schema=SUMS)
        tables.commit(storage.join(self.folder, _SUMS), sums)
        about = {
            "layout": _LAYOUT,
            "components": [component.model_dump(mode="json", exclude_defaults=True) for component in self.components],
            "pools": [asdict(pool) for pool in self.pools],
            "epochs": self.epochs,
            "seed": self.seed,
            "parts": self.parts,
            "marks": self.marks,
            "paired": asdict(self.paired) if self.paired else None,
            "left_out": material.left_out,
            "objects": self.objects,
        }
        storage.create(storage.join(self.folder, _INDEX), orjson.dumps(about, option=orjson.OPT_INDENT_2))

    def material(self) -> Material:
        """What there is of each pool."""
        rows = tables.read(storage.join(self.folder, _SUMS))
        sums = np.zeros((len(self.pools), MEASURES, BUCKETS), np.int64)
        pools, buckets = rows.column("pool").to_numpy(), rows.column("bucket").to_numpy()
        for measure, name in enumerate(SUMS.names[2:]):
            sums[pools, measure, buckets] = rows.column(name).to_numpy()
        return Material(self.pools, sums, _about(self.folder)["left_out"])


def is_complete(folder: str) -> bool:
    """Whether all of an index is there."""
    return storage.exists(storage.join(folder, _INDEX))


def open_index(folder: str) -> Index:
    """The index in a folder. Raises `UserError` where it is not there or not finished."""
    about = _about(folder)
    return Index(
        folder=folder,
        components=tuple(Component.model_validate(component) for component in about["components"]),
        pools=tuple(Pool.from_dict(pool, []) for pool in about["pools"]),
        epochs=tuple(about["epochs"]),
        seed=about["seed"],
        objects=tuple(about["objects"]),
        parts=about["parts"],
        marks=tuple(about["marks"]) if about["marks"] else None,
        paired=Paired(**about["paired"]) if about["paired"] else None,
    )


def _about(folder: str) -> dict[str, Any]:
    path = storage.join(folder, _INDEX)
    try:
        about = orjson.loads(storage.read(path))
    except (FileNotFoundError, orjson.JSONDecodeError) as error:
        raise UserError("there is no finished index", where=path, cure="make it: `rephrase mix run.yaml --virtual`") from error
    if not isinstance(about, dict) or about.get("layout") != _LAYOUT:
        raise UserError("another version of rephrase made this index", where=path, cure="make it again: `rephrase mix run.yaml --virtual`")
    result: dict[str, Any] = about
    return result
