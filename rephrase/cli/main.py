"""The command `rephrase`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rephrase import __version__
from rephrase.cli.options import add_run_options, load, with_spark
from rephrase.errors import UserError
from rephrase.spark.runtime.interrupt import Interrupted, interruptible

if TYPE_CHECKING:
    from rephrase.config.run import Run

_DESCRIPTION = """\
Turn a raw web corpus into a pretraining mixture: shard the documents, rewrite them with a language model,
keep what the checks call good, and mix it with the originals. All on Spark, resumable at any point."""

_EXAMPLES = """\
examples:
  rephrase run run.yaml                              all stages; run again to resume
  rephrase run run.yaml --model ./my-model           with a vLLM engine on this model
  rephrase run run.yaml --set mix.seed=8 --output out/other
  rephrase rewrite run.yaml --master spark://head:7077
  rephrase filter run.yaml --dry-run                 what the config's checks would keep now, from kept scores
  rephrase run run.yaml --replace                    the same run with other checks or another mixture
  rephrase rewrite run.yaml --retry-errors           ask again for rows that ended in an error
  rephrase mix run.yaml --plan                       the mixture's table, before anything is written
  rephrase status run.yaml                           how far a run is, from any shell, also after it died
  rephrase show run.yaml --verdict facts             what a check rejected, beside its passages
  rephrase show run.yaml ID                          a row of the mixture, back to its page
  rephrase tune run.yaml --write                     find the engine settings that are fastest here
  rephrase config input                              the keys of a section of run.yaml, explained; also checks
  rephrase recipes                                   what can be named under `recipes:`
  rephrase recipes show mga/reformulate              prompts, options and source of one
  rephrase preview wrap/* --input page.jsonl --config run.yaml
  rephrase label crawl/*.warc.gz --rubric label/math --model my/model -o labels.jsonl
  rephrase export run.yaml --format megatron --to s3://bucket/tokens
  rephrase classifier train labels.jsonl -o models/quality
  rephrase contamination run.yaml                    which benchmarks stand in the texts, with examples
  rephrase diversity out/documents out/mixture       how varied the texts still are
  rephrase review export out/judged -o review.html   a page to mark a sample of verdicts by hand

Each stage also runs as `spark-submit jobs/STAGE.py run.yaml`. A run.yaml to start from: examples/run.yaml."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exits with 0, with 2 after an error that the user can mend, or with 130 after Ctrl-C, 143 after SIGTERM."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    action: Callable[[argparse.Namespace], None] = options.action
    try:
        with interruptible():
            action(options)
    except UserError as error:
        print(f"rephrase: {error.line()}", file=sys.stderr)
        sys.exit(2)
    except Interrupted as interrupted:
        print(f"rephrase: stopped by {interrupted}; run the same command again to resume", file=sys.stderr)
        sys.exit(interrupted.exit_code)


def job(command: str) -> None:
    """Entry point of `spark-submit jobs/COMMAND.py run.yaml [options]`."""
    main([command, *sys.argv[1:]])


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands. Its options hold the function to call as `action`."""
    from rephrase.cli import classifier, config, contamination, diversity, export, label, preview, recipes, review, stages
    from rephrase.spark.stages.pipeline import commands as stage_commands

    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("rephrase", description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=style)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    whole = commands.add_parser("run", help="all stages: " + ", ".join(stage_commands()), description="Run all stages and print a summary.")
    add_run_options(whole)
    _add_show_option(whole)
    stages.add_retry_option(whole)
    stages.add_replace_option(whole)
    whole.set_defaults(action=_run)
    stages.add_parsers(commands)
    status = commands.add_parser("status", help="how far a run is, from any shell", description="Units, rates and the time left.")
    add_run_options(status)
    status.add_argument("--units", metavar="FILE.parquet", help="also write the notes of all rewrite units as a table, a row a unit")
    status.set_defaults(action=_status)
    _add_tune(commands)
    summary = commands.add_parser("summary", help="print a run's summary again", description="Print the summary of a run so far.")
    add_run_options(summary)
    _add_show_option(summary)
    summary.set_defaults(action=lambda options: _report(load(options), options.show))
    _add_show(commands)
    for module in (config, recipes, preview, label, contamination, export, diversity, classifier, review):
        module.add_parser(commands)
    return parser


def _add_show(commands: Any) -> None:
    text = "Rewrites of the mixture beside their passages; or rows by their ids, back to the page that each was made from."
    parser = commands.add_parser("show", help="look at rows, and where they come from", description=text)
    add_run_options(parser)
    parser.add_argument("ids", nargs="*", metavar="ID", help="ids from the mixture, or from any other table")
    parser.add_argument("-n", "--number", type=int, default=3, metavar="N", help="rewrites, of as many recipes as there are (default: 3)")
    parser.add_argument("--verdict", metavar="CHECK", help="generations that this check rejected, instead of the mixture's; or keep")
    parser.set_defaults(action=_show)


def _add_tune(commands: Any) -> None:
    text = (
        "Try vLLM settings on a sample of this run's own requests, on GPUs (or the CPU) of this machine, as many as an executor has where "
        "the config says it, and tell which is fastest, as a ratio to the engine as it is configured. Each is tried for a while under a "
        "full queue; the better half is combined and tried longer, and the best two longer again, beside the engine as it is. "
        "The shard stage must have run."
    )
    parser = commands.add_parser("tune", help="find the engine settings that are fastest for a run", description=text)
    add_run_options(parser)
    parser.add_argument("--minutes", type=float, default=20, help="bound on the whole; what is not tried by then is skipped (default: 20)")
    parser.add_argument("--sample", type=int, metavar="N", help="requests that go round (default: 512, on GPUs four times those in flight)")
    parser.add_argument("--seconds", type=float, default=20, help="length of a trial in the first round (default: 20)")
    parser.add_argument("--write", action="store_true", help="write the best into run.yaml, as engine.args")
    parser.add_argument("--engine", metavar="NAME", help="one of the run's `engines` (default: `writer`, or the first)")
    parser.set_defaults(allow=[])
    allow = {"action": "append_const", "dest": "allow"}
    parser.add_argument("--allow-fp8", **allow, const="fp8", help="also try 8-bit weights and cache, which change what the model writes")
    about = "also try passages in front of the instructions, which changes the prompts"
    parser.add_argument("--allow-document-first", **allow, const="document_first", help=about)
    parser.set_defaults(action=_tune)


def _add_show_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--show", type=int, default=0, metavar="N", help="end with N passages of the mixture beside their rewrites")


def _run(options: argparse.Namespace) -> None:
    from rephrase.spark.stages.pipeline import run_all

    run = load(options)
    try:
        with_spark(run, options.master, lambda spark: run_all(run, spark, retry_errors=options.retry_errors, replace=options.replace))
    except UserError:
        with contextlib.suppress(UserError):  # nothing was begun, or the fault is one of the tables: the first error is what matters
            _report(run, 0)
        raise
    _report(run, options.show)


def _tune(options: argparse.Namespace) -> None:
    from rephrase.cli.tune import tune

    run = load(options)
    limits = {"minutes": options.minutes, "sample": options.sample, "seconds": options.seconds}
    tune(run, options.config, **limits, write=options.write, changes=options.allow, engine_name=options.engine)


def _status(options: argparse.Namespace) -> None:
    from rephrase.cli.status import print_status
    from rephrase.spark.stages.rewrite.stats import write_units

    run = load(options)
    print_status(run)
    if options.units:
        write_units(run, options.units)


def _show(options: argparse.Namespace) -> None:
    from rephrase.cli.show import show_ids, show_pairs

    run = load(options)
    if options.ids:
        show_ids(run, options.ids)
    else:
        show_pairs(run, options.number, options.verdict)


def _report(run: Run, show: int) -> None:
    from rephrase.cli.show import show_pairs
    from rephrase.cli.summary import print_summary

    print_summary(run)
    if show:
        show_pairs(run, show)


if __name__ == "__main__":
    main()
