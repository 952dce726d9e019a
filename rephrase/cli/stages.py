"""The commands of the stages, each with its options: `rephrase shard`, `rephrase mix` and so on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from rephrase.cli.options import add_run_options, load, with_spark
from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.stages.base import Stage


def add_parsers(commands: Any) -> None:
    """Add a command for each stage, or for several that go by one name, to what `argparse.ArgumentParser.add_subparsers` gave."""
    from rephrase.spark.stages.pipeline import commands as stage_commands

    parsers = {name: _add_stage(commands, name, stages) for name, stages in stage_commands().items()}
    _add_dry_run_option(parsers["filter"])
    _add_mix_options(parsers["mix"])


def _add_stage(commands: Any, name: str, stages: Sequence[Stage]) -> argparse.ArgumentParser:
    purpose = ", and ".join(stage.purpose for stage in stages)
    parser: argparse.ArgumentParser = commands.add_parser(name, help=purpose, description=f"The {name} stage: {purpose}.")
    add_run_options(parser)
    if any(stage.retries_errors for stage in stages):
        add_retry_option(parser)
    if any(stage.table.replaceable for stage in stages):
        add_replace_option(parser)
    parser.set_defaults(action=_stage, stage=name)
    return parser


def add_retry_option(parser: argparse.ArgumentParser) -> None:
    """Add `--retry-errors`."""
    text = "ask again for all rows that ended in an error; verdicts of those units and the mixture are made again"
    parser.add_argument("--retry-errors", action="store_true", help=text)


def add_replace_option(parser: argparse.ArgumentParser) -> None:
    """Add `--replace`."""
    text = "where the config has changed since: remove verdicts and mixture and make them again; documents and completions stay"
    parser.add_argument("--replace", action="store_true", help=text)


def _add_dry_run_option(parser: argparse.ArgumentParser) -> None:
    text = "judge nothing: show what the checks of this config would keep, from the scores of the last run, in seconds"
    parser.add_argument("--dry-run", action="store_const", const=_dry_run, dest="instead", help=text)


def _add_mix_options(parser: argparse.ArgumentParser) -> None:
    text = "write nothing: show what each component would give, with the rows and tokens that are there, in seconds"
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--plan", action="store_const", const=_plan, dest="instead", help=text)
    parser.add_argument("--json", action="store_true", help="print the plan as a JSON object; with --plan")
    text = "write no text: make an index over the texts of the run, and a manifest whose shares a trainer can change while it reads"
    instead.add_argument("--virtual", action="store_const", const=_virtual, dest="instead", help=text)
    parser.add_argument(
        "--presets", action=_ShowPresets, nargs=0, help="list the mixtures that `mix: {preset: NAME}` takes, with their papers"
    )


class _ShowPresets(argparse.Action):
    """Prints the presets and exits: the list needs no config."""

    @override
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from rephrase.cli.mix_tables import print_presets

        print_presets()
        parser.exit()


def _stage(options: argparse.Namespace) -> None:
    from rephrase.spark.stages.pipeline import run_stage

    run = load(options)
    if getattr(options, "instead", None):  # an option that shows something, and leaves the stage alone
        options.instead(run.trial(), options)
        return
    if getattr(options, "json", False):
        raise UserError("a mixture is no JSON", where="--json", cure="add --plan, of which it is")
    again, replace = getattr(options, "retry_errors", False), getattr(options, "replace", False)
    with_spark(run, options.master, lambda spark: run_stage(options.stage, run, spark, retry_errors=again, replace=replace))


def _dry_run(run: Run, options: argparse.Namespace) -> None:
    from rephrase.cli.dry_run import dry_run

    del options
    dry_run(run)


def _plan(run: Run, options: argparse.Namespace) -> None:
    from rephrase.cli.mix_plan import show_plan

    with run.lines():
        with_spark(run, options.master, lambda spark: show_plan(run, spark, as_json=options.json))


def _virtual(run: Run, options: argparse.Namespace) -> None:
    from rephrase.cli.mix_virtual import mix_virtually

    if options.json:
        raise UserError("the index of a mixture is no JSON", where="--json", cure="take it out; virtual/manifest.json has the plan")
    with run.lines():
        with_spark(run, options.master, lambda spark: mix_virtually(run, spark))
