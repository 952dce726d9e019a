"""How many tokens each pool of texts shall give, and what to say where it cannot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.mixing.plan import Pool

if TYPE_CHECKING:
    from rephrase.mixing.settings import Mix, Phase


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
    selections = mix.selections
    return [tokens * Fraction(str(selections[pool.component].max_epochs)) for pool, tokens in zip(pools, available, strict=True)]


def pool_shares(mix: Mix, pools: Sequence[Pool], available: Sequence[int]) -> list[list[Fraction]]:
    """The share of each phase's tokens that each pool gives. Raises `UserError` for a component without text."""
    names = [component.name for component in mix.selections]
    tokens_of_component = dict.fromkeys(names, 0)
    for pool, tokens in zip(pools, available, strict=True):
        tokens_of_component[names[pool.component]] += tokens
    return [_shares_of(mix, phase, names, tokens_of_component, pools, available) for phase in mix.all_phases]


def _shares_of(
    mix: Mix, phase: Phase, names: Sequence[str], tokens_of_component: dict[str, int], pools: Sequence[Pool], available: Sequence[int]
) -> list[Fraction]:
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
    shares = []
    for index, pool in enumerate(pools):
        share = weights.get(names[pool.component], Fraction(0)) / whole
        shares.append(share * _part(mix, pools, available, index) if share else share)
    return shares


def _part(mix: Mix, pools: Sequence[Pool], available: Sequence[int], index: int) -> Fraction:
    """The pool's part of its component: all, or by its source's tokens and the temperature."""
    temperature = mix.selections[pools[index].component].temperature
    mine = [tokens for pool, tokens in zip(pools, available, strict=True) if pool.component == pools[index].component]
    if temperature == 1:
        return Fraction(available[index], sum(mine))
    most = max(mine)  # ratios to the largest keep small temperatures within a float
    return Fraction((available[index] / most) ** (1 / temperature)) / sum(Fraction((tokens / most) ** (1 / temperature)) for tokens in mine)


def _too_little(
    mix: Mix, pools: Sequence[Pool], available: Sequence[int], capacities: Sequence[Fraction], totals: Sequence[Fraction], budget: int
) -> UserError:
    selections = mix.selections
    wants, epochs, caps = [], [], []
    for pool, tokens, capacity, target in zip(pools, available, capacities, totals, strict=True):
        if target <= capacity:
            continue
        component = selections[pool.component]
        name = pool.label(component)
        limit = f" x {component.max_epochs:g} epochs" if component.max_epochs != 1 else ""
        wants.append(f"`{name}` shall give {round(target):,} tokens and has {tokens:,}{limit}")
        caps.append(f"{math.floor(capacity):,} for `{name}`")
        epochs.append(f"{math.ceil(target / tokens * 1000) / 1000:g} for `{name}`" if tokens else f"nothing: there is no `{name}`")
    fits = min(capacity / target for capacity, target in zip(capacities, totals, strict=True) if target)
    if mix.phases:
        smaller = f"set the tokens of all phases to at most {math.floor(fits * 1000) / 10:g} % of what they are"
    elif any(component.tokens for component in selections):
        smaller = f"set tokens to at most {', '.join(caps)}"
    else:
        smaller = f"set budget_tokens to at most {math.floor(fits * budget):,}"
    return UserError(
        f"too little material for a budget of {budget:,} tokens: {'; '.join(wants)}",
        where="mix.components",
        cure=f"{smaller}, or max_epochs to at least {', '.join(epochs)}; texts are taken whole, so that a budget is met to within a text",
    )
