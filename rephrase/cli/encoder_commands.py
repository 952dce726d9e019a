"""The commands `rephrase classifier distil` and `export`: encoders made cheaper."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rephrase.cli.help import Lines
from rephrase.settings.validation import validate

if TYPE_CHECKING:
    from classifiers.encoder.distil import Distilled

_LINE_EVERY = 30.0  # seconds
_DESCRIPTION = """\
Let an encoder label a sample of a corpus, train a fastText classifier on its labels, and measure how far both agree on texts that the
training has not seen. Writes OUTPUT.bin with its card, which tells of the teacher, and the labels: run again, no text is labelled twice."""

_EXAMPLES = """\
examples:
  rephrase classifier distil --encoder ./fineweb-edu-classifier --min 3 'crawl/*.jsonl.zst' -n 100000 -o models/edu
  rephrase classifier distil --encoder ./toxicity --label toxic crawl.jsonl -o models/toxic --precision 0.9
  rephrase classifier export ./fineweb-edu-classifier -o ./fineweb-edu-onnx

Use them in a run.yaml:
  input: {scores: {edu: models/edu.bin, slow: {encoder: ./fineweb-edu-onnx}}}"""


def add_parsers(commands: Any) -> None:
    """Add both to the subcommands of `classifier`. Their `action` raises `UserError`."""
    about = "an encoder's judgement as a fastText model"
    parser = commands.add_parser("distil", help=about, description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=Lines)
    parser.add_argument("corpus", nargs="+", help="JSONL (plain, .gz, .zst) or Parquet files, folders or globs, local or s3://")
    parser.add_argument("--encoder", required=True, metavar="FOLDER", help="a sequence-classification model: a folder, or a hub id")
    parser.add_argument("-o", "--output", required=True, help="path or s3:// URL of the fastText model, without extension")
    parser.add_argument("-n", "--sample", type=int, metavar="N", help="texts to label (default: 100000)")
    parser.add_argument("--label", metavar="LABEL", help="the label to learn against all others (default: all labels, of more than two)")
    parser.add_argument(
        "--min",
        type=float,
        metavar="X",
        help="the encoder's score from which texts are good (default: 0.5); of all labels: the least probability",
    )
    parser.add_argument("--max-tokens", type=int, metavar="N", help="tokens that the encoder reads of a text (default: all it takes)")
    parser.add_argument("--windows", type=int, metavar="N", help="so many stretches of a long text are read (default: 1)")
    parser.add_argument("--text-field", metavar="NAME", help="field of the text (default: text)")
    rule = parser.add_mutually_exclusive_group()
    rule.add_argument("--keep-rate", type=float, metavar="R", help="threshold that keeps this share of the texts")
    rule.add_argument("--precision", type=float, metavar="P", help="lowest threshold with at least this precision (default threshold: 0.5)")
    for flag, kind, about in (
        ("--lr", float, "fastText's learning rate (default: 0.1)"),
        ("--epoch", int, "passes over the data (default: 5)"),
        ("--dim", int, "size of the vectors (default: 100)"),
        ("--word-ngrams", int, "longest n-gram of words (default: 2)"),
    ):
        parser.add_argument(flag, type=kind, metavar="N", help=about, dest="learning_rate" if flag == "--lr" else None)
    parser.set_defaults(action=distil_command)

    about = "Write an encoder for ONNX Runtime, which is smaller to install than torch, and compare what both give."
    parser = commands.add_parser("export", help="an encoder for ONNX Runtime", description=about)
    parser.add_argument("encoder", metavar="FOLDER", help="a sequence-classification model for torch: a folder, or a hub id")
    parser.add_argument("-o", "--output", required=True, metavar="FOLDER", help="the folder to write")
    parser.set_defaults(action=export_command)


def distil_command(options: argparse.Namespace) -> None:
    """`rephrase classifier distil`. Raises `UserError`."""
    from classifiers.encoder.distil import DistilSettings, distil
    from classifiers.fasttext.settings import TrainSettings
    from rephrase.cli.classifier_tables import print_report

    settings = validate(DistilSettings, _given(DistilSettings, options), "rephrase classifier distil")
    learner = {name: value for name, value in _given(TrainSettings, options).items() if name != "text_field"}
    training = validate(TrainSettings, learner, "rephrase classifier distil")
    distilled = distil(options.corpus, options.output, settings, training, _progress())
    print_report(distilled.report)
    _print_teacher(distilled)


def export_command(options: argparse.Namespace) -> None:
    """`rephrase classifier export`. Raises `UserError`."""
    from classifiers.encoder.export import export_encoder
    from rephrase.live.plain_console import PlainConsole

    exported = export_encoder(options.encoder, options.output)
    text = f"{exported.folder}: {exported.bytes / 1e6:,.1f} MB, and its outputs differ by {exported.difference:.1g} at most"
    PlainConsole().print(text, soft_wrap=True)


def _progress() -> Callable[[int, int], None]:
    """Prints now and then how many texts are labelled, and for how long it goes on."""
    from rephrase.live.plain_console import PlainConsole
    from rephrase.live.words import span

    console, began = PlainConsole(soft_wrap=True), time.monotonic()
    last = began

    def told(done: int, texts: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _LINE_EVERY:
            last, rate = now, done / (now - began)
            console.print(f"labelled   {done:,} of {texts:,} texts, {rate:,.1f}/s, {span((texts - done) / rate)} left")

    return told


def _print_teacher(distilled: Distilled) -> None:
    from classifiers.fasttext.teacher import judged, measures
    from rephrase.live.plain_console import PlainConsole

    teacher = distilled.teacher
    console = PlainConsole(soft_wrap=True)
    console.print(f"teacher    {teacher.encoder}, {distilled.asked:,} of {teacher.texts:,} texts labelled now; {judged(teacher)}")
    agreement = ", ".join(f"{name} {value}" for name, value in measures(teacher.agreement).items())
    console.print(f"agreement  on {teacher.agreement.texts:,} texts that no training saw: {agreement}")
    console.print(f"labels     {', '.join(distilled.labels)}")


def _given(section: Any, options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in section.model_fields if getattr(options, name, None) is not None}
