"""What a plan says: a line for each step, what recipes keep, and the sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rephrase.planning.estimate import Estimate
from rephrase.planning.rates import Rate
from rephrase.planning.storing import Storing

_DAY = 24.0  # hours


@dataclass(frozen=True, slots=True)
class Line:
    """What one step of a recipe asks and takes. None: nobody knows before a pilot."""

    recipe: str
    step: str
    model: str
    requests: Estimate | None
    prompt_tokens: Estimate | None
    output_tokens: Estimate | None
    how: str
    """How requests and tokens were come by."""
    at_most: bool = False
    """Whether the output tokens are only what the sampling allows."""
    gpu_hours: Estimate | None = None
    money: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What a recipe takes and gives. The last three are None where nothing was judged yet."""

    recipe: str
    documents: Estimate
    passages: Estimate
    keep_rate: Estimate | None
    kept_tokens: Estimate | None
    gpu_hours_per_million: Estimate | None
    """Kept tokens."""
    money_per_million: Estimate | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan. `lines` begins with the most expensive one. Sums leave out what nobody knows, and then `is_whole` is false."""

    documents: Estimate | None
    document_tokens: Estimate | None
    lines: tuple[Line, ...]
    kept: tuple[Kept, ...]
    rates: dict[str, Rate | None]
    """By model; None where no rate is known."""
    storing: Storing
    spent_tokens: int
    spent_gpu_hours: float
    """By the run and its trials so far."""
    gpus: int
    price: float | None
    origins: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether all steps have an estimate."""
        return all(line.output_tokens is not None for line in self.lines)

    @property
    def output_tokens(self) -> Estimate:
        """Of all steps that are known."""
        return _sum([line.output_tokens for line in self.lines])

    @property
    def gpu_hours(self) -> Estimate | None:
        """Of all steps that are known; None where no rate is."""
        known = [line.gpu_hours for line in self.lines if line.gpu_hours is not None]
        return _sum(known) if known else None

    @property
    def money(self) -> Estimate | None:
        """For the GPU hours, at the price."""
        return None if self.price is None or self.gpu_hours is None else self.gpu_hours.times(self.price)

    @property
    def days(self) -> Estimate | None:
        """On so many GPUs, all of them at work."""
        return None if self.gpu_hours is None else self.gpu_hours.times(1 / _DAY / self.gpus)


def _sum(figures: Sequence[Estimate | None]) -> Estimate:
    return sum((figure for figure in figures if figure is not None), Estimate.exact(0))
