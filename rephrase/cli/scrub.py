"""The command `rephrase scrub`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from rephrase.cli.help import Lines

if TYPE_CHECKING:
    from rephrase.readers.settings import StandIns

_EVAL = """\
Precision and recall of `input.scrub` on labelled texts, by kind: of the patterns alone, of the model alone, and of both. A row is
  {"text": "Ask Ada", "spans": [{"start": 4, "end": 7, "kind": "person"}]}
Characters are counted from 0. The kinds are emails, ipv4, ipv6, phones, and those under `entities.kinds`."""

_EXAMPLES = """\
examples:
  rephrase scrub eval examples/personal_data.jsonl
  rephrase scrub eval labelled.jsonl --config run.yaml --json figures.json
  rephrase scrub eval labelled.jsonl --config run.yaml --set input.scrub.entities.min_score=0.3"""


def add_parser(commands: Any) -> None:
    """Add `scrub` to the subcommands that `argparse.ArgumentParser.add_subparsers` gave.

    Its parser sets `action`, a function of the parsed options that does the work and raises `UserError`.
    """
    scrub = commands.add_parser("scrub", help="measure the scrubbing of personal data", description="Stand-ins for personal data.")
    inner = scrub.add_subparsers(metavar="COMMAND", required=True)
    about = "precision and recall on labelled texts"
    parser = inner.add_parser("eval", help=about, description=_EVAL, epilog=_EXAMPLES, formatter_class=Lines)
    parser.add_argument("labelled", help="JSONL (plain, .gz, .zst) or Parquet, local or s3://")
    parser.add_argument("--config", metavar="run.yaml", help="whose `input.scrub` is measured (default: `scrub: true`, the patterns)")
    about = "replace a key of the config, e.g. input.scrub.entities.min_score=0.3; repeatable"
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help=about)
    parser.add_argument("--json", metavar="FILE", help="also write the figures as JSON, local or s3://")
    parser.set_defaults(action=evaluate_command)


def evaluate_command(options: argparse.Namespace) -> None:
    """`rephrase scrub eval`. Raises `UserError`."""
    from classifiers.entities.evaluate import evaluate, read_labelled
    from rephrase.cli.scrub_tables import print_ways, write_ways

    labelled = read_labelled(options.labelled)
    ways = evaluate(labelled, _settings(options))
    print_ways(labelled, ways)
    if options.json:
        write_ways(options.json, labelled, ways)


def _settings(options: argparse.Namespace) -> StandIns:
    from rephrase.cli.options import key_values
    from rephrase.config.file import load_run
    from rephrase.errors import UserError
    from rephrase.readers.settings import StandIns

    if options.config is None:
        if options.settings:
            raise UserError("there is no config to replace keys of", where="--set", cure="name one: --config run.yaml")
        return StandIns()
    run = load_run(options.config, key_values(options.settings, "--set", "input.scrub.entities.min_score=0.3"))
    if run.input is None or run.input.scrub is False:
        raise UserError("the config scrubs nothing", where=options.config, cure="add `scrub: true` to `input`")
    return StandIns() if run.input.scrub is True else run.input.scrub
