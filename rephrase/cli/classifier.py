"""The command `rephrase classifier`."""

from __future__ import annotations

import argparse
from typing import Any

from rephrase.cli import encoder_commands
from rephrase.cli.help import Lines
from rephrase.settings.section import Section
from rephrase.settings.validation import validate

_DESCRIPTION = """\
Train a fastText classifier on labelled texts, measure it on held-out rows, and put its threshold where you ask. Two labels make a score
of quality; more than two, without --positive, a classifier that gives each text one of them, with its calibrated probability.
Writes OUTPUT.bin, OUTPUT.json and OUTPUT.md (the model card). Run again with the same data and settings, it does nothing."""

_EXAMPLES = """\
examples:
  rephrase classifier train labels.jsonl -o models/quality
  rephrase classifier train 's3://bucket/labels/*.jsonl.zst' -o s3://bucket/models/quality --precision 0.9
  rephrase classifier train rated.jsonl -o models/edu --label-field score --positive '>=3' --keep-rate 0.1 --keep-rate-of corpus.jsonl
  rephrase classifier train topics.jsonl -o models/topic --epoch 25 --lr 0.5
  rephrase classifier cross-validate labels.jsonl --epoch 25 --lr 0.5
  rephrase classifier eval models/quality.bin others.jsonl --json report.json
  rephrase classifier calibrate models/quality.bin corpus.jsonl --keep-rate 0.1 --per-source

Use it in a run.yaml, with the threshold of its card or with `min: 0.8`:
  filter: {checks: [finished, parsed, chatter, commentary, length, repetition, copied, quality: {model: models/quality.bin}]}"""


def add_parser(commands: Any) -> None:
    """Add `classifier` to the subcommands that `argparse.ArgumentParser.add_subparsers` gave.

    Its parsers set `action`, a function of the parsed options that does the work and raises `UserError`.
    """
    about = "train, evaluate and calibrate quality classifiers"
    classifier = commands.add_parser("classifier", help=about, description="fastText quality classifiers.")
    inner = classifier.add_subparsers(metavar="COMMAND", required=True)
    about = "labelled texts to a model with a threshold"
    parser = inner.add_parser("train", help=about, description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=Lines)
    _add_labels(parser)
    parser.add_argument("-o", "--output", required=True, help="path or s3:// URL of the model, without extension")
    _add_training(parser)
    parser.add_argument("--hold-out", type=float, metavar="R", help="share of each class to measure on (default: 0.1)")
    parser.add_argument("--quantise", action="store_true", default=None, help="also write OUTPUT.ftz, several times smaller")
    parser.set_defaults(action=train_command)

    about = "Train a model for each of several folds on the rows of the others, and say how far the measures spread. Stores nothing."
    parser = inner.add_parser("cross-validate", help="how far the measures of a training spread", description=about)
    _add_labels(parser)
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="parts of the rows (default: 5)")
    _add_training(parser)
    parser.set_defaults(action=cross_validate_command)

    about = "Measure a model on labelled texts that it was not trained on: ranking, thresholds, calibration, and where it is wrong."
    parser = inner.add_parser("eval", help="measure a model on labelled texts", description=about)
    parser.add_argument("model", help="path or s3:// URL of a fastText model, .bin or .ftz")
    _add_labels(parser)
    _add_fields(parser)
    parser.add_argument("--label", metavar="LABEL", help="fastText label whose probability is the score (default: the card's)")
    parser.add_argument("--threshold", type=float, metavar="X", help="what counts as wrong in the examples (default: the card's, or 0.5)")
    parser.add_argument("--json", metavar="FILE", help="also write the report as JSON, local or s3://")
    parser.set_defaults(action=evaluate_command)

    about = "Put a new threshold into the card of a trained model. The `quality` check reads it from there."
    parser = inner.add_parser("calibrate", help="a new threshold without training", description=about)
    parser.add_argument("model", help="path or s3:// URL of a model with a card")
    parser.add_argument(
        "texts", nargs="+", help="JSONL files (plain, .gz, .zst), folders or globs, local or s3://; for --precision labelled"
    )
    rule = parser.add_mutually_exclusive_group(required=True)
    rule.add_argument("--keep-rate", type=float, metavar="R", help="threshold that keeps this share of the texts")
    rule.add_argument("--precision", type=float, metavar="P", help="lowest threshold with at least this precision")
    parser.add_argument("--per-source", action="store_true", default=None, help="also one threshold for each source")
    parser.add_argument("--source-field", metavar="NAME", help="field of the source (default: source)")
    parser.add_argument("--min-texts", type=int, metavar="N", help="sources with fewer texts take the threshold of all (default: 50)")
    _add_fields(parser)
    parser.set_defaults(action=calibrate_command)
    encoder_commands.add_parsers(inner)


def _add_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labels", nargs="+", help="JSONL files (plain, .gz, .zst), folders or globs, local or s3://")


def _add_fields(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--text-field", metavar="NAME", help="field of the text (default: text)")
    parser.add_argument("--label-field", metavar="NAME", help="field of the label (default: label)")
    parser.add_argument("--positive", metavar="LABEL", help="label of good texts, or a bound such as '>=3' (default: 1, true, good, hq …)")


def _add_training(parser: argparse.ArgumentParser) -> None:
    rule = parser.add_mutually_exclusive_group()
    rule.add_argument("--keep-rate", type=float, metavar="R", help="threshold that keeps this share of the texts")
    rule.add_argument("--precision", type=float, metavar="P", help="lowest threshold with at least this precision (default threshold: 0.5)")
    about = "JSONL sample of the corpus to measure the keep-rate on (default: held-out rows)"
    parser.add_argument("--keep-rate-of", nargs="+", metavar="FILE", help=about)
    _add_fields(parser)
    parser.add_argument("--balance", action="store_true", default=None, help="train on equally many rows of both classes")
    parser.add_argument("--lr", "--learning-rate", type=float, dest="learning_rate", metavar="X", help="learning rate (default: 0.1)")
    parser.add_argument("--epoch", type=int, metavar="N", help="passes over the data (default: 5)")
    parser.add_argument("--word-ngrams", type=int, metavar="N", help="longest n-gram of words (default: 2)")
    parser.add_argument("--dim", type=int, metavar="N", help="size of the vectors (default: 100)")
    parser.add_argument("--min-count", type=int, metavar="N", help="rarer words are left out (default: 1)")
    parser.add_argument("--loss", choices=("softmax", "ns", "hs", "ova"), help="fastText's loss (default: softmax)")
    parser.add_argument("--buckets", type=int, metavar="N", help="hash buckets of n-grams (default: by the data, at most 2000000)")
    parser.add_argument("--threads", type=int, metavar="N", help="more than 1 is faster, but no longer repeatable (default: 1)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the hold-out, the folds and the learner (default: 0)")
    about = "let fastText search so long for the settings that are not given; not repeatable"
    parser.add_argument("--autotune", type=int, metavar="SECONDS", help=about)


def train_command(options: argparse.Namespace) -> None:
    """`rephrase classifier train`. Raises `UserError`."""
    from classifiers.fasttext.settings import TrainSettings
    from classifiers.fasttext.train import train
    from rephrase.cli.classifier_tables import print_report

    settings = _settings(TrainSettings, options, "train")
    print_report(train(options.labels, options.output, settings, keep_rate_of=options.keep_rate_of))


def cross_validate_command(options: argparse.Namespace) -> None:
    """`rephrase classifier cross-validate`. Raises `UserError`."""
    from classifiers.fasttext.cross_validate import cross_validate
    from classifiers.fasttext.settings import TrainSettings
    from rephrase.cli.classifier_tables import print_cross_validation

    settings = _settings(TrainSettings, options, "cross-validate")
    print_cross_validation(cross_validate(options.labels, settings, folds=options.folds, keep_rate_of=options.keep_rate_of or ()))


def evaluate_command(options: argparse.Namespace) -> None:
    """`rephrase classifier eval`. Raises `UserError`."""
    import orjson

    from classifiers.fasttext.evaluate import evaluate
    from classifiers.fasttext.settings import EvaluateSettings
    from rephrase import storage
    from rephrase.cli.classifier_tables import print_evaluation

    evaluation = evaluate(options.model, options.labels, _settings(EvaluateSettings, options, "eval"))
    print_evaluation(evaluation)
    if options.json:
        storage.put(options.json, orjson.dumps(evaluation.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def calibrate_command(options: argparse.Namespace) -> None:
    """`rephrase classifier calibrate`. Raises `UserError`."""
    from classifiers.fasttext.calibrate import calibrate
    from classifiers.fasttext.settings import CalibrateSettings
    from rephrase.cli.classifier_tables import print_calibration

    print_calibration(calibrate(options.model, options.texts, _settings(CalibrateSettings, options, "calibrate")))


def _settings(section: type[Section], options: argparse.Namespace, command: str) -> Any:
    settings = {name: getattr(options, name) for name in section.model_fields if getattr(options, name, None) is not None}
    return validate(section, settings, f"rephrase classifier {command}")
