"""The tables that `rephrase mix --plan` and `--presets` print."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.table import Table

from rephrase.live.plain_console import PlainConsole
from rephrase.live.words import counted
from rephrase.mixing.plan import ROWS
from rephrase.mixing.presets import presets
from rephrase.mixing.settings import Component
from rephrase.mixing.shortfall import share_notes

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
    for phase in range(len(plan.files)):
        mine = [part for part in plan.components if part.phase == phase]
        tokens = sum(part.tokens for part in mine)
        if len(plan.files) > 1:
            table.add_section()
            table.add_row(f"phase {phase + 1}", "", "", f"{sum(part.rows for part in mine):,}", f"{tokens:,}", style="bold")
        for part in mine:
            counts = [f"{count:,}" for count in (part.available_rows, part.available_tokens, part.rows, part.tokens)]
            table.add_row(part.name, *counts, f"{part.epochs:.3g}", f"{part.tokens / max(tokens, 1):.2%}", f"{part.share:.2%}")
    console.print(table)
    for note in share_notes(mix, plan.components):
        console.print(note, soft_wrap=True)
    for reason, count in plan.left_out.items():
        if count["rows"]:
            console.print(f"left out by {reason}: {counted(count['rows'], 'row')}, {counted(count['tokens'], 'token')}")


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
    for head in heads:
        table.add_column(head, justify="left" if head == "component" else "right")
    return table
