"""The command `rephrase compare`."""

from __future__ import annotations

import argparse
from typing import Any

from rephrase.cli.options import add_cost_options

_ABOUT = """\
Runs side by side: settings, models, keep-rates, tokens, cost, time, how varied the texts are, and the same passages rewritten by each."""


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    parser = commands.add_parser("compare", help="put runs side by side", description=_ABOUT)
    parser.add_argument("configs", nargs="+", metavar="run.yaml", help="the runs' configs, two or more")
    parser.add_argument("-o", dest="page", metavar="compare.html", help="also write it as a page that needs no network, local or s3://")
    parser.add_argument("--rows", type=int, default=20, metavar="N", help="passages in the page and in JSON (default: 20)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws other passages (default: 0)")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="end with N passages and what each run made of them")
    add_cost_options(parser, gpus=None, days_of=" for a billion kept tokens more")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.set_defaults(action=_compare)


def _compare(options: argparse.Namespace) -> None:
    from rephrase import storage
    from rephrase.cli.compare_tables import names_of, print_comparison
    from rephrase.cli.console import print_json
    from rephrase.config.file import load_run
    from rephrase.report.compare import compare
    from rephrase.report.comparison import comparison_page
    from rephrase.spark.stages.run_tables import check_begun

    runs = dict(zip(names_of(options.configs), map(load_run, options.configs), strict=True))
    for config, run in zip(options.configs, runs.values(), strict=True):
        check_begun(run.output, config)
    compared = compare(runs, rows=max(options.rows, options.show), seed=options.seed, gpus=options.gpus, price=options.price)
    if options.page:
        content = comparison_page(compared).encode()
        storage.put(options.page, content)
    if options.json:
        print_json(compared.to_json())
        return
    print_comparison(compared, options.show)
    if options.page:
        print(f"{options.page}: {len(content) / 1e6:.1f} MB, {len(compared.passages):,} passages of all runs")
