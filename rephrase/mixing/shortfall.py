"""What limits a mixture, and why its shares are not those that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rephrase.mixing.plan import ComponentPlan
    from rephrase.mixing.settings import Mix

TOLERATED = 0.01  # of a phase's tokens: a difference below it needs no word
_USED_UP = 0.99  # of what a component can give: whole texts seldom end at its last token
_LISTED = 3  # components of a sentence: one that is split by source has as many as it has sources


def share_notes(mix: Mix, components: Sequence[ComponentPlan]) -> list[str]:
    """A sentence for each component whose share differs by more than a point from what was asked for, and one on what limits the mixture.

    A component that gives what it should needs none: its share has moved because another gives more or less. A mixture that is as large
    as the config says is limited by no component.
    """
    notes = []
    is_budget = any(phase.budget for phase in mix.all_phases)
    for phase in sorted({component.phase for component in components}):
        own = [component for component in components if component.phase == phase]
        notes += _of_phase(own) or (_of_budget(own) if is_budget else [])
    return notes if is_budget else [*notes, *_limit(components)]


def _of_phase(components: Sequence[ComponentPlan]) -> list[str]:
    tokens, whole = (sum(getattr(component, name) for component in components) for name in ("tokens", "target_tokens"))
    notes = [f"`{c.name}` has no text: its {c.share:.1%} went to the others in proportion" for c in components if _is_empty(c)]
    for component in components:
        asked, share = component.target_tokens / max(whole, 1), component.tokens / max(tokens, 1)
        if abs(share - asked) > TOLERATED and abs(component.tokens - component.target_tokens) > TOLERATED * whole:
            length = component.available_tokens / max(component.available_rows, 1)
            wanted = f"shall give {component.target_tokens:,} tokens ({asked:.1%}) and gives {component.tokens:,} ({share:.1%})"
            notes.append(f"`{component.name}` {wanted}: texts are taken whole, and each has about {length:,.0f} tokens")
    return notes


def _of_budget(components: Sequence[ComponentPlan]) -> list[str]:
    tokens, whole = (sum(getattr(component, name) for component in components) for name in ("tokens", "target_tokens"))
    if abs(tokens - whole) <= TOLERATED * whole:
        return []
    length = sum(c.available_tokens for c in components) / max(sum(c.available_rows for c in components), 1)
    asked = f"{whole:,} tokens are asked for and {tokens:,} taken"
    return [f"{asked}: texts are taken whole, and each has about {length:,.0f} tokens, so that a budget is met to within a text"]


def _is_empty(component: ComponentPlan) -> bool:
    return bool(component.share) and not component.available_tokens


def _limit(components: Sequence[ComponentPlan]) -> list[str]:
    """The components that have nothing more to give, what lies unused meanwhile, and what would lift the limit."""
    limiting = [c for c in components if c.available_tokens and c.target_tokens >= _USED_UP * c.available_tokens * c.max_epochs]
    if not limiting:
        return []
    rest = [c for c in components if c not in limiting and c.available_tokens and c.epochs < _USED_UP]
    unused = _listed([f"of `{c.name}` {1 - c.epochs:.0%}" for c in sorted(rest, key=lambda c: c.tokens - c.available_tokens)])
    used = _listed([f"{c.available_tokens:,}" + (f" ({c.max_epochs:g} times)" if c.max_epochs != 1 else "") for c in limiting])
    names, several = _listed([f"`{c.name}`" for c in limiting]), len(limiting) > 1
    facts = [f"{names} limit{'' if several else 's'} the mixture: all {'their' if several else 'its'} {used} tokens are taken"]
    facts += [f"{unused} are unused"] if rest else []
    ways = [f"more texts of {'them' if several else 'it'}", "a larger max_epochs", *(["a smaller share"] if rest else [])]
    return [f"{'; '.join(facts)}; {' or '.join([', '.join(ways[:-1]), ways[-1]])} would lift it"]


def _listed(texts: Sequence[str]) -> str:
    head = list(texts[:_LISTED]) + ([f"{len(texts) - _LISTED} more"] if len(texts) > _LISTED else [])
    return head[0] if len(head) == 1 else f"{', '.join(head[:-1])} and {head[-1]}" if head else ""
