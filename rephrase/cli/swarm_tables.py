"""What `rephrase swarm` prints: the components' bounds, and what a fit proposes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from rich.table import Table

from rephrase.evidence.proposal import SURE
from rephrase.evidence.swarm import TABLE
from rephrase.live.plain_console import PlainConsole
from rephrase.live.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rephrase.evidence.fitting import Fitted
    from rephrase.evidence.swarm import Swarm

_STEPS = 10_000  # parts of the whole in which shares are told: sums are exactly 1


def print_swarm(swarm: Swarm, folder: str, moved: int) -> None:
    """The components with the shares that were drawn, and what comes next."""
    console = PlainConsole()
    title = f"a swarm of {counted(len(swarm.mixtures), 'mixture')} of {swarm.tokens:,} tokens each"
    table = _table(title, ["component", "present", "bounds", "drawn", "files"])
    for place, part in enumerate(swarm.parts):
        shares = [mixture.shares[place] for mixture in swarm.mixtures]
        bounds, drawn = (f"{low:.1%} to {high:.1%}" for low, high in ((part.lowest, part.highest), (min(shares), max(shares))))
        table.add_row(part.name, f"{part.present:.1%}", bounds, drawn, f"{len(part.shards):,}")
    console.print(table)
    if moved:
        console.print(f"{counted(moved, 'mixture')} of them fell out of the bounds in all draws, and stand on the nearest.", soft_wrap=True)
    console.print(f"The shares are in {folder}/{TABLE}. Next: `rephrase proxy {folder} --held-out NAME=PATH`", soft_wrap=True)


def print_fit(fitted: Fitted) -> None:
    """How well the forms fit, what is proposed, how sure that is, and the components for run.yaml."""
    console = PlainConsole()
    _print_errors(fitted, console)
    proposal, parts = fitted.proposal, fitted.swarm.parts
    table = _table(f"proposed by the {fitted.form} fit", ["component", "present", "proposed", "90% of resamples", "bounds"])
    for place, part in enumerate(parts):
        spread, bounds = (
            f"{low:.1%} to {high:.1%}" for low, high in ((proposal.low[place], proposal.high[place]), (part.lowest, part.highest))
        )
        table.add_row(part.name, f"{part.present:.1%}", f"{proposal.shares[place]:.1%}", spread, bounds)
    console.print(table)
    for sentence in sentences(fitted):
        console.print(sentence, soft_wrap=True)
    console.print("\nFor run.yaml:\n")
    print(components_yaml(fitted))


def sentences(fitted: Fitted) -> list[str]:
    """What a fit says, and how sure it is."""
    proposal = fitted.proposal
    gain, low, high = proposal.gain
    best, at = min(fitted.trained.items(), key=lambda item: item[1])[0], min(fitted.trained.values())
    lines = [
        f"Predicted {proposal.predicted:.4f}, the present mixture {proposal.of_present:.4f}: better by {gain:.4f}, in 90% of "
        f"{proposal.resamples} resamples by {low:.4f} to {high:.4f}"
        + ("." if proposal.is_gain else ", so that the gain is not told from noise."),
        f"The best of the mixtures that were trained is {best}, with {at:.4f}.",
    ]
    name = fitted.swarm.parts[proposal.best].name
    line = (
        f"More of `{name}` helps most, in {proposal.agreeing:.0%} of the resamples ({SURE:.0%} are asked for); figures dealt out by chance "
    )
    line += f"are fitted as well in {proposal.by_chance:.1%} of the trials ({1 - SURE:.0%} at most)"
    if proposal.is_separated:
        lines.append(f"{line}: it is told from noise.")
    else:
        lines.append(f"{line}: it is not told from noise. Train on more mixtures, for more tokens, or with more seeds.")
    if fitted.seeds_differ is not None:
        values = list(fitted.trained.values())
        lines.append(
            f"Seeds of one mixture differ by {fitted.seeds_differ:.4f} (standard deviation), mixtures by {np.std(values, ddof=1):.4f}."
        )
    error = fitted.errors[fitted.form][""]
    if error.error >= error.of_mean:
        lines.append("The fit predicts mixtures held out no better than the mean of the others does: do not follow it.")
    trained = [mixture.shares for mixture in fitted.swarm.mixtures if mixture.name in fitted.trained]
    most = np.max(trained, axis=0)
    at_end = [part.name for part, share, limit in zip(fitted.swarm.parts, proposal.shares, most, strict=True) if share > limit + 1e-6]
    if at_end:
        names = ", ".join(f"`{name}`" for name in at_end)
        lines.append(f"No mixture that was trained has so much of {names}: there the fit goes on by its form alone.")
    return lines


def _print_errors(fitted: Fitted, console: PlainConsole) -> None:
    title = f"errors on mixtures held out, of {counted(len(fitted.trained), 'mixture')}"
    table = _table(title, ["measure", "weight", "of the mean", *(head for form in fitted.errors for head in (form, "rank"))])
    several = len(fitted.measures) > 1
    for name in [*fitted.measures, *([""] if several else [])]:
        cells = [(f"{by[name].error:.4f}", f"{by[name].rank:.2f}") for by in fitted.errors.values()]
        first = next(iter(fitted.errors.values()))[name]
        weight = f"{fitted.measures[name]:.2f}" if name else "1.00"
        table.add_row(name or "all together", weight, f"{first.of_mean:.4f}", *(cell for pair in cells for cell in pair))
    console.print(table)


def components_yaml(fitted: Fitted) -> str:
    """The proposal as the `components:` of `mix`, in steps of a ten-thousandth that sum to 1; components without a share are left out."""
    shares = whole_steps(fitted.proposal.shares.tolist())
    lines = ["components:"]
    for part, share in zip(fitted.swarm.parts, shares, strict=True):
        if share:
            settings: dict[str, Any] = {**part.settings, "share": share}
            text = yaml.safe_dump(settings, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000).strip()
            lines.append(f"  - {text}")
        else:
            lines.append(f"  # nothing of {part.name}")
    return "\n".join(lines)


def whole_steps(shares: Sequence[float]) -> list[float]:
    """Shares in steps of a ten-thousandth, which sum to 1: what rounding leaves goes to the largest remainders."""
    exact = np.array(shares) / sum(shares) * _STEPS
    steps = np.floor(exact + 1e-9).astype(int)
    for place in np.argsort(steps - exact, kind="stable")[: _STEPS - steps.sum()]:
        steps[place] += 1
    return [float(step) / _STEPS for step in steps]


def _table(title: str, heads: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", overflow="fold")
    return table
