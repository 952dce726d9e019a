"""How many tokens each pool of texts shall give, and what to say where it cannot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from rephrase.errors import UserError
from rephrase.mixing.grid import curved, name_of
from rephrase.mixing.parts import max_epochs_of, parts_of, solved_curves
from rephrase.mixing.pools import Pool

if TYPE_CHECKING:
    from rephrase.mixing.settings import Mix, Phase


_LISTED = 5  # pools of an error line


class NoTextError(UserError):
    """A component for which no text is there."""


def targets_of(mix: Mix, pools: Sequence[Pool], available: Sequence[int], shrunk_to: int | None = None) -> list[list[int]]:
    """The tokens that each pool shall give to each phase, of the tokens that its texts have.

    Without a budget, the largest mixture with these shares that the material and `max_epochs` allow, or one of `shrunk_to` tokens. With
    `skip_empty`, components that have no text give none, and the shares of the others grow in proportion. Raises `NoTextError` if a
    component has no text, and `UserError` if it has too little: with the tokens wanted and there, and what would fit.
    """
    shares = pool_shares(mix, pools, available)
    capacities = capacities_of(mix, pools, available)
    budgets = [phase.budget for phase in mix.all_phases]
    if budgets == [None]:
        budgets = [shrunk_to if shrunk_to is not None else largest(shares[0], capacities)]
    exact_targets = [[share * (budget or 0) for share in phase] for phase, budget in zip(shares, budgets, strict=True)]
    totals = [sum((phase[pool] for phase in exact_targets), Fraction(0)) for pool in range(len(pools))]
    if any(total > capacity for total, capacity in zip(totals, capacities, strict=True)):
        raise _too_little(mix, pools, available, capacities, totals, sum(budget or 0 for budget in budgets))
    return [[round(count) for count in phase] for phase in exact_targets]


def largest(shares: Sequence[Fraction], capacities: Sequence[Fraction]) -> int:
    """The most tokens that a mixture of these shares can have."""
    return min(math.floor(capacity / share) for capacity, share in zip(capacities, shares, strict=True) if share)


def capacities_of(mix: Mix, pools: Sequence[Pool], available: Sequence[int]) -> list[Fraction]:
    """The most tokens that each pool can give, in all its epochs."""
    return [tokens * epochs for tokens, epochs in zip(available, max_epochs_of(mix, pools), strict=True)]


def pool_shares(mix: Mix, pools: Sequence[Pool], available: Sequence[int]) -> list[list[Fraction]]:
    """The share of each phase's tokens that each pool gives. Raises `UserError` for a component without text, and as `parts_of` does."""
    names = [component.name for component in mix.selections]
    by_phase = _shares_by_phase(mix, pools, available)
    parts = [Fraction(0)] * len(pools)
    for index, component in enumerate(mix.selections):
        mine = [place for place, pool in enumerate(pools) if pool.component == index]
        if not any(component.name in shares for shares in by_phase):
            continue
        whole = _tokens_of(mix, by_phase, component.name)
        of_component = parts_of(component, [pools[p].cell for p in mine], [available[p] for p in mine], whole, skip_empty=mix.skip_empty)
        for place, part in zip(mine, of_component, strict=True):
            parts[place] = part
    return [[shares.get(names[pool.component], Fraction(0)) * part for pool, part in zip(pools, parts, strict=True)] for shares in by_phase]


def curves_of(mix: Mix, pools: Sequence[Pool], available: Sequence[int]) -> list[dict[str, Any]]:
    """The curves of a mixture that was planned, as reports have them: f(x) = factor (x - start)^power e^(rate (x - start)).

    x: the place among the tokens of a cell of the other dimensions, from 0 to 1.
    """
    if not any(component.curve for component in mix.selections):
        return []
    by_phase = _shares_by_phase(mix, pools, available)
    curves = []
    for index, component in enumerate(mix.selections):
        mine = [place for place, pool in enumerate(pools) if pool.component == index and pool.cell]
        whole = _tokens_of(mix, by_phase, component.name)
        if component.curve is None or not mine or not whole:
            continue
        cells, tokens = [pools[place].cell for place in mine], [available[place] for place in mine]
        place = curved(component.dimensions, component.curve)
        others = [name_of(one) for number, one in enumerate(component.dimensions) if number != place]
        for line, (_, one) in solved_curves(component, cells, tokens, whole, skip_empty=mix.skip_empty).items():
            parameters = {"power": one.power, "rate": one.rate, "factor": one.factor, "start": one.start}
            curves.append({"name": component.name, "cell": dict(zip(others, line.row, strict=True)), **parameters})
    return curves


def _shares_by_phase(mix: Mix, pools: Sequence[Pool], available: Sequence[int]) -> list[dict[str, Fraction]]:
    names = [component.name for component in mix.selections]
    tokens_of_component = dict.fromkeys(names, 0)
    for pool, tokens in zip(pools, available, strict=True):
        tokens_of_component[names[pool.component]] += tokens
    return [_shares_of(mix, phase, tokens_of_component) for phase in mix.all_phases]


def _tokens_of(mix: Mix, by_phase: Sequence[dict[str, Fraction]], name: str) -> Fraction | None:
    """The tokens of a component over all phases; None where a phase takes all that fits."""
    budgets = [phase.budget for phase in mix.all_phases]
    if None in budgets:
        return None
    return sum((shares.get(name, Fraction(0)) * (budget or 0) for shares, budget in zip(by_phase, budgets, strict=True)), Fraction(0))


def _shares_of(mix: Mix, phase: Phase, tokens_of_component: dict[str, int]) -> dict[str, Fraction]:
    """The share of a phase's tokens that each of its components with text gives."""
    empty = [component.name for component in phase.components if not tokens_of_component[component.name]]
    if empty and (not mix.skip_empty or len(empty) == len(phase.components)):
        deep = (
            "" if mix.max_synthetic_depth is None else f", and max_synthetic_depth leaves out texts deeper than {mix.max_synthetic_depth}"
        )
        skip = "" if len(empty) == len(phase.components) else ", or set skip_empty"
        raise NoTextError(
            f"no text is there for the component{'s' if len(empty) > 1 else ''} {', '.join(f'`{name}`' for name in empty)}",
            where="mix.components",
            cure=f"mend what it selects, or take it out{skip}; a text belongs to the first component that matches it{deep}",
        )
    weights = {
        c.name: Fraction(str(c.share)) if c.share else Fraction(c.tokens or 0) for c in phase.components if tokens_of_component[c.name]
    }
    whole = sum(weights.values()) if phase.components[0].share else Fraction(phase.budget or 1)
    return {name: weight / whole for name, weight in weights.items()}


def _too_little(
    mix: Mix, pools: Sequence[Pool], available: Sequence[int], capacities: Sequence[Fraction], totals: Sequence[Fraction], budget: int
) -> UserError:
    selections = mix.selections
    wants, epochs, caps = [], [], []
    for pool, tokens, capacity, target, most in zip(pools, available, capacities, totals, max_epochs_of(mix, pools), strict=True):
        if target <= capacity:
            continue
        name = pool.label(selections[pool.component])
        limit = f" x {float(most):g} epochs" if most != 1 else ""
        wants.append(f"`{name}` shall give {round(target):,} tokens and has {tokens:,}{limit}")
        caps.append(f"{math.floor(capacity):,} for `{name}`")
        epochs.append(f"{math.ceil(target / tokens * 1000) / 1000:g} for `{name}`" if tokens else f"nothing: there is no `{name}`")
    fits = min(capacity / target for capacity, target in zip(capacities, totals, strict=True) if target)
    if mix.phases:
        smaller = f"set the tokens of all phases to at most {math.floor(fits * 1000) / 10:g} % of what they are"
    elif any(component.tokens for component in selections):
        smaller = f"set tokens to at most {_first(caps)}"
    else:
        smaller = f"set budget_tokens to at most {math.floor(fits * budget):,}"
    return UserError(
        f"too little material for a budget of {budget:,} tokens: {_first(wants, '; ')}",
        where="mix.components",
        cure=f"{smaller}, or max_epochs to at least {_first(epochs)}; texts are taken whole, so that a budget is met to within a text",
    )


def _first(texts: Sequence[str], joint: str = ", ") -> str:
    """The first of many: a grid may have hundreds that are short."""
    more = [f"and {len(texts) - _LISTED} more"] if len(texts) > _LISTED else []
    return joint.join([*texts[:_LISTED], *more])
