"""The section `mix:` of a run: which texts, how much of each, in which order, and what must not happen."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, model_validator

from rephrase.settings.section import Section

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Component(Section):
    """A part of the mixture: which texts, and how much of them. Give `share` or `tokens`, and the same of both to all components."""

    origin: Literal["original", "synthetic"] | None = None
    source: str | None = None
    recipe: str | None = None
    language: str | None = None
    license: str | None = None
    """These five select; source, recipe and license may hold wildcards, and a language is the same in any spelling (`en`, `eng_Latn`)."""
    min_scores: dict[str, Finite] = {}
    max_scores: dict[str, Finite] = {}
    """Bounds of scores by name, both included. A text that lacks the score does not fit."""
    share: float | None = Field(default=None, gt=0, le=1)
    """Of the tokens of the mixture, or of the phase."""
    tokens: int | None = Field(default=None, ge=1)
    """So many tokens, whatever the others give."""
    max_epochs: Finite = Field(default=1.0, gt=0)
    split_by: Literal["source"] | None = None
    """Draw from each source by itself: its part of the component is in proportion to tokens ** (1 / temperature)."""
    temperature: Finite = Field(default=1.0, gt=0)
    """1 keeps the sources' proportions, more lifts small ones: 1 / alpha of XLM-R (Conneau et al. 2020, arXiv 1911.02116)."""

    @property
    def name(self) -> str:
        """How reports name the component."""
        picks = [str(v) for v in (self.origin, self.source, self.recipe, self.language, self.license) if v]
        least = [f"{k}>={v:g}" for k, v in self.min_scores.items()]
        return " ".join(picks + least + [f"{k}<={v:g}" for k, v in self.max_scores.items()]) or "everything"

    @property
    def is_original(self) -> bool | None:
        """Whether it holds originals alone (True), rewrites alone (False), or perhaps both (None)."""
        return False if self.recipe or self.origin == "synthetic" else True if self.origin else None

    @model_validator(mode="after")
    def _share_or_tokens(self) -> Component:
        if (self.share is None) == (self.tokens is None):
            raise ValueError(f"give `share` or `tokens` to the component `{self.name}`, one of the two")
        if self.temperature != 1 and not self.split_by:
            raise ValueError(f"`temperature` divides a component over its sources: add `split_by: source` to `{self.name}`")
        return self


class Phase(Section):
    """A stretch of the training: files of its own, shuffled among themselves. Components give shares of `tokens`, or tokens."""

    components: list[Component] = Field(min_length=1)
    tokens: int | None = Field(default=None, ge=1)

    @property
    def budget(self) -> int | None:
        """Tokens of the phase; None where it takes all that fits."""
        counts = [component.tokens for component in self.components if component.tokens is not None]
        return sum(counts) if counts else self.tokens

    @model_validator(mode="after")
    def _consistent(self) -> Phase:
        _check_components(self.components, self.tokens)
        return self


def _check_components(components: list[Component], tokens: int | None) -> None:
    if any(c.tokens is not None for c in components):
        if any(c.share is not None for c in components):
            raise ValueError("all components give a `share`, or all give `tokens`; these are mixed")
        if tokens is not None:
            raise ValueError("components that give `tokens` make the budget by themselves: take the budget out, or give shares")
    else:
        total = sum(c.share or 0 for c in components)
        if abs(total - 1) > 1e-6:
            shares = ", ".join(f"{c.name}: {c.share:g}" for c in components)
            raise ValueError(f"the shares of the components sum to {total:g}, not 1 ({shares})")
    names = [c.name for c in components]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"two components select `{twice}`; a text belongs to the first that matches it, so add their shares up")


class Mix(Section):
    """The mixture: components, or phases of components. All components give shares, or all give tokens, which then are the budget.

    A text belongs to the first component that matches it, over all phases in their order. Where phases name the same component, a later
    one goes on with the texts where the earlier one stopped; `max_epochs` bounds them together.
    """

    preset: str | None = None
    """A mixture of the literature (`rephrase mix --presets` lists them) whose keys stand for those that are not given here."""
    components: list[Component] = []
    """Default: half originals, half rewrites."""
    budget_tokens: int | None = Field(default=None, ge=1)
    """Default: the largest mixture with these shares that the material allows."""
    phases: list[Phase] = []
    """Instead of components: one after the other, in files of their own. Each says its tokens."""
    pairing: Literal["both", "instead"] | None = None
    """both: a rewrite is taken only with its original somewhere in the mixture, as WRAP mixes (Maini et al. 2024, arXiv 2401.16380).
    Originals that have rewrites are then taken before others. instead: an original is left out where a rewrite of it is taken.
    Either way components keep their targets to within a document; where texts that fit do not suffice, a mixture without a budget shrinks
    until they do, and any other is refused."""
    skip_empty: bool = False
    """Leave out components that no text fits, and let the others' shares grow in proportion. By default they are refused."""
    seed: int = 0
    max_synthetic_depth: int | None = Field(default=None, ge=0)
    """Leave out texts that have passed through more models than so many. The manifest counts them under `left_out`."""
    max_synthetic_share: float | None = Field(default=None, ge=0, le=1)
    """Refuse a mixture of whose tokens more are of texts that a model wrote, here or before (`synthetic_depth` of 1 and more)."""
    min_original_share: float | None = Field(default=None, ge=0, le=1)
    """Refuse a mixture of whose tokens fewer are of originals, which are the documents of the input."""
    file_tokens: int = Field(default=100_000_000, ge=1)
    """Tokens of one output file."""
    row_group_rows: int = Field(default=1000, ge=1)

    @property
    def all_phases(self) -> list[Phase]:
        """The phases; without any, one of all components."""
        return self.phases or [Phase.model_construct(components=self.components, tokens=self.budget_tokens)]

    @property
    def selections(self) -> list[Component]:
        """The different components of all phases, in the order in which they take texts."""
        by_name: dict[str, Component] = {}
        for phase in self.all_phases:
            for component in phase.components:
                by_name.setdefault(component.name, component)
        return list(by_name.values())

    @model_validator(mode="before")
    @classmethod
    def _expanded(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        name = value.get("preset")
        if name is not None:
            if not isinstance(name, str) or name not in presets():
                raise ValueError(f"there is no preset `{name}`; there are {', '.join(presets())}")
            value = {**presets()[name]["mix"], **value}
        if not value.get("components") and not value.get("phases"):
            value = {**value, "components": [{"origin": "original", "share": 0.5}, {"origin": "synthetic", "share": 0.5}]}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Mix:
        if self.phases and (self.components or self.budget_tokens is not None):
            raise ValueError("`phases` have components and tokens of their own: take `components` and `budget_tokens` out")
        if not self.phases:
            _check_components(self.components, self.budget_tokens)
        if any(phase.budget is None for phase in self.phases):
            raise ValueError("each phase says its `tokens`")
        first: dict[str, Component] = {}
        for component in (component for phase in self.all_phases for component in phase.components):
            before = first.setdefault(component.name, component)
            same = ("max_epochs", "split_by", "temperature")
            if any(getattr(before, key) != getattr(component, key) for key in same):
                raise ValueError(f"phases give `{component.name}` different {', '.join(same)}: it is one pool of texts, so give the same")
        if self.pairing and {component.is_original for component in self.selections} != {True, False}:
            raise ValueError("`pairing` goes by origin: components of originals and of rewrites, each with its `origin` or `recipe`")
        return self


@cache
def presets() -> dict[str, Any]:
    """Mixtures of the literature by name: what they are, their paper, and the keys of `mix` that they stand for."""
    loaded: dict[str, Any] = yaml.safe_load((files("rephrase.mixing") / "presets.yaml").read_text(encoding="utf-8"))
    return loaded
