"""The command `rephrase report`."""

from __future__ import annotations

import argparse
from typing import Any

from rephrase.cli.options import add_cost_options, add_run_options, load, number_above

_ABOUT = """\
One HTML file that tells all of a run: what it is, the funnel from the input to the mixture, keep-rates and scores by recipe, the engines'
time, errors, originals beside rewrites, the mixture's shares, and an explorer of rows beside their passages. It needs no network, and can
be sent around. Works on unfinished runs."""


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    parser = commands.add_parser("report", help="a page that tells all of a run", description=_ABOUT)
    add_run_options(parser)
    parser.add_argument("-o", dest="page", metavar="report.html", help="where it goes, local or s3:// (default: OUTPUT/report.html)")
    parser.add_argument("--rows", type=int, default=2000, metavar="N", help="rows in the explorer (default: 2000, some 5 KB each)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws other rows (default: 0)")
    text = "tokens/s of a GPU to compare with (default: what `rephrase tune` measured, or somebody has published)"
    parser.add_argument("--benchmark", type=number_above(0), metavar="N", help=text)
    text = "figures of `rephrase proxy`; repeatable (default: OUTPUT/swarm/results.csv, where it is there)"
    parser.add_argument("--results", action="append", default=[], metavar="results.csv", help=text)
    add_cost_options(parser, gpus=None, days_of=" for a billion kept tokens more")
    parser.add_argument("--json", action="store_true", help="print all figures as one JSON object, besides writing the page")
    parser.set_defaults(action=_report)


def _report(options: argparse.Namespace) -> None:
    from rephrase import storage
    from rephrase.cli.console import print_json
    from rephrase.report.report import write_report

    run = load(options)
    path = options.page or storage.join(run.output, "report.html")
    told = {name: getattr(options, name) for name in ("rows", "seed", "benchmark", "gpus", "price", "results")}
    written = write_report(run, path, **told)
    if options.json:
        print_json(written.to_json())
        return
    print(f"{written.path}: {written.size / 1e6:.1f} MB, {written.rows:,} of {written.of_rows:,} judged rows")
    for finding in written.findings:
        print(f"  {finding}")
