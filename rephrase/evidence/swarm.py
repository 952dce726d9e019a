"""A swarm: mixtures of the same components with other shares, which share the files that they are read from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from rephrase import storage
from rephrase.errors import UserError
from rephrase.evidence.packed_sequences import Block, Shard, read_first, repeated
from rephrase.evidence.results import Row, write_rows

if TYPE_CHECKING:
    from rephrase.evidence.packed_sequences import PackedExport

SWARM = "swarm.json"
TABLE = "swarm.csv"
PACKED = "packed"


@dataclass(frozen=True, slots=True)
class Part:
    """A component of all mixtures. settings: its keys in run.yaml. lowest and highest: the bounds of its share, here and in a proposal."""

    name: str
    settings: dict[str, Any]
    lowest: float
    highest: float
    present: float  # its share in the mixture of run.yaml
    shards: tuple[str, ...] = ()  # of the packed export, in order: a mixture reads the first sequences of them


@dataclass(frozen=True, slots=True)
class Mixture:
    """Shares of the components, in their order."""

    name: str
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Swarm:
    """All mixtures. tokens: of each, as the tokenizer of the packed export counts. drawn: how the shares were drawn."""

    tokens: int
    parts: tuple[Part, ...]
    mixtures: tuple[Mixture, ...]
    drawn: dict[str, Any]

    def save(self, folder: str) -> None:
        """Store it, and after it the table of its shares."""
        storage.put(storage.join(folder, SWARM), orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))
        names = [part.name for part in self.parts]
        write_rows(storage.join(folder, TABLE), [Row(m.name, "", dict(zip(names, m.shares, strict=True))) for m in self.mixtures])

    def shares_of(self, mixture: Mixture) -> dict[str, float]:
        """The shares by the components' names."""
        return {part.name: share for part, share in zip(self.parts, mixture.shares, strict=True)}


def is_swarm(folder: str) -> bool:
    """Whether a folder holds a swarm whose mixtures are ready to be trained on."""
    return storage.exists(storage.join(folder, SWARM))


def load_swarm(folder: str) -> Swarm:
    """The swarm in a folder. Raises `UserError` where the file is missing, or holds something else."""
    path = storage.join(folder, SWARM)
    cure = "draw it again: `rephrase swarm run.yaml`"
    try:
        data = orjson.loads(storage.read(path))
        parts = tuple(Part(**{**part, "shards": tuple(part["shards"])}) for part in data["parts"])
        mixtures = tuple(Mixture(mixture["name"], tuple(mixture["shares"])) for mixture in data["mixtures"])
        return Swarm(data["tokens"], parts, mixtures, data["drawn"])
    except FileNotFoundError:
        raise UserError("there is no swarm here", where=folder, cure=cure) from None
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"not the file of a swarm: {type(error).__name__}: {error}", where=path, cure=cure) from error


def sequences_of(swarm: Swarm, mixture: Mixture, export: PackedExport, tokens: int) -> tuple[Block, dict[str, float]]:
    """The sequences of a mixture, component by component, and how often each component that is begun again is read.

    A component gives the first sequences of its shards, so that mixtures of like shares hold the same texts, and differ in little else.
    """
    blocks, epochs = [], {}
    by_path = {shard.path: shard for shard in export.shards}
    for part, count in zip(swarm.parts, _whole(mixture.shares, tokens // export.length), strict=True):
        if not count:
            continue
        shards: list[Shard] = [by_path[storage.join(export.folder, path)] for path in part.shards]
        there = read_first(shards, count, export.length)
        if len(there) < count:
            epochs[part.name] = count / max(len(there), 1)
        blocks.append(repeated(there, count))
    tokens_of, learned = np.concatenate([b.tokens for b in blocks]), np.concatenate([b.learned for b in blocks])
    return Block(tokens_of, learned), epochs


def _whole(shares: tuple[float, ...], total: int) -> list[int]:
    """Whole numbers in proportion to shares, whose sum is `total`: what is left goes to the largest remainders."""
    exact = np.array(shares) / sum(shares) * total
    counts = np.floor(exact).astype(int)
    for place in np.argsort(counts - exact, kind="stable")[: total - counts.sum()]:
        counts[place] += 1
    return [int(count) for count in counts]
