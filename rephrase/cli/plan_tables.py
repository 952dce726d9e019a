"""A plan as people and as programs read it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table

from rephrase.live.config_name import as_given
from rephrase.live.plain_console import PlainConsole
from rephrase.live.words import span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from rephrase.planning.estimate import Estimate
    from rephrase.planning.figures import Kept, Line, Plan

_UNKNOWN = "?"
_SCALES = (("", 1.0), ("K", 1e3), ("M", 1e6), ("B", 1e9), ("T", 1e12))
_DAY = 86400.0


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values. An estimate is a mapping of value, low and high, null where nobody knows."""
    sums = {"output_tokens": plan.output_tokens, "gpu_hours": plan.gpu_hours, "money": plan.money, "days": plan.days}
    totals = {name: asdict(figure) if figure else None for name, figure in sums.items()}
    remarks = [as_given(remark) for remark in plan.remarks]
    return {**asdict(plan), "remarks": remarks, "totals": {**totals, "is_whole": plan.is_whole}}


def print_plan(plan: Plan, console: Console | None = None) -> None:
    """Print the plan: steps with the most expensive one first, what recipes keep, and the totals."""
    console = console or PlainConsole()
    what = "recipes with rows of their own"
    if plan.documents is not None and plan.document_tokens is not None:
        what = f"{figure(plan.documents)} documents, {figure(plan.document_tokens)} tokens"
    console.print(f"plan: {what}; from {', '.join(plan.origins)}", soft_wrap=True)
    console.print(_steps(plan))
    for how in dict.fromkeys(line.how for line in plan.lines):
        names = [_name(plan.lines, line) for line in plan.lines if line.how == how]
        console.print(f"  {how}: {', '.join(names)}", soft_wrap=True)
    if any(kept.keep_rate for kept in plan.kept):
        console.print(_kept(plan))
    for line in _totals(plan):
        console.print(line, soft_wrap=True)


def _steps(plan: Plan) -> Table:
    timed = any(line.gpu_hours for line in plan.lines)
    priced = timed and plan.price is not None
    table = Table(title="steps, the most expensive first", title_justify="left")
    table.add_column("step", overflow="fold")
    for head in ("requests", "prompt tokens", "output tokens", *(["GPU hours"] if timed else []), *(["money"] if priced else [])):
        table.add_column(head, justify="right")
    for line in plan.lines:
        costs = [line.gpu_hours] if timed else []
        figures = [line.requests, line.prompt_tokens, line.output_tokens, *costs, *([line.money] if priced else [])]
        bound = line.at_most
        cells = [f"≤ {_scaled(one.value)}" if bound and one and place > 1 else _short(one) for place, one in enumerate(figures)]
        table.add_row(_name(plan.lines, line), *cells)
    return table


def _name(lines: Sequence[Line], line: Line) -> str:
    """The recipe; with the step where it has several."""
    return line.recipe if sum(other.recipe == line.recipe for other in lines) == 1 else f"{line.recipe} {line.step}"


def _kept(plan: Plan) -> Table:
    timed = any(kept.gpu_hours_per_million for kept in plan.kept)
    priced = timed and plan.price is not None
    table = Table(title="kept, and what a million kept tokens takes", title_justify="left")
    table.add_column("recipe", overflow="fold")
    for head in ("passages", "rows kept", "tokens kept", *(["GPU hours/M"] if timed else []), *(["money/M"] if priced else [])):
        table.add_column(head, justify="right")
    for kept in sorted(plan.kept, key=_cost, reverse=True):
        rate = kept.keep_rate
        share = _UNKNOWN
        if rate is not None and rate.low is not None and rate.high is not None:
            share = f"{rate.value:.0%} ({100 * rate.low:.0f} to {100 * rate.high:.0f})"
        costs = [*([kept.gpu_hours_per_million] if timed else []), *([kept.money_per_million] if priced else [])]
        table.add_row(kept.recipe, _short(kept.passages), share, _short(kept.kept_tokens), *map(_short, costs))
    return table


def _cost(kept: Kept) -> float:
    return kept.gpu_hours_per_million.value if kept.gpu_hours_per_million else 0.0


def _totals(plan: Plan) -> list[str]:
    at_most = " at most" if any(line.at_most for line in plan.lines) else ""
    unknown = "" if plan.is_whole else ", without the steps that nobody knows yet"
    lines = [f"output{at_most}: {figure(plan.output_tokens)} tokens{unknown}"]
    if plan.gpu_hours is not None and plan.days is not None:
        days = plan.days
        bounds = "" if days.low is None or days.high is None or days.is_exact else f" ({span(days.low * _DAY)} to {span(days.high * _DAY)})"
        time = f"{span(days.value * _DAY)}{bounds} on {plan.gpus:,} GPU{'s' if plan.gpus > 1 else ''}"
        lines.append(f"takes{at_most}: {figure(plan.gpu_hours)} GPU hours, {time}{unknown}")
    if plan.money is not None:
        lines.append(f"costs{at_most}: {figure(plan.money)} at {plan.price:g} for a GPU hour{unknown}")
    lines.append(f"stores: about {plan.storing.objects:,} objects, {_scaled(plan.storing.bytes)}B, besides mixture and exports")
    lines += [f"rate of {model}: {rate.tokens_per_second:,.0f} tokens/s a GPU; {rate.source}" for model, rate in plan.rates.items() if rate]
    if plan.spent_tokens:
        lines.append(f"written so far by the run and its trials: {plan.spent_tokens:,} tokens in {plan.spent_gpu_hours:,.2f} GPU hours")
    return [*lines, *plan.remarks]


def figure(estimate: Estimate | None) -> str:
    """An estimate for people: a counted figure in full, others in short with their bounds."""
    if estimate is None:
        return _UNKNOWN
    if estimate.is_exact:
        return f"{estimate.value:,.0f}" if estimate.value == round(estimate.value) else _scaled(estimate.value)
    if estimate.low is None and estimate.high is None:
        return f"about {_scaled(estimate.value)}"
    if estimate.high is None:
        return f"{_scaled(estimate.value)} or more"
    return f"{_scaled(estimate.value)} ({_scaled(estimate.low or 0)} to {_scaled(estimate.high)})"


def _short(estimate: Estimate | None) -> str:
    """The same for a table's cell: half the width of the interval, as a share."""
    if estimate is None or estimate.is_exact or not estimate.value or estimate.low is None:
        return figure(estimate)
    if estimate.high is None:
        return f"≥ {_scaled(estimate.low)}"
    return f"{_scaled(estimate.value)} ±{(estimate.high - estimate.low) / 2 / estimate.value:.0%}"


def _scaled(value: float) -> str:
    """A number with three digits."""
    name, size = next(((name, size) for name, size in reversed(_SCALES) if abs(value) >= size), _SCALES[0])
    number = value / size
    digits = 0 if abs(number) >= 100 or (not name and number == round(number)) else 1 if abs(number) >= 10 else 2
    return f"{number:,.{digits}f}{f' {name}' if name else ''}" if abs(value) >= 0.005 or not value else f"{value:.1g}"
