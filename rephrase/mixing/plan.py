"""How much each component gives to a mixture, and where its selection is cut: from sums over texts alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rephrase.mixing.grid import Value, name_of
from rephrase.mixing.parts import max_epochs_of
from rephrase.mixing.pools import Pool
from rephrase.mixing.selection import BUCKETS, Cut, buckets_of, cut_bucket, cut_in_bucket

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rephrase.mixing.settings import Mix

MEASURES = 4  # sums of texts: tokens, rows, tokens of texts that a model wrote, tokens of originals
TOKENS, ROWS, WRITTEN, ORIGINAL = range(MEASURES)


@dataclass(frozen=True, slots=True)
class Material:
    """What there is. sums: by pool, measure and bucket of keys, shape (pools, MEASURES, BUCKETS). left_out: rows and tokens, by reason."""

    pools: tuple[Pool, ...]
    sums: NDArray[np.int64]
    left_out: dict[str, dict[str, int]]

    @property
    def available(self) -> list[int]:
        """Tokens of each pool."""
        return [int(count) for count in self.sums[:, TOKENS].sum(axis=1)]


@dataclass(frozen=True, slots=True)
class Draw:
    """The first so many tokens of a pool: all texts for each whole epoch, and those with a key below `cut` once more."""

    whole_epochs: int = 0
    cut: int = 0
    sums: tuple[int, ...] = (0,) * MEASURES  # of what is drawn, by measure

    def copies(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """How often each text is drawn. Shape: (rows,)."""
        return self.whole_epochs + (keys < self.cut)


@dataclass(frozen=True, slots=True)
class ComponentPlan:
    """What a pool gives to a phase: what `end` draws beyond `start`. Tokens and rows count a text once for each use."""

    name: str
    phase: int
    pool: int
    share: float  # of the phase, as configured
    max_epochs: float  # over all phases
    target_tokens: int
    available_tokens: int
    available_rows: int
    start: Draw
    end: Draw
    tokens: int
    rows: int
    written_tokens: int  # of texts that a model wrote
    original_tokens: int
    cell: dict[str, Value] = field(default_factory=dict)  # by dimension, where the component is divided by a grid
    repeated: int | None = None  # tokens of epochs after the first, where they were counted and do not follow from the draws

    @property
    def repeated_tokens(self) -> int:
        """Tokens of texts that the mixture has used before: those of all epochs but the first."""
        if self.repeated is not None:
            return self.repeated
        return sum(
            sign * (draw.sums[TOKENS] - self.available_tokens) for sign, draw in ((1, self.end), (-1, self.start)) if draw.whole_epochs
        )

    @property
    def epochs(self) -> float:
        """How often the phase uses the pool's tokens, on average."""
        return self.tokens / self.available_tokens if self.available_tokens else 0.0

    def describe(self) -> dict[str, Any]:
        """The plan as the manifest tells it: without the cuts."""
        return {key: value for key, value in asdict(self).items() if key not in ("start", "end", "pool", "repeated")} | {
            "epochs": round(self.epochs, 6),
            "repeated_tokens": self.repeated_tokens,
            "whole_epochs": self.end.whole_epochs,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole mixture before any text is moved. `left_out` counts rows and tokens that no component takes, by reason."""

    pools: tuple[Pool, ...]
    components: tuple[ComponentPlan, ...]  # phase by phase
    left_out: dict[str, dict[str, int]]
    files: tuple[int, ...]  # of each phase

    @property
    def tokens(self) -> int:
        """Tokens of the mixture."""
        return sum(component.tokens for component in self.components)

    @property
    def rows(self) -> int:
        """Rows of the mixture."""
        return sum(component.rows for component in self.components)

    @property
    def available(self) -> list[int]:
        """Tokens of each pool."""
        tokens = {component.pool: component.available_tokens for component in self.components}
        return [tokens.get(pool, 0) for pool in range(len(self.pools))]

    @property
    def repeated_tokens(self) -> int:
        """Tokens of texts that the mixture has used before."""
        return sum(component.repeated_tokens for component in self.components)

    def last(self, pool: int) -> Draw:
        """All that the mixture draws of a pool."""
        return max((c.end for c in self.components if c.pool == pool), key=lambda draw: draw.sums[TOKENS], default=Draw())

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Plan:
        """The reverse of `to_dict`."""
        components = [{**fields, "start": _draw(fields["start"]), "end": _draw(fields["end"])} for fields in data["components"]]
        pools = tuple(
            Pool.from_dict(pool, [one["name"] for one in components if one["pool"] == number]) for number, pool in enumerate(data["pools"])
        )
        return cls(pools, tuple(ComponentPlan(**fields) for fields in components), data["left_out"], tuple(data["files"]))


def _draw(data: dict[str, Any]) -> Draw:
    return Draw(data["whole_epochs"], data["cut"], tuple(data["sums"]))


def draws(
    material: Material, targets: Sequence[Sequence[int]], keys_in: Callable[[NDArray[np.bool_]], Sequence[NDArray[np.int64]]]
) -> list[list[Draw]]:
    """For each phase and pool, the draw up to its end that is nearest to the target up to there: within half a text.

    targets: tokens by phase and pool. keys_in: of the texts in the chosen buckets, shape (pools, BUCKETS), it gives for each pool the keys
    and the measures, shape (1 + MEASURES, texts).
    """
    ends = np.cumsum(np.array(targets, dtype=object), axis=0)
    spots = [[_spot(material.sums[pool, TOKENS], int(end)) for pool, end in enumerate(phase)] for phase in ends]
    cut_buckets = np.zeros((len(material.pools), BUCKETS), np.bool_)
    for phase in spots:
        for pool, spot in enumerate(phase):
            if spot.bucket is not None:
                cut_buckets[pool, spot.bucket] = True
    inside = keys_in(cut_buckets)
    return [[_draw_to(material.sums[pool], spot, inside[pool]) for pool, spot in enumerate(phase)] for phase in spots]


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where so many tokens end: after whole epochs, and so many tokens further, in a bucket."""

    epochs: int
    remainder: int
    bucket: int | None


def _spot(tokens: NDArray[np.int64], end: int) -> _Spot:
    epochs, remainder = divmod(end, int(tokens.sum()) or 1)
    return _Spot(epochs, remainder, cut_bucket(tokens, remainder))


def _draw_to(sums: NDArray[np.int64], spot: _Spot, inside: NDArray[np.int64]) -> Draw:
    totals = sums.sum(axis=1) * spot.epochs
    if spot.bucket is None:
        return Draw(spot.epochs, 0, tuple(totals.tolist()))
    before = sums[:, : spot.bucket].sum(axis=1)
    mine = inside[:, buckets_of(inside[0]) == spot.bucket]
    cut = cut_in_bucket(spot.bucket, Cut(0, int(before[TOKENS]), int(before[ROWS])), mine[0], mine[1 + TOKENS], spot.remainder)
    return Draw(spot.epochs, cut.key, tuple((totals + before + mine[1:, mine[0] < cut.key].sum(axis=1)).tolist()))


def component_plans(mix: Mix, material: Material, targets: Sequence[Sequence[int]], ends: Sequence[Sequence[Draw]]) -> list[ComponentPlan]:
    """What each pool gives to each phase, between the draw up to the phase's start and that up to its end."""
    selections, most = mix.selections, [float(epochs) for epochs in max_epochs_of(mix, material.pools)]
    plans = []
    for number, (phase, phase_targets, draws_to) in enumerate(zip(mix.all_phases, targets, ends, strict=True)):
        shares = {component.name: component.share or (component.tokens or 0) / (phase.budget or 1) for component in phase.components}
        for index, (pool, target, end) in enumerate(zip(material.pools, phase_targets, draws_to, strict=True)):
            component = selections[pool.component]
            if component.name not in shares:
                continue
            start = ends[number - 1][index] if number else Draw()
            sums = [after - before for after, before in zip(end.sums, start.sums, strict=True)]
            siblings = sum(
                tokens for sibling, tokens in zip(material.pools, phase_targets, strict=True) if sibling.component == pool.component
            )
            plans.append(
                ComponentPlan(
                    name=pool.label(component),
                    phase=number,
                    pool=index,
                    share=shares[component.name] * (target / siblings if component.dimensions and siblings else 1),
                    max_epochs=most[index],
                    target_tokens=target,
                    available_tokens=material.available[index],
                    available_rows=int(material.sums[index, ROWS].sum()),
                    start=start,
                    end=end,
                    tokens=sums[TOKENS],
                    rows=sums[ROWS],
                    written_tokens=sums[WRITTEN],
                    original_tokens=sums[ORIGINAL],
                    cell=dict(zip(map(name_of, component.dimensions), pool.cell, strict=False)),
                )
            )
    return plans


def n_files(tokens: int, file_tokens: int) -> int:
    """How many files hold a mixture."""
    return max(1, math.ceil(tokens / file_tokens))


def complete_plan(mix: Mix, material: Material, components: Sequence[ComponentPlan]) -> Plan:
    """The plan, with its files."""
    tokens = [sum(c.tokens for c in components if c.phase == number) for number in range(len(mix.all_phases))]
    return Plan(material.pools, tuple(components), material.left_out, tuple(n_files(count, mix.file_tokens) for count in tokens))
