"""The command `rephrase contamination`."""

from __future__ import annotations

import argparse
from typing import Any

from rephrase.cli.options import add_run_options, load


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    about = "Which items of benchmarks stand in documents and generations, by the checks `contamination` of the run, with examples."
    parser = commands.add_parser("contamination", help="what each benchmark has met in a run", description=about)
    add_run_options(parser)
    parser.add_argument("--examples", type=int, default=3, metavar="N", help="texts shown of each benchmark (default: 3)")
    parser.add_argument("--json", metavar="FILE", help="also write all of it there, local or s3://")
    parser.set_defaults(action=_contamination)


def _contamination(options: argparse.Namespace) -> None:
    from rephrase.cli.contamination_tables import contamination

    contamination(load(options).trial(), options.examples, options.json)
