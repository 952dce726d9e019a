"""What a mixture must not hold more of, and amounts of the same components with which it does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from rephrase.errors import UserError
from rephrase.mixing.plan import ROWS, TOKENS
from rephrase.mixing.targets import capacities_of, largest, pool_shares

if TYPE_CHECKING:
    from rephrase.mixing.plan import ComponentPlan, Material
    from rephrase.mixing.settings import Mix

_STEP = Fraction(1, 1000)  # of a share: finer ones nobody writes


def check_guards(mix: Mix, material: Material, components: Sequence[ComponentPlan]) -> None:
    """Raise a `UserError` if the mixture has more text of models, or fewer originals, than it may.

    The cure names shares, or tokens, that hold with the texts that are there, whole as they are taken.
    """
    tokens = sum(c.tokens for c in components) or 1
    synthetic = sum(c.written_tokens for c in components)
    originals = sum(c.original_tokens for c in components)
    if mix.max_synthetic_share is not None and synthetic > mix.max_synthetic_share * tokens:
        most = ", ".join(f"`{c.name}` with {c.written_tokens:,}" for c in components if c.written_tokens)
        amounts = _amounts(mix, material, components, lambda c: c.written_tokens, Fraction(str(mix.max_synthetic_share)))
        raise UserError(
            f"models wrote {synthetic:,} of the mixture's {tokens:,} tokens ({synthetic / tokens:.2%}), and max_synthetic_share is "
            f"{mix.max_synthetic_share:.2%}: {most}",
            where="mix.max_synthetic_share",
            cure=f"{amounts}, or set max_synthetic_share to at least {math.ceil(synthetic / tokens * 1000) / 1000:g}",
        )
    if mix.min_original_share is not None and originals < mix.min_original_share * tokens:
        limit = 1 - Fraction(str(mix.min_original_share))
        amounts = _amounts(mix, material, components, lambda c: c.tokens - c.original_tokens, limit)
        raise UserError(
            f"originals have {originals:,} of the mixture's {tokens:,} tokens ({originals / tokens:.2%}), and min_original_share is "
            f"{mix.min_original_share:.2%}",
            where="mix.min_original_share",
            cure=f"{amounts}, or set min_original_share to at most {math.floor(originals / tokens * 1000) / 1000:g}",
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """A component over all phases. target, rounding: tokens, the second by which whole texts may miss the first."""

    name: str
    target: int
    bounded: Fraction  # of its tokens, those that the guard bounds
    rounding: int

    def excess(self, target: Fraction, limit: Fraction) -> Fraction:
        """Tokens beyond the limit that so many tokens of it bring at worst: negative where they make room for others."""
        over = self.bounded - limit
        return over * target + abs(over) * self.rounding


def _amounts(mix: Mix, material: Material, plans: Sequence[ComponentPlan], bounded: Callable[[ComponentPlan], int], limit: Fraction) -> str:
    """What to set so that the bounded tokens stay within their limit, a share of all: a clause without its full stop."""
    parts = [part for part in _parts(mix, material, plans, bounded) if part.target]
    heavy, light = [p for p in parts if p.bounded > limit], [p for p in parts if p.bounded <= limit]
    if not light:
        return f"add a component of other texts with a share above {float(1 - limit):.4g}"
    if mix.phases or mix.components[0].tokens:
        return _tokens(mix, heavy, light, limit)
    return _shares(mix, material, heavy, light, limit) or _taken_out(heavy)


def _parts(mix: Mix, material: Material, plans: Sequence[ComponentPlan], bounded: Callable[[ComponentPlan], int]) -> list[_Part]:
    # A draw ends within half a text of its target. Where a bucket of keys holds one text, as in small mixtures, its mean is that text.
    means = material.sums[:, TOKENS] / np.maximum(material.sums[:, ROWS], 1)
    half_texts = [math.ceil(mean / 2) + 1 for mean in means.max(axis=1)]
    parts = []
    for index, component in enumerate(mix.selections):
        mine = [plan for plan in plans if material.pools[plan.pool].component == index]
        tokens, target = sum(plan.tokens for plan in mine), sum(plan.target_tokens for plan in mine)
        rounding = sum(half for half, pool in zip(half_texts, material.pools, strict=True) if pool.component == index)
        parts.append(_Part(component.name, target, Fraction(sum(map(bounded, mine)), tokens or 1), rounding))
    return parts


def _tokens(mix: Mix, heavy: Sequence[_Part], light: Sequence[_Part], limit: Fraction) -> str:
    """Fewer tokens of the components that have too much, and as many as before of the others."""
    room = -sum(part.excess(Fraction(part.target), limit) for part in light) - sum(part.excess(Fraction(0), limit) for part in heavy)
    factor = room / sum((part.bounded - limit) * part.target for part in heavy)
    if any(part.target * factor < 1 for part in heavy):
        return _taken_out(heavy)
    fewer = ", ".join(f"{math.floor(part.target * factor):,} for `{part.name}`" for part in heavy)
    if not mix.phases:
        return f"set tokens to at most {fewer}"
    as_before = ", ".join(f"{part.target:,} for `{part.name}`" for part in light)
    return f"give the phases' components `tokens` that sum to at most {fewer}, and to {as_before}"


def _shares(mix: Mix, material: Material, heavy: Sequence[_Part], light: Sequence[_Part], limit: Fraction) -> str | None:
    """The largest shares of the components that have too much with which the mixture holds; None where there are none."""
    targets, capacities = {part.name: part.target for part in (*heavy, *light)}, capacities_of(mix, material.pools, material.available)
    empty = sum((Fraction(str(c.share)) for c in mix.components if c.name not in targets), Fraction(0))
    steps = math.floor(limit / min(part.bounded for part in heavy) / _STEP)
    for step in range(min(steps, int(1 / _STEP) - 1), 0, -1):
        shares = _divided(heavy, light, step * _STEP, 1 - empty)
        components = [c.model_copy(update={"share": float(shares[c.name])}) if c.name in shares else c for c in mix.components]
        proposed = mix.model_copy(update={"components": components})
        try:
            fits = largest(pool_shares(proposed, material.pools, material.available)[0], capacities)
        except UserError:  # a curve that cannot give so much
            continue
        size = min(fits, mix.budget_tokens or fits)
        if sum(part.excess(shares[part.name] / (1 - empty) * size, limit) for part in (*heavy, *light)) <= 0:
            told = ", ".join(f"{float(share):.6g} for `{name}`" for name, share in shares.items())
            smaller = f", with budget_tokens of at most {size:,}" if mix.budget_tokens and size < mix.budget_tokens else ""
            about = "" if mix.pairing or mix.budget_tokens else f", which makes a mixture of about {size:,} tokens"
            return f"set the shares to {told}{smaller}{about}"
    return None


def _divided(heavy: Sequence[_Part], light: Sequence[_Part], share: Fraction, whole: Fraction) -> dict[str, Fraction]:
    """Shares by component that sum to `whole`, of which the heavy ones have `share`; within each group in the proportions of before."""
    shares: dict[str, Fraction] = {}
    for group, of_group in ((heavy, share), (light, 1 - share)):
        sum_of_group = sum(part.target for part in group)
        for part in group:
            shares[part.name] = max(math.floor(of_group * whole * part.target / sum_of_group / _STEP), 1) * _STEP
    most = max(light, key=lambda part: part.target).name
    shares[most] += whole - sum(shares.values())
    return shares


def _taken_out(parts: Sequence[_Part]) -> str:
    return f"take {', '.join(f'`{part.name}`' for part in parts)} out of the components, as none of its texts fits beside the others"
