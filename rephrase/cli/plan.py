"""The command `rephrase plan`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from rephrase.cli.options import add_cost_options, add_run_options, load, number_above, with_spark

if TYPE_CHECKING:
    from rephrase.config.run import Run


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    about = (
        "What a run will ask, write, take and cost, before it is paid for. Requests and prompt tokens of steps that begin with documents "
        "are counted by the code that makes the prompts; what depends on answers is estimated from a pilot, or from the units that are "
        "done. GPU hours come from measured rates, those of `rephrase tune`, or published ones. Without a pilot no model is asked, and "
        "no Spark is started."
    )
    parser = commands.add_parser("plan", help="what a run will ask, take and cost", description=about)
    add_run_options(parser)
    whole, from_zero = number_above(0, whole=True), number_above(-1, whole=True)
    text = "first run N documents, drawn by length and source, through the engine and the checks; the run takes over what they gave"
    parser.add_argument("--pilot", type=whole, metavar="N", help=text)
    text = "another one draws other documents for the pilot (default: 1)"
    parser.add_argument("--seed", type=from_zero, default=1, metavar="N", help=text)
    add_cost_options(parser, gpus=1, days_of="")
    parser.add_argument("--exact", action="store_true", help="count the prompts of all documents, where a sample would be taken")
    parser.add_argument("--json", action="store_true", help="print the plan as a JSON object")
    parser.set_defaults(action=_plan)


def _plan(options: argparse.Namespace) -> None:
    import orjson

    from rephrase.cli.plan_tables import as_json, print_plan
    from rephrase.planning.forecast import forecast

    run = load(options)
    if options.pilot is not None:
        with_spark(run, options.master, lambda spark: _pilot(run, spark, options))
    with run.lines():
        plan = forecast(run, gpus=options.gpus, price=options.price, exact=options.exact)
    if options.json:
        print(orjson.dumps(as_json(plan), option=orjson.OPT_INDENT_2).decode())
    else:
        print_plan(plan)


def _pilot(run: Run, spark: Any, options: argparse.Namespace) -> None:
    """Run a trial on documents of all lengths and sources, up to its verdicts."""
    from rephrase.config.run import Limit
    from rephrase.spark.stages.base import Tables
    from rephrase.spark.stages.pipeline import run_all

    limit = Limit(documents=options.pilot, seed=options.seed, stratified=True)
    run_all(run.model_copy(update={"limit": limit}), spark, last=Tables.JUDGED)
