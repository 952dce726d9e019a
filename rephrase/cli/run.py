"""The command `rephrase run`."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from rephrase.cli.options import add_run_options, load, with_spark
from rephrase.cli.stages import add_replace_option, add_retry_option
from rephrase.cli.summary import add_show_option, report
from rephrase.errors import UserError
from rephrase.live.plain_console import PlainConsole


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    from rephrase.spark.stages.pipeline import commands as stage_commands

    text = "Run all stages and print a summary."
    parser = commands.add_parser("run", help="all stages: " + ", ".join(stage_commands()), description=text)
    add_run_options(parser)
    add_show_option(parser)
    add_retry_option(parser)
    add_replace_option(parser)
    parser.set_defaults(action=_run)


def _run(options: argparse.Namespace) -> None:
    from rephrase.spark.stages.pipeline import run_all

    run = load(options)
    try:
        with_spark(run, options.master, lambda spark: run_all(run, spark, retry_errors=options.retry_errors, replace=options.replace))
    except UserError:
        with contextlib.suppress(UserError):  # nothing was begun, or the fault is one of the tables: the first error is what matters
            report(run.trial(), 0)
        raise
    report(run.trial(), options.show)
    PlainConsole().print("next: `rephrase report run.yaml` makes a page to judge it by", soft_wrap=True)
