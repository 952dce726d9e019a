"""The command `rephrase status`."""

from __future__ import annotations

import argparse
from typing import Any

from rephrase.cli.options import add_run_options, load


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    parser = commands.add_parser("status", help="how far a run is, from any shell", description="Units, rates and the time left.")
    add_run_options(parser)
    parser.add_argument("--units", metavar="FILE.parquet", help="also write the notes of all rewrite units as a table, a row a unit")
    parser.set_defaults(action=_status)


def _status(options: argparse.Namespace) -> None:
    from rephrase.cli.status_table import print_status
    from rephrase.spark.stages.rewrite.stats import write_units

    run = load(options)
    print_status(run)
    if options.units:
        write_units(run, options.units)
