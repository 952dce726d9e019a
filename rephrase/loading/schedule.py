"""Which rows of an index a virtual mixture takes, and in which phase: a pure function of a row's pool, epoch, key and place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NONE = -1


@dataclass(frozen=True, slots=True)
class PhaseEnd:
    """How far a phase goes, in the texts of each pool and in the order of the mixture.

    Of a pool it takes the texts that lie before an epoch and a key, and that no earlier phase has taken. Where another phase begins before
    all of them were given, `stop` is the first place that is not of this phase any more; what lies behind stays for later phases.
    """

    epochs: tuple[int, ...]  # by pool
    keys: tuple[int, ...]  # by pool
    stop: int | None = None
    rows: int = 0
    tokens: int = 0

    def reaches(self, pools: NDArray[np.int32], epochs: NDArray[np.int32], keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which texts lie before its ends. Shape: (rows,)."""
        whole, cut = np.array(self.epochs, np.int32)[pools], np.array(self.keys, np.int64)[pools]
        reached: NDArray[np.bool_] = (epochs < whole) | ((epochs == whole) & (keys < cut))
        return reached


@dataclass(frozen=True, slots=True)
class Schedule:
    """All phases of a virtual mixture, in their order."""

    phases: tuple[PhaseEnd, ...]

    def phase_of(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.int32]:
        """The phase that gives each row of an index (columns place, pool, epoch, key), or NONE. Shape: (rows,)."""
        result = np.full(len(columns["place"]), NONE, np.int32)
        for number, phase in enumerate(self.phases):
            given = (result == NONE) & phase.reaches(columns["pool"], columns["epoch"], columns["key"])
            if phase.stop is not None:
                given &= columns["place"] < phase.stop
            result[given] = number
        return result

    @property
    def begins(self) -> list[int]:
        """The tokens of the mixture before each phase, and at the end of the last."""
        return np.cumsum([0, *(phase.tokens for phase in self.phases)]).tolist()  # type: ignore[no-any-return]

    def goes_on_from(self, before: Schedule, phase: int, place: int) -> bool:
        """Whether this one gives what `before` has given up to a place in a phase.

        place: the rows of the phase with a smaller one have been given, and no others.
        """
        if self.phases[:phase] != before.phases[:phase]:
            return False
        if place == 0:
            return True
        if len(self.phases) <= phase:
            return False
        mine, its = self.phases[phase], before.phases[phase]
        reaches_place = all(end.stop is None or end.stop >= place for end in (mine, its))
        return (mine.epochs, mine.keys) == (its.epochs, its.keys) and (mine.stop == its.stop or reaches_place)

    def to_json(self) -> list[dict[str, Any]]:
        """The phases as JSON values."""
        return [asdict(phase) for phase in self.phases]

    @classmethod
    def from_json(cls, phases: Sequence[dict[str, Any]]) -> Schedule:
        """The reverse of `to_json`."""
        return cls(tuple(PhaseEnd(**{**phase, "epochs": tuple(phase["epochs"]), "keys": tuple(phase["keys"])}) for phase in phases))
