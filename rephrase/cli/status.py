"""The command `rephrase status`."""

from __future__ import annotations

import argparse
from typing import Any

from rephrase.cli.options import add_run_options, load

_EVERY = 5.0  # seconds, as often as a driver tells of itself


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    text = "Units, rates and the time left; while a stage is at work also what its engines do."
    parser = commands.add_parser("status", help="how far a run is, from any shell", description=text)
    add_run_options(parser)
    parser.add_argument("--watch", action="store_true", help="show it again every 5 seconds, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print one JSON object, with --watch one a line")
    parser.add_argument("--units", metavar="FILE.parquet", help="also write the notes of all rewrite units as a table, a row a unit")
    parser.set_defaults(action=_status)


def _status(options: argparse.Namespace) -> None:
    from rephrase.cli.status_table import print_json, print_status, watch
    from rephrase.spark.stages.rewrite.stats import write_units

    run = load(options)
    if options.watch:
        watch(run, _EVERY, as_json=options.json)
    elif options.json:
        print_json(run)
    else:
        print_status(run)
    if options.units:
        write_units(run.trial(), options.units)
