"""What a manifest asks of an index, and whether the index has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.mixing.component import DIVIDING
from rephrase.mixing.parts import bounds_of_epochs
from rephrase.mixing.plan import Material

if TYPE_CHECKING:
    from rephrase.loading.index import Index
    from rephrase.mixing.settings import Mix


_CELLS = [key for key in DIVIDING if key != "temperature"]  # which is about amounts


@dataclass(frozen=True, slots=True)
class Asked:
    """What a manifest asks. begins: of each phase, the tokens before it; None: where the one before has given all."""

    mix: Mix
    begins: Sequence[int | None]
    digest: str
    where: str

    def first(self, phases: int) -> Mix:
        """The mixture with its first phases alone."""
        return self.mix.model_copy(update={"phases": self.mix.all_phases[:phases], "components": []})


@dataclass(frozen=True, slots=True)
class Pools:
    """The pools of an index that a mixture draws from. numbers: in the index. material: as `mix` numbers components."""

    numbers: tuple[int, ...]
    material: Material


def check_components(index: Index, asked: Asked) -> None:
    """Raise a `UserError` for components that the index does not have."""
    known = {component.name: number for number, component in enumerate(index.components)}
    for component in asked.mix.selections:
        number = known.get(component.name)
        again = "make the index again: `rephrase mix run.yaml --virtual`"
        if number is None:
            names = ", ".join(f"`{name}`" for name in known)
            raise UserError(f"the index has no component `{component.name}`", where=asked.where, cure=f"it has {names}; or {again}")
        if key := next((key for key in _CELLS if getattr(component, key) != getattr(index.components[number], key)), None):
            raise UserError(f"the index has another `{key}` for `{component.name}`", where=asked.where, cure=f"put it back, or {again}")
        mine = [place for place, pool in enumerate(index.pools) if pool.component == number]
        for place, most in zip(mine, bounds_of_epochs(component, [index.pools[place].cell for place in mine]), strict=True):
            if most > index.epochs[place]:
                what = f"the index has {index.epochs[place]} epochs of `{index.pools[place].label(component)}`, and max_epochs is"
                raise UserError(f"{what} {float(most):g}", where=asked.where, cure=f"set it lower, or {again}")


def check_order(asked: Asked, number: int, begins: int, given: Sequence[int]) -> None:
    """Raise a `UserError` for a phase that does not begin within the one before it, or at its end. given: tokens of all before it."""
    least, end = sum(given[:-1]), sum(given)
    most = max(end, least + (asked.mix.all_phases[number - 1].budget or 0))  # which it was to have: whole texts miss it a little
    if not least <= begins <= most:
        what = f"phase {number + 1} begins after {begins:,} tokens, and the one before it gives those from {least:,} to {end:,}"
        raise UserError(what, where=asked.where, cure="set its `from` between the two, or take it out: it then begins at the end")


def pools_for(index: Index, material: Material, mix: Mix) -> Pools:
    """The pools of an index that the components of a mixture name."""
    numbers = {component.name: number for number, component in enumerate(mix.selections)}
    of_index = [numbers.get(index.components[pool.component].name) for pool in index.pools]
    chosen = [(place, number) for place, number in enumerate(of_index) if number is not None]
    places = [place for place, _ in chosen]
    pools = tuple(replace(index.pools[place], component=number) for place, number in chosen)
    return Pools(tuple(places), Material(pools, material.sums[places], material.left_out))
