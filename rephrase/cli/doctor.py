"""The command `rephrase doctor`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rephrase.cli.options import add_run_options, load, number_above

if TYPE_CHECKING:
    from rephrase.doctor.examination import Placed


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    about = (
        "One line for each thing that the run needs, on the driver and on each executor, with the cure of what is not well. Starts no "
        "model. Exits with 2 where something would stop the run; warnings are none of that."
    )
    parser = commands.add_parser("doctor", help="what a run needs and lacks, before it is begun", description=about)
    add_run_options(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as one JSON object")
    positive = number_above(0)
    about = "for each look, at most (default: 30); some have several times as long"
    parser.add_argument("--seconds", type=positive, default=30.0, metavar="N", help=about)
    about = "seconds for executors to come and to answer (default: 240)"
    parser.add_argument("--wait", type=positive, default=240.0, metavar="N", help=about)
    about = "look too whether the driver fits this archive of `make package`"
    parser.add_argument("--archive", metavar="FILE", help=about)
    parser.set_defaults(action=_doctor)


def _doctor(options: argparse.Namespace) -> None:
    from rephrase.cli.doctor_table import print_findings
    from rephrase.doctor.archive import of_archive
    from rephrase.doctor.examination import DRIVER, Placed, examine

    run = load(options)
    placed = examine(run, options.master, seconds=options.seconds, wait=options.wait)
    if options.archive:
        placed += [Placed(DRIVER, finding) for finding in of_archive(options.archive, run)]
    failed = any(one.finding.status == "fail" for one in placed)
    if options.json:
        print(json.dumps({"ok": not failed, "output": run.output, "findings": _plain(placed)}, ensure_ascii=False))
    else:
        print_findings(placed)
    if failed:
        sys.exit(2)


def _plain(placed: Sequence[Placed]) -> list[dict[str, Any]]:
    return [{"where": one.where, **asdict(one.finding)} for one in placed]
