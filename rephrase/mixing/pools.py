"""What is drawn from as one: the pools of a mixture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rephrase.mixing.grid import Cell, told
from rephrase.mixing.weights import shown

if TYPE_CHECKING:
    from rephrase.mixing.component import Component


@dataclass(frozen=True, slots=True)
class Pool:
    """Texts that are drawn from as one: those of a component, or of one cell of the grid by which it is divided."""

    component: int  # index in `Mix.selections`
    cell: Cell = ()  # a value for each dimension of the grid
    lowest: float | None = None  # of a step that is a quantile, the score from which it begins; None for the first that holds texts

    def label(self, component: Component) -> str:
        """How reports name the pool."""
        dimensions = component.dimensions
        if not dimensions or not self.cell:
            return component.name
        if len(dimensions) == 1 and isinstance(dimensions[0], str):
            return f"{component.name} from {told(dimensions[0], self.cell[0])}"
        return f"{component.name}: {shown(self.cell, dimensions)}"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], names: Sequence[str]) -> Pool:
        """A pool of a plan that was stored as JSON. names: of its components, which plans of 0.1.0 need to tell the pool without source."""
        if "source" not in data:
            return cls(data["component"], tuple(data["cell"]), data["lowest"])
        is_split = data["source"] is not None or any(name.endswith(" from no source") for name in names)
        return cls(data["component"], (data["source"],) if is_split else ())
