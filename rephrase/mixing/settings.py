"""The section `mix:` of a run: which texts, how much of each, in which order, and what must not happen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from rephrase.mixing import schema
from rephrase.mixing.presets import presets
from rephrase.mixing.stitching import Stitch
from rephrase.settings.entries import entry_name
from rephrase.settings.faults import fault
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section
from rephrase.text.reasoning_joint import MARKS, Joint, joint_of

SOURCE = "source"
"""What components are split by that are not split by a label."""
Finite = Annotated[float, Field(allow_inf_nan=False)]


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
    """`source`, or the name of a label: draw from each source, or each value of the label, by itself: its part of the component is in
    proportion to tokens ** (1 / temperature). Texts without are a part of their own."""
    temperature: Finite = Field(default=1.0, gt=0)
    """1 keeps the parts' proportions, more lifts small ones: 1 / alpha of XLM-R (Conneau et al. 2020, arXiv 1911.02116)."""

    @property
    def name(self) -> str:
        """How reports name the component."""
        return entry_name(vars(self)) or "everything"

    @property
    def is_original(self) -> bool | None:
        """Whether it holds originals alone (True), rewrites alone (False), or perhaps both (None)."""
        return False if self.recipe or self.stitched or self.origin == "synthetic" else True if self.origin else None

    @model_validator(mode="after")
    def _share_or_tokens(self) -> Component:
        if self.share is None and self.tokens is None:
            raise fault(f"the component `{self.name}` says neither its `share` nor its `tokens`", "add one of the two, such as share: 0.5")
        if self.share is not None and self.tokens is not None:
            raise fault(f"the component `{self.name}` has a `share` and `tokens`", "take one of the two out", ("tokens",))
        if self.stitched and self.origin == "original":
            raise fault("texts that are joined hold rewrites, and are no originals", "take `origin` out", ("origin",))
        if self.temperature != 1 and not self.split_by:
            what = f"`temperature` divides a component over its sources or labels, and `{self.name}` is not divided"
            raise fault(what, "add split_by: source", ("temperature",))
        return self


class Phase(Section):
    """A stretch of the training: files of its own, shuffled among themselves. Components give shares of `tokens`, or tokens."""

    model_config = ConfigDict(json_schema_extra=schema.PHASE)
    components: list[Component] = Field(min_length=1)
    tokens: int | None = Field(default=None, ge=1)

    @property
    def budget(self) -> int | None:
        """Tokens of the phase; None where it takes all that fits."""
        counts = [component.tokens for component in self.components if component.tokens is not None]
        return sum(counts) if counts else self.tokens

    @model_validator(mode="after")
    def _consistent(self) -> Phase:
        _check_components(self.components, self.tokens, "tokens")
        return self


def _check_components(components: list[Component], budget: int | None, key: str) -> None:
    """Raise the `fault` of components that contradict each other, or the budget, which stands under `key` beside them."""
    with_tokens = [number for number, component in enumerate(components) if component.tokens is not None]
    if with_tokens:
        if len(with_tokens) < len(components):
            what = "some components give a `share` and others `tokens`"
            raise fault(what, "give all of them a share, or all of them tokens", ("components", with_tokens[0], "tokens"))
        if budget is not None:
            what = f"components that give `tokens` make the budget by themselves, and there is `{key}` beside them"
            raise fault(what, f"take `{key}` out, or give shares", (key,))
    else:
        total = sum(component.share or 0 for component in components)
        if abs(total - 1) > 1e-6:
            shares = " + ".join(f"{component.share:g} ({component.name})" for component in components)
            raise fault(f"the shares of the components sum to {total:g}, not 1: {shares}", "change them until they do", ("components",))
    names = [component.name for component in components]
    for number, name in enumerate(names):
        if name in names[:number]:
            what = f"two components select `{name}`, and a text belongs to the first that it fits"
            raise fault(what, "make one of them, with both shares added up", ("components", number))


class Mix(Section):
    """The mixture: components, or phases of components. All components give shares, or all give tokens, which then are the budget.

    A text belongs to the first component that matches it, over all phases in their order. Where phases name the same component, a later
    one goes on with the texts where the earlier one stopped; `max_epochs` bounds them together.
    """

    model_config = ConfigDict(json_schema_extra=schema.MIX)
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
    reasoning: Literal["drop", "keep", "wrap"] = "drop"
    """What a model thought before it wrote a rewrite: left out; kept before the text, with an empty line between; or wrapped in marks
    there. Shares and tokens are then of both. A text that holds its reasoning already, because its recipe asks for it, stays as it is."""
    reasoning_marks: tuple[str, str] = MARKS
    """For `reasoning: wrap`: what stands before the reasoning, and what between it and the text."""
    stitch: Stitch | None = None
    """Join kept rewrites of a document to long texts. A component with `stitched: true` takes them."""
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
    def joint(self) -> Joint | None:
        """How texts take up their reasoning; None where it is left out."""
        return joint_of(self.reasoning, self.reasoning_marks)

    @property
    def all_phases(self) -> list[Phase]:
        """The phases; without any, one of all components."""
        return self.phases or [Phase.model_construct(components=self.components, tokens=self.budget_tokens)]

    @property
    def places(self) -> Iterator[tuple[tuple[str | int, ...], Component]]:
        """All components, with the keys under which they stand."""
        for number, phase in enumerate(self.all_phases):
            for place, component in enumerate(phase.components):
                yield (*(("phases", number) if self.phases else ()), "components", place), component

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
        if isinstance(name, str):
            if name not in presets():
                raise fault(f"there is no preset `{name}`", nearest(name, presets()), ("preset",))
            if value.get("phases"):
                raise fault(f"the preset `{name}` has components, and there are `phases` beside it", "take one of the two out", ("preset",))
            value = {**presets()[name]["mix"], **value}
        if value.get("components", []) == [] and value.get("phases", []) == []:
            value = {**value, "components": [{"origin": "original", "share": 0.5}, {"origin": "synthetic", "share": 0.5}]}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Mix:
        for key in ("components", "budget_tokens") if self.phases else ():
            if getattr(self, key):
                raise fault(f"`phases` have components and tokens of their own, and there is `{key}` beside them", "take it out", (key,))
        if not self.phases:
            _check_components(self.components, self.budget_tokens, "budget_tokens")
        for number, phase in enumerate(self.phases):
            if phase.budget is None:
                raise fault("the phase does not say how many tokens it has", "add its `tokens`", ("phases", number))
        self._check_pools()
        if self.reasoning != "wrap" and self.reasoning_marks != MARKS:
            raise fault("`reasoning_marks` wrap reasoning, and nothing is wrapped", "add reasoning: wrap", ("reasoning_marks",))
        self._check_stitch()
        if self.pairing and {component.is_original for component in self.selections} != {True, False}:
            what = "`pairing` goes by origin: each component is of originals or of rewrites, and there are both"
            raise fault(what, "give each component its `origin` or `recipe`, or take `pairing` out", ("pairing",))
        return self

    def _check_stitch(self) -> None:
        """Raise the `fault` of joined texts that no component takes, or that nothing joins."""
        if self.stitch and not any(component.stitched for component in self.selections):
            cure = "add one, such as {stitched: true, share: 0.2}, or take `stitch` out"
            raise fault("`stitch` joins rewrites, and no component takes what is joined", cure, ("stitch",))
        if self.stitch and self.pairing:
            what = "`pairing` goes by single rewrites, and `stitch` joins them with their originals"
            raise fault(what, "take one of the two out", ("pairing",))
        if not self.stitch and any(component.stitched for component in self.selections):
            raise fault(
                "a component takes texts that are joined, and nothing joins any", "add `stitch: {}` beside `components`", ("components",)
            )

    def _check_pools(self) -> None:
        """Raise the `fault` of a component that phases divide or repeat in different ways: it is one pool of texts."""
        first: dict[str, Component] = {}
        for number, phase in enumerate(self.phases):
            for place, component in enumerate(phase.components):
                before = first.setdefault(component.name, component)
                for key in ("max_epochs", "split_by", "temperature"):
                    if getattr(before, key) != getattr(component, key):
                        what = f"phases give `{component.name}`, which is one pool of texts, different `{key}`"
                        raise fault(what, "give the same in all of them", ("phases", number, "components", place, key))
