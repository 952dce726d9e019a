"""How a component is divided into cells: the keys `by`, `weights` and `curve`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from rephrase.mixing.curve import shapes
from rephrase.settings.faults import fault
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section

Finite = Annotated[float, Field(allow_inf_nan=False)]
Value = str | int | None
"""Of a cell in one dimension: a source, a label, the number of a step of a score, or None for texts that have none."""
Cell = tuple[Value, ...]

SOURCE = "source"


class Steps(Section):
    """A score as a dimension: its steps are counted from 1, the lowest. Give `quantiles` or `edges`."""

    score: str = Field(min_length=1)
    quantiles: int | None = Field(default=None, ge=2, le=100)
    """So many steps of equal tokens, found within each cell of the other dimensions."""
    edges: list[Finite] | None = Field(default=None, min_length=1, max_length=99)
    """Bounds between the steps, ascending. A text at a bound is in the step above it."""

    @model_validator(mode="after")
    def _one_kind(self) -> Steps:
        if (self.quantiles is None) == (self.edges is None):
            raise fault(f"the score `{self.score}` needs either `quantiles` or `edges`", "give one of them, such as quantiles: 20")
        for lower, upper in pairwise(self.edges or []):
            if lower >= upper:
                raise fault(f"the edges of `{self.score}` are not ascending: {lower:g}, {upper:g}", "sort them, each once", ("edges",))
        return self

    @property
    def steps(self) -> int:
        """How many there can be."""
        return self.quantiles or len(self.edges or []) + 1

    def told(self, step: int) -> str:
        """How a step is shown: `18/20`, or its bounds.

        >>> [Steps(score="edu", edges=[0.2, 0.5]).told(step) for step in (1, 2, 3)]
        ['below 0.2', '0.2 to 0.5', 'from 0.5']
        """
        if self.edges is None:
            return f"{step}/{self.quantiles}"
        below = f"{self.edges[step - 1]:g}" if step <= len(self.edges) else None
        lowest = f"{self.edges[step - 2]:g}" if step > 1 else None
        return f"{lowest} to {below}" if lowest and below else f"below {below}" if below else f"from {lowest}"


def _steps(value: Any) -> Any:
    """A mapping as steps, so that what is wrong with it is told, and not that it is no text."""
    return Steps.model_validate(value) if isinstance(value, dict) else value


Dimension = Annotated[Annotated[str, Field(min_length=1)] | Steps, BeforeValidator(_steps)]
"""`source`, the name of a label, or a score."""


class Curve(Section):
    """How often texts are taken by their score: those below nothing, the best up to `max_epochs` times.

    The curve of OLMo 3 (arXiv 2512.13961), found for each cell of the other dimensions so that the tokens come out as they shall.
    """

    score: str | None = None
    """A score of `by`. Default: the only one."""
    drop_below: float = Field(default=0.4, ge=0, lt=1)
    """The part of the tokens, from the lowest score on, that is left out: whole steps that do not reach further."""
    max_epochs: Finite = Field(default=7.0, gt=0)
    """How often the texts of the highest step are taken at most. `max_epochs` of the component stays out."""
    shape: str = "power-exponential"
    """`power-exponential` as OLMo 3, or `flat`: all that is not left out equally often."""

    @model_validator(mode="after")
    def _known(self) -> Curve:
        if self.shape not in shapes():
            raise fault(f"there is no shape `{self.shape}`", nearest(self.shape, shapes()), ("shape",))
        return self


def name_of(dimension: Dimension) -> str:
    """How a dimension is called in tables: its score, its label, or `source`."""
    return dimension.score if isinstance(dimension, Steps) else dimension


def labels_in(dimensions: Sequence[Dimension]) -> list[str]:
    """The names of the labels among the dimensions."""
    return [dimension for dimension in dimensions if isinstance(dimension, str) and dimension != SOURCE]


def told(dimension: Dimension, value: Value) -> str:
    """How the value of a cell is shown."""
    if value is None:
        return f"no {name_of(dimension)}"
    return dimension.told(int(value)) if isinstance(dimension, Steps) else str(value)


def curved(dimensions: Sequence[Dimension], curve: Curve) -> int:
    """The place of the score that a curve goes by, among the dimensions of a grid that was checked."""
    return next(place for place, one in enumerate(dimensions) if isinstance(one, Steps) and curve.score in (None, one.score))


def check_dimensions(dimensions: Sequence[Dimension]) -> None:
    """Raise the `fault` of a grid that no text could be put into, or of one with too many kinds of steps."""
    names = [name_of(dimension) for dimension in dimensions]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise fault(f"`{name}` stands twice in `by`", "take one out", ("by", place))
    by_quantiles = [place for place, one in enumerate(dimensions) if isinstance(one, Steps) and one.quantiles]
    if len(by_quantiles) > 1:
        what = "two scores are cut by `quantiles`, each within the cells of the other"
        raise fault(what, "give one of them `edges`", ("by", by_quantiles[1]))


def check_curve(dimensions: Sequence[Dimension], curve: Curve) -> None:
    """Raise the `fault` of a curve over a score that the grid does not have."""
    scores = [one.score for one in dimensions if isinstance(one, Steps)]
    if not scores:
        name = curve.score or "quality"
        raise fault("a curve goes by a score, and `by` has none", f"add {{score: {name}, quantiles: 20}} to `by`", ("curve",))
    if curve.score is None and len(scores) > 1:
        raise fault("`by` has several scores, and the curve names none", f"add score: {scores[0]} to it", ("curve",))
    if curve.score is not None and curve.score not in scores:
        raise fault(f"the curve goes by `{curve.score}`, which `by` lacks", nearest(curve.score, scores), ("curve", "score"))
