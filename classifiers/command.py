"""The command `rephrase classifier`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classifiers.train import Report

_DESCRIPTION = """\
Train a fastText quality classifier on labelled texts, measure it on held-out rows, and put its threshold where you ask.
Writes OUTPUT.bin, OUTPUT.json and OUTPUT.md (the model card). Run again with the same data and settings, it does nothing."""

_EXAMPLES = """\
examples:
  rephrase classifier train labels.jsonl -o models/quality
  rephrase classifier train 's3://bucket/labels/*.jsonl.zst' -o s3://bucket/models/quality --precision 0.9
  rephrase classifier train rated.jsonl -o models/edu --label-field score --positive '>=3' --keep-rate 0.1 --keep-rate-of corpus.jsonl

Use it in a run.yaml, with the threshold of its card or with `min: 0.8`:
  filter: {checks: [finished, parsed, chatter, length, repetition, copied, quality: {model: models/quality.bin}]}"""

_SPREAD = 0.2  # between the lowest and the highest line of the table; a model that has learnt its labels spreads over most of 0 to 1


def add_parser(commands: Any) -> None:
    """Add `classifier` to the subcommands that `argparse.ArgumentParser.add_subparsers` gave.

    Its parsers set `action`, a function of the parsed options that does the work and raises `UserError`.
    """
    style = argparse.RawDescriptionHelpFormatter
    classifier = commands.add_parser("classifier", help="train a quality classifier", description="fastText quality classifiers.")
    inner = classifier.add_subparsers(metavar="COMMAND", required=True)
    words = "labelled texts to a model with a threshold"
    parser = inner.add_parser("train", help=words, description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=style)
    parser.add_argument("labels", nargs="+", help="JSONL files (plain, .gz, .zst), folders or globs, local or s3://")
    parser.add_argument("-o", "--output", required=True, help="path or s3:// URL of the model, without extension")
    rule = parser.add_mutually_exclusive_group()
    rule.add_argument("--keep-rate", type=float, metavar="R", help="threshold that keeps this share of the texts")
    rule.add_argument("--precision", type=float, metavar="P", help="lowest threshold with at least this precision (default threshold: 0.5)")
    words = "JSONL sample of the corpus to measure the keep-rate on (default: held-out rows)"
    parser.add_argument("--keep-rate-of", nargs="+", metavar="FILE", help=words)
    parser.add_argument("--text-field", metavar="NAME", help="field of the text (default: text)")
    parser.add_argument("--label-field", metavar="NAME", help="field of the label (default: label)")
    parser.add_argument("--positive", metavar="LABEL", help="label of good texts, or a bound such as '>=3' (default: 1, true, good, hq …)")
    parser.add_argument("--balance", action="store_true", default=None, help="train on equally many rows of both classes")
    parser.add_argument("--hold-out", type=float, metavar="R", help="share of each class to measure on (default: 0.1)")
    parser.add_argument("--lr", "--learning-rate", type=float, dest="learning_rate", metavar="X", help="learning rate (default: 0.1)")
    parser.add_argument("--epoch", type=int, metavar="N", help="passes over the data (default: 5)")
    parser.add_argument("--word-ngrams", type=int, metavar="N", help="longest n-gram of words (default: 2)")
    parser.add_argument("--dim", type=int, metavar="N", help="size of the vectors (default: 100)")
    parser.add_argument("--min-count", type=int, metavar="N", help="rarer words are left out (default: 1)")
    parser.add_argument("--loss", choices=("softmax", "ns", "hs", "ova"), help="fastText's loss (default: softmax)")
    parser.add_argument("--buckets", type=int, metavar="N", help="hash buckets of n-grams (default: by the data, at most 2000000)")
    parser.add_argument("--threads", type=int, metavar="N", help="more than 1 is faster, but no longer repeatable (default: 1)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the hold-out and the learner (default: 0)")
    parser.set_defaults(action=train_command)


def train_command(options: argparse.Namespace) -> None:
    """`rephrase classifier train`. Raises `UserError`."""
    from classifiers.settings import TrainSettings
    from classifiers.train import train
    from rephrase.config import validate

    given = {name: getattr(options, name) for name in TrainSettings.model_fields if getattr(options, name, None) is not None}
    settings = validate(TrainSettings, given, "rephrase classifier train")
    print_report(train(options.labels, options.output, settings, keep_rate_of=options.keep_rate_of))


def print_report(report: Report) -> None:
    """Print the hold-out table, the threshold, and where the files are."""
    from rich.console import Console
    from rich.table import Table

    card, data = report.card, report.card.data
    console = Console(highlight=False, soft_wrap=True)
    if report.up_to_date:
        console.print("Up to date: there is a model of these labels and settings.")
    measured = f"{data.held_out_good:,} good and {data.held_out_bad:,} bad held-out rows"
    table = Table(title=f"{measured}: AUC {card.auc:.3f}, accuracy {card.accuracy:.3f}")
    for name in ("threshold", "kept", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for line in card.hold_out:
        style = "bold" if line.threshold == card.threshold else None
        row = (f"{line.threshold:.6f}", f"{line.kept:.1%}", f"{line.precision:.3f}", f"{line.recall:.3f}", f"{line.f1:.3f}")
        table.add_row(*row, style=style)
    console.print(table)
    console.print(f"threshold  {card.threshold:.6f}: {card.threshold_rule}")
    if card.hold_out[-1].threshold - card.hold_out[0].threshold < _SPREAD:
        console.print("note       the scores hardly differ, as they do after few steps on few labels; try --epoch 25 --lr 0.5")
    console.print(f"trained    on {data.trained_good:,} good and {data.trained_bad:,} bad rows")
    console.print(f"model      {report.model} ({card.model_bytes / 1e6:,.1f} MB)", markup=False)
    console.print(f"card       {report.card_markdown}, {report.card_json}", markup=False)
