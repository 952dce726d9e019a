"""The command `rephrase summary`, and the report that a whole run ends with."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from rephrase.cli.options import add_run_options, load

if TYPE_CHECKING:
    from rephrase.config.run import Run


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    parser = commands.add_parser("summary", help="print a run's summary again", description="Print the summary of a run so far.")
    add_run_options(parser)
    add_show_option(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object instead")
    parser.set_defaults(action=_summary)


def add_show_option(parser: argparse.ArgumentParser) -> None:
    """Add `--show`."""
    parser.add_argument("--show", type=int, default=0, metavar="N", help="end with N passages of the mixture beside their rewrites")


def report(run: Run, show: int) -> None:
    """Print the summary, and `show` passages beside their rewrites. Raises `UserError` where no stage has run."""
    from rephrase.cli.show_panels import show_pairs
    from rephrase.cli.summary_tables import print_summary

    print_summary(run)
    if show:
        show_pairs(run, show)


def _summary(options: argparse.Namespace) -> None:
    run = load(options).trial()
    if options.json:
        from rephrase.cli.console import print_json
        from rephrase.report.figures import figures_of

        print_json(figures_of(run).to_json())
    else:
        report(run, options.show)
