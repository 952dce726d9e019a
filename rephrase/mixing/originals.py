"""How far the originals reach, which is known before anything is rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.mixing.pools import Pool
from rephrase.mixing.targets import NoTextError, targets_of

if TYPE_CHECKING:
    from rephrase.mixing.settings import Mix

_PLENTY = 2**62  # tokens: as if rewrites had no end


def originals_notice(mix: Mix, tokens: int) -> str | None:
    """A sentence on what the originals allow: the largest mixture of its shares, or that a budget is beyond them.

    None where neither, and where the mixture has not both originals and rewrites.

    tokens: Of all documents. Components that select among them may have fewer, so that it tells the most there can be.
    """
    if len({component.is_original for component in mix.selections}) == 1:
        return None  # originals alone need no notice, and rewrites alone no originals
    pools = [Pool(index) for index in range(len(mix.selections))]
    available = [tokens if component.is_original else _PLENTY for component in mix.selections]
    try:
        targets = targets_of(mix, pools, available)
    except NoTextError:
        return None
    except UserError as error:
        return f"the mixture would be refused at the end, however much is rewritten: {error.what} ({error.cure})"
    if any(phase.budget for phase in mix.all_phases):
        return None
    whole = sum(targets[0])
    limiting = [
        f"`{component.name}` can give at most {tokens * component.most_epochs:,.0f} tokens (max_epochs {component.most_epochs:g}) "
        f"and has a share of {component.share:.0%}"
        for component, target in zip(mix.selections, targets[0], strict=True)
        if component.is_original and component.share and target >= 0.99 * tokens * component.most_epochs
    ]
    return f"the mixture has at most about {whole:,} tokens: {limiting[0]}" if limiting else None
