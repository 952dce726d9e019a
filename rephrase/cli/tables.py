"""The command `rephrase tables`."""

from __future__ import annotations

import argparse
from typing import Any

from rephrase.cli.options import add_run_options, load, with_spark
from rephrase.errors import UserError


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    text = (
        "Register the finished tables that `tables:` names in Iceberg, Delta or Hive, each once, however often it is called. A whole "
        "run ends with it."
    )
    parser = commands.add_parser("tables", help="finished tables into a lakehouse: Iceberg, Delta, Hive", description=text)
    add_run_options(parser)
    help_text = "take the run's objects out of these tables, so that `--replace` may remove them"
    parser.add_argument("--withdraw", action="store_true", help=help_text)
    parser.set_defaults(action=_tables)


def _tables(options: argparse.Namespace) -> None:
    from rephrase.spark.stages.lakehouse import check_tables, commit_tables, withdraw_tables
    from rephrase.spark.stages.pipeline import STAGES

    run = load(options)
    if options.withdraw:
        with_spark(run, options.master, lambda spark: withdraw_tables(run, spark))
        return
    if not run.tables:
        cure = "add for example tables: {mixture: {format: delta}}; `rephrase config tables` explains the keys"
        raise UserError("the config names no table of a lakehouse", where=options.config, cure=cure)
    check_tables(run)
    with_spark(run, options.master, lambda spark: commit_tables(run, spark, STAGES))
