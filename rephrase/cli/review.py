"""The command `rephrase review`."""

from __future__ import annotations

import argparse
from typing import Any

_EXPORT = """\
Draw rows of a judged table, equally many of each group, and write them as JSON lines and as a page that works in any browser without
a network. The keys g and b mark a text as good or bad; the page does not show the verdict, and gives the marks as a file."""


def add_parser(commands: Any) -> None:
    """Add `review` to the subcommands that `argparse.ArgumentParser.add_subparsers` gave.

    Its parsers set `action`, a function of the parsed options that does the work and raises `UserError`.
    """
    review = commands.add_parser("review", help="compare verdicts with people's", description="People's marks beside the verdicts.")
    inner = review.add_subparsers(metavar="COMMAND", required=True)
    parser = inner.add_parser("export", help="a sample to mark by hand", description=_EXPORT)
    parser.add_argument("judged", help="the `judged` folder of a run, local or s3://; `generations` must stand beside it")
    parser.add_argument("-o", "--output", required=True, metavar="review.html", help="the page; the rows go beside it, as .jsonl")
    parser.add_argument("-n", "--number", type=int, default=100, metavar="N", help="rows (default: 100)")
    about = "columns whose values form the groups (default: verdict,recipe)"
    parser.add_argument("--by", default="verdict,recipe", metavar="COLUMN,…", help=about)
    parser.set_defaults(action=export_command)

    about = (
        "How far the verdicts agree with the marks, how many rejected texts of each check people call good, and where a score cuts best."
    )
    parser = inner.add_parser("import", help="compare marks with verdicts", description=about)
    parser.add_argument("marks", help="marks.jsonl, as the page gave it, local or s3://")
    parser.add_argument("--of", required=True, metavar="review.jsonl", help="the rows that were marked")
    parser.add_argument("--score", metavar="NAME", help="also find the bound of this score that agrees best, such as quality")
    parser.set_defaults(action=import_command)


def export_command(options: argparse.Namespace) -> None:
    """`rephrase review export`. Raises `UserError`."""
    from classifiers.review import export

    by = [name.strip() for name in options.by.split(",") if name.strip()]
    result = export(options.judged, options.output, number=options.number, by=by)
    print(f"{result.rows} rows of {result.groups} groups in {result.page} and {result.data}")


def import_command(options: argparse.Namespace) -> None:
    """`rephrase review import`. Raises `UserError`."""
    from rich.table import Table

    from classifiers.agreement import compare
    from rephrase.live.plain_console import PlainConsole

    result = compare(options.marks, options.of, score=options.score)
    console = PlainConsole(soft_wrap=True)
    console.print(f"marks      {result.good} good, {result.bad} bad")
    kappa = "undefined: all marks and verdicts are alike" if result.kappa is None else f"{result.kappa:.3f}"
    console.print(f"agreement  {result.accuracy:.1%} of the verdicts, Cohen's kappa {kappa}")
    if result.rejections:
        table = Table("check", "rejected", "called good", "share")
        for name, part in result.rejections.items():
            table.add_row(name, f"{part.rejected}", f"{part.good}", f"{part.good / part.rejected:.0%}")
        console.print(table)
    if result.bound:
        bound = result.bound
        console.print(
            f"best bound of `{bound.score}` (F1 {bound.line.f1:.3f}, precision {bound.line.precision:.3f}, on {bound.rows} marks):"
        )
        console.print(f"  {bound.yaml}")
