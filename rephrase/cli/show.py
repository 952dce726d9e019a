"""The command `rephrase show`."""

from __future__ import annotations

import argparse
from typing import Any

from rephrase.cli.options import add_run_options, load


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    text = "Rewrites of the mixture beside their passages; or rows by their ids, back to the page that each was made from."
    parser = commands.add_parser("show", help="look at rows, and where they come from", description=text)
    add_run_options(parser)
    parser.add_argument("ids", nargs="*", metavar="ID", help="ids from the mixture or any other table, or documents' ids in the input")
    parser.add_argument("-n", "--number", type=int, default=3, metavar="N", help="rewrites, of many recipes and documents (default: 3)")
    parser.add_argument("--verdict", metavar="CHECK", help="generations that this check rejected, instead of the mixture's; or keep")
    parser.add_argument("--json", action="store_true", help="print whole rows as one JSON object instead")
    parser.set_defaults(action=_show)


def _show(options: argparse.Namespace) -> None:
    from rephrase.cli.console import print_json
    from rephrase.cli.show_panels import as_json, show_ids, show_pairs
    from rephrase.cli.show_rows import ids_of_pairs

    run = load(options).trial()
    if options.json:
        print_json({"rows": as_json(run, options.ids or ids_of_pairs(run, options.number, options.verdict))})
    elif options.ids:
        show_ids(run, options.ids)
    else:
        show_pairs(run, options.number, options.verdict)
