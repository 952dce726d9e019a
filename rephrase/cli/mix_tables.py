"""The tables that `rephrase mix --plan` and `--presets` print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from rephrase.live.plain_console import PlainConsole
from rephrase.live.words import counted
from rephrase.mixing.component import Component
from rephrase.mixing.plan import ROWS
from rephrase.mixing.presets import presets
from rephrase.mixing.shortfall import share_notes
from rephrase.mixing.targets import curves_of
from rephrase.report.grid_table import Entry, folded, grid_table

if TYPE_CHECKING:
    from rich.console import Console

    from rephrase.mixing.plan import Material, Plan
    from rephrase.mixing.settings import Mix


def print_material(mix: Mix, material: Material, console: Console | None = None) -> None:
    """What there is of each component, and what fits none."""
    table = _table("what there is", ["component", "rows", "tokens"])
    for number, (pool, tokens) in enumerate(zip(material.pools, material.available, strict=True)):
        name = pool.label(mix.selections[pool.component])
        table.add_row(name, f"{int(material.sums[number, ROWS].sum()):,}", f"{tokens:,}")
    (console or _console()).print(table)


def print_plan(mix: Mix, plan: Plan, console: Console | None = None) -> None:
    """What each component gives to each phase, beside what there is."""
    console = console or _console()
    heads = ["component", "rows there", "tokens there", "rows", "tokens", "epochs", "share", "asked for"]
    files = f", {counted(sum(plan.files), 'file')}" if any(plan.files) else ""  # a virtual mixture has none
    table = _table(f"the mixture: {counted(plan.rows, 'row')}, {counted(plan.tokens, 'token')}{files}", heads)
    grids: list[Table] = []
    for phase in range(len(plan.files)):
        mine = [part for part in plan.components if part.phase == phase]
        tokens = sum(part.tokens for part in mine)
        if len(plan.files) > 1:
            table.add_section()
            table.add_row(f"phase {phase + 1}", "", "", f"{sum(part.rows for part in mine):,}", f"{tokens:,}", style="bold")
        entries, divided = folded(mix.selections, [part.describe() for part in mine])
        for one in entries:
            counts = (f"{one[key]:,}" for key in ("available_rows", "available_tokens", "rows", "tokens"))
            table.add_row(one["name"], *counts, f"{one['epochs']:.3g}", f"{one['tokens'] / max(tokens, 1):.2%}", f"{one['share']:.2%}")
        grids += [_grid(component, cells, f", phase {phase + 1}" if len(plan.files) > 1 else "") for component, cells in divided]
    for grid in (table, *grids):
        console.print(grid)
    if plan.repeated_tokens:
        share = plan.repeated_tokens / plan.tokens
        console.print(f"repeated: {counted(plan.repeated_tokens, 'token')} of {plan.tokens:,} ({share:.2%}) are in epochs after the first")
    for note in share_notes(mix, plan.components):
        console.print(note, soft_wrap=True)
    for reason, count in plan.left_out.items():
        if count["rows"]:
            console.print(f"left out by {reason}: {counted(count['rows'], 'row')}, {counted(count['tokens'], 'token')}")


def _grid(component: Component, cells: Sequence[Entry], phase: str) -> Table:
    grid = grid_table(component, cells, "\n")
    assert grid is not None
    table = _table(grid.title + phase, list(grid.heads))
    for row in grid.rows:
        table.add_row(*row)
    table.add_section()
    table.add_row(*grid.total)
    return table


def plan_as_json(mix: Mix, plan: Plan) -> dict[str, Any]:
    """The plan as `--json` prints it, and as the manifest of the mixture will have it."""
    return {
        "rows": plan.rows,
        "tokens": plan.tokens,
        "repeated_tokens": plan.repeated_tokens,
        "files": sum(plan.files),
        "components": [part.describe() for part in plan.components],
        "curves": curves_of(mix, plan.pools, plan.available),
        "left_out": plan.left_out,
        "notes": share_notes(mix, plan.components),
    }


def print_presets(console: Console | None = None) -> None:
    """The mixtures that can be named as `mix.preset`, with their shares and papers."""
    table = Table(title="presets", title_justify="left", show_lines=True)
    for head in ("preset", "components", "what it is"):
        table.add_column(head)
    for name, preset in presets().items():
        components = [Component(**component) for component in preset["mix"]["components"]]
        paper = preset["source"]
        lines = "\n".join(f"{component.share:.4g} {component.name}" for component in components)
        table.add_row(name, lines, f"{preset['summary']}\n{paper['title']}\n{paper['url']}")
    (console or _console()).print(table)


def _console() -> Console:
    # Where the output is no terminal, rich would fold the columns into eighty characters.
    return PlainConsole(width=None if sys.stdout.isatty() else 140)


def _table(title: str, heads: list[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left")
    return table
