"""Why a mixture's shares are not those that were asked for, and what would lift them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rephrase.mixing.plan import ComponentPlan

TOLERATED = 0.01  # of a phase's tokens: a difference below it needs no word
_USED_UP = 0.99  # of what a component can give: whole texts seldom end at its last token


def share_notes(components: Sequence[ComponentPlan]) -> list[str]:
    """A sentence for each component whose share differs by more than a point from what was asked for, and one on what limits the phase.

    Empty where all shares are as asked.
    """
    notes = []
    for phase in sorted({component.phase for component in components}):
        notes += _of_phase([component for component in components if component.phase == phase])
    return notes


def _of_phase(components: Sequence[ComponentPlan]) -> list[str]:
    tokens, whole = (sum(getattr(component, name) for component in components) for name in ("tokens", "target_tokens"))
    notes = [f"`{c.name}` has no text: its {c.share:.1%} went to the others in proportion" for c in components if _is_empty(c)]
    for component in components:
        asked, share = component.target_tokens / max(whole, 1), component.tokens / max(tokens, 1)
        if abs(share - asked) > TOLERATED:
            length = component.available_tokens / max(component.available_rows, 1)
            wanted = f"shall give {component.target_tokens:,} tokens ({asked:.1%}) and gives {component.tokens:,} ({share:.1%})"
            notes.append(f"`{component.name}` {wanted}: texts are taken whole, and its are about {length:,.0f} tokens long")
    return [*notes, *_limits(components)] if notes else []


def _is_empty(component: ComponentPlan) -> bool:
    return bool(component.share) and not component.available_tokens


def _limits(components: Sequence[ComponentPlan]) -> list[str]:
    """The components that have nothing more to give, which is what keeps the mixture small."""
    notes = []
    for component in components:
        capacity = component.available_tokens * component.max_epochs
        if capacity and component.target_tokens >= _USED_UP * capacity:
            uses = f"{component.max_epochs:g} epoch{'s' if component.max_epochs != 1 else ''}"
            lift = "more texts of it, a larger max_epochs or a smaller share make the mixture larger, and its shares more exact"
            notes.append(f"`{component.name}` limits the mixture: all its {component.available_tokens:,} tokens are used in {uses}; {lift}")
    return notes
