"""The command `rephrase`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from rephrase import __version__
from rephrase.cli.help import Lines
from rephrase.cli.options import run_words
from rephrase.cli.output import fault_of_output
from rephrase.cli.parser import CommandParser
from rephrase.errors import UserError
from rephrase.live.config_name import as_given, given
from rephrase.live.plain_console import harmless
from rephrase.spark.runtime.interrupt import Interrupted, interruptible

_DESCRIPTION = """\
Turn a raw web corpus into a pretraining mixture: shard the documents, rewrite them with a language model,
keep what the checks call good, and mix it with the originals. All on Spark, resumable at any point."""

_EXAMPLES = """\
examples:
  rephrase init crawl/*.jsonl                        write a run.yaml to begin with, filled from your files
  rephrase doctor run.yaml                           what it needs and lacks, here and on the executors
  rephrase run run.yaml                              all stages; run again to resume
  rephrase run run.yaml --model ./my-model           with a vLLM engine on this model
  rephrase run run.yaml --set mix.seed=8 --output out/other
  rephrase rewrite run.yaml --master spark://head:7077
  rephrase submit run.yaml --to yarn --archive dist/rephrase.tar.gz   the command that gives it to a cluster; --yes runs it
  rephrase filter run.yaml --dry-run                 what the config's checks would keep now, from kept scores
  rephrase run run.yaml --replace                    the same run with other checks or another mixture
  rephrase rewrite run.yaml --retry-errors           ask again for rows that ended in an error
  rephrase mix run.yaml --plan                       the mixture's table, before anything is written
  rephrase plan run.yaml --pilot 100 --gpus 8        requests, tokens, GPU hours and money, before the run
  rephrase status run.yaml                           how far a run is, from any shell, also after it died
  rephrase report run.yaml -o report.html            a page that tells all of a run, with an explorer of its rows
  rephrase compare run.yaml other.yaml               two runs or more side by side, with the same passages rewritten by each
  rephrase show run.yaml --verdict facts             what a check rejected, beside its passages
  rephrase show run.yaml ID                          a row of the mixture, back to its page
  rephrase tune run.yaml --write                     find the engine settings that are fastest here
  rephrase config input                              the keys of a section of run.yaml, explained; also checks
  rephrase recipes                                   what can be named under `recipes:`
  rephrase recipes show mga/reformulate              prompts, options and source of one
  rephrase preview wrap/* --input page.jsonl --config run.yaml
  rephrase label crawl/*.warc.gz --rubric label/math --model my/model -o labels.jsonl
  rephrase export run.yaml --format megatron --to s3://bucket/tokens
  rephrase tables run.yaml                           finished tables into Iceberg, Delta or Hive, without a copy
  rephrase swarm run.yaml -n 64                      small mixtures of the same components with other shares
  rephrase proxy out/swarm --held-out web=web.jsonl  bits per byte of a small model trained on each
  rephrase swarm fit out/swarm/results.csv           the shares that these figures propose, and how sure that is
  rephrase classifier train labels.jsonl -o models/quality
  rephrase scrub eval labelled.jsonl --config run.yaml
  rephrase contamination run.yaml                    which benchmarks stand in the texts, with examples
  rephrase diversity out/documents out/mixture       how varied the texts still are
  rephrase review export out/judged -o review.html   a page to mark a sample of verdicts by hand

Each stage also runs as `spark-submit jobs/STAGE.py run.yaml`. `rephrase init` writes a run.yaml; examples/run.yaml is a whole one."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Exits with 0, with 2 after an error that the user can mend, with 130 after Ctrl-C, 143 after SIGTERM, or with 1 where nobody reads on.
    """
    parser = build_parser()
    options = parser.parse_args(arguments)
    action: Callable[[argparse.Namespace], None] = options.action
    with given(run_words(options)):
        try:
            with interruptible():
                action(options)
            sys.stdout.flush()  # what cannot be printed is told here, and not as Python ends
        except UserError as error:
            print(f"rephrase: {harmless(as_given(error.line()))}", file=sys.stderr)
            sys.exit(2)
        except OSError as error:
            if (fault := fault_of_output()) is None:
                raise
            if not isinstance(fault, BrokenPipeError):
                print(f"rephrase: standard output: cannot write: {error.strerror}", file=sys.stderr)
            sys.exit(1 if isinstance(fault, BrokenPipeError) else 2)
        except Interrupted as interrupted:
            print(f"rephrase: stopped by {interrupted}; run the same command again to resume", file=sys.stderr)
            sys.exit(interrupted.exit_code)


def job(command: str) -> None:
    """Entry point of `spark-submit jobs/COMMAND.py run.yaml [options]`."""
    main([command, *sys.argv[1:]])


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands. Its options hold the function to call as `action`."""
    from rephrase.cli import (
        classifier,
        compare,
        config,
        contamination,
        diversity,
        doctor,
        export,
        init,
        label,
        plan,
        preview,
        proxy,
        recipes,
        report,
        review,
        run,
        scrub,
        show,
        stages,
        status,
        submit,
        summary,
        swarm,
        tables,
        tune,
    )

    parser = CommandParser("rephrase", description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=Lines)
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(action=_no_command)
    commands = parser.add_subparsers(metavar="COMMAND")
    run.add_parser(commands)
    stages.add_parsers(commands)
    for module in (
        init,
        doctor,
        plan,
        submit,
        status,
        tune,
        summary,
        report,
        compare,
        show,
        config,
        recipes,
        preview,
        label,
        contamination,
        export,
        tables,
        swarm,
        proxy,
        diversity,
        classifier,
        scrub,
        review,
    ):
        module.add_parser(commands)
    return parser


def _no_command(options: argparse.Namespace) -> None:
    del options
    cure = "`rephrase init FILES` writes a run.yaml to begin with, `rephrase --help` tells of all commands"
    raise UserError("which command?", cure=cure)


if __name__ == "__main__":
    main()
