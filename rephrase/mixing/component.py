"""A component of a mixture: which texts, how much of them, and how they are divided into cells."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from rephrase.mixing import schema
from rephrase.mixing.grid import Curve, Dimension, Finite, check_curve, check_dimensions, curved
from rephrase.mixing.weights import Weights, table_of
from rephrase.settings.entries import entry_name
from rephrase.settings.faults import fault
from rephrase.settings.section import Section

DIVIDING = ("split_by", "by", "weights", "others", "curve", "temperature")
"""The keys that divide a component."""


class Component(Section):
    """A part of the mixture: which texts, and how much of them. Give `share` or `tokens`, and the same of both to all components."""

    model_config = ConfigDict(json_schema_extra=schema.COMPONENT)
    origin: Literal["original", "synthetic"] | None = None
    source: str | None = None
    recipe: str | None = None
    language: str | None = None
    license: str | None = None
    """These five select; source, recipe and license may hold wildcards, and a language is the same in any spelling (`en`, `eng_Latn`)."""
    labels: dict[str, str] = {}
    """Labels by name, such as `topic: Science*`; values may hold wildcards. A text that lacks the label does not fit."""
    stitched: bool = False
    """Texts that `stitch` has joined, and no others. Their recipe is that of all parts, joined by ` + `; they have no scores."""
    min_scores: dict[str, Finite] = {}
    max_scores: dict[str, Finite] = {}
    """Bounds of scores by name, both included. A text that lacks the score does not fit."""
    share: float | None = Field(default=None, gt=0, le=1)
    """Of the tokens of the mixture, or of the phase."""
    tokens: int | None = Field(default=None, ge=1)
    """So many tokens, whatever the others give."""
    max_epochs: Finite = Field(default=1.0, gt=0)
    split_by: str | None = None
    """Draw from each source, or from the texts of each label of this name, by itself: a grid of one dimension."""
    by: list[Dimension] = []
    """Draw from each cell of a grid by itself. Dimensions: `source`, the name of a label, or a score by `quantiles` or `edges`. Without
    weights or a curve, a cell's part of the component is in proportion to tokens ** (1 / temperature)."""
    weights: Weights = []
    """The tokens of each cell in proportion: rows, or a CSV or YAML file, with a column for each dimension (of a score the number of the
    step), `weight`, and perhaps `max_epochs`. With a curve there is no column of its score."""
    others: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """The weight of cells that `weights` lacks. By default they are refused."""
    curve: Curve | None = None
    """How often texts are taken by their score, within each cell of the other dimensions."""
    temperature: Finite = Field(default=1.0, gt=0)
    """1 keeps the cells' proportions, more lifts small ones: 1 / alpha of XLM-R (Conneau et al. 2020, arXiv 1911.02116)."""

    @property
    def name(self) -> str:
        """How reports name the component."""
        return entry_name(vars(self)) or "everything"

    @property
    def is_original(self) -> bool | None:
        """Whether it holds originals alone (True), rewrites alone (False), or perhaps both (None)."""
        return False if self.recipe or self.stitched or self.origin == "synthetic" else True if self.origin else None

    @property
    def dimensions(self) -> list[Dimension]:
        """By what the component is divided; nothing where it is not."""
        return self.by or ([self.split_by] if self.split_by else [])

    @property
    def most_epochs(self) -> float:
        """How often any of its texts is taken at most."""
        return self.curve.max_epochs if self.curve else self.max_epochs

    @model_validator(mode="after")
    def _share_or_tokens(self) -> Component:
        if self.share is None and self.tokens is None:
            raise fault(f"the component `{self.name}` says neither its `share` nor its `tokens`", "add one of the two, such as share: 0.5")
        if self.share is not None and self.tokens is not None:
            raise fault(f"the component `{self.name}` has a `share` and `tokens`", "take one of the two out", ("tokens",))
        if self.stitched and self.origin == "original":
            raise fault("texts that are joined hold rewrites, and are no originals", "take `origin` out", ("origin",))
        self._check_division()
        return self

    def _check_division(self) -> None:
        """Raise the `fault` of keys that divide a component which is not divided, or that contradict each other."""
        name, curve = self.name, self.curve
        if self.by and self.split_by:
            raise fault(f"`{name}` has `split_by` and `by`", "take one of the two out", ("split_by",))
        if not self.dimensions:
            for key, divides in (("temperature", self.temperature != 1), ("weights", self.weights), ("curve", curve)):
                if divides:
                    raise fault(f"`{key}` divides a component, and `{name}` is not divided", "add split_by: source, or `by`", (key,))
        check_dimensions(self.dimensions)
        if self.others is not None and not self.weights:
            raise fault("`others` is the weight of cells that `weights` lacks, and there is none", "take it out", ("others",))
        if self.weights and self.temperature != 1:
            raise fault(f"`{name}` has `weights` and a `temperature`", "take one of the two out", ("temperature",))
        if curve:
            check_curve(self.dimensions, curve)
            if self.max_epochs != 1:
                raise fault(f"the curve of `{name}` has a `max_epochs` of its own", "put it there", ("max_epochs",))
        if self.weights:
            place = curved(self.dimensions, curve) if curve else None
            weighed = [dimension for number, dimension in enumerate(self.dimensions) if number != place]
            if not weighed:
                raise fault("a curve is over the only dimension of `by`, and `weights` have none", "take `weights` out", ("weights",))
            table_of(self.weights, weighed)
