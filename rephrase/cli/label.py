"""The command `rephrase label`."""

from __future__ import annotations

import argparse
from typing import Any

from rephrase.cli.engine_options import add_engine_options, named_engines
from rephrase.errors import UserError


def add_parser(commands: Any) -> None:
    """Add `label` to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    about = "Let a model grade a sample of documents by a rubric, as labels for `rephrase classifier train`. Resumes."
    parser = commands.add_parser("label", help="let a model label a sample, to train a classifier on", description=about)
    parser.add_argument(
        "input",
        nargs="+",
        metavar="FILE",
        help="documents, in any input format (see `rephrase config input.format`); globs, folders, s3://",
    )
    parser.add_argument("-o", "--to", required=True, metavar="labels.jsonl", help="where the labels go, local or s3://")
    parser.add_argument(
        "--rubric", default="label/educational", metavar="NAME", help="a label/… recipe or a recipe file (default: label/educational)"
    )
    parser.add_argument("-n", "--number", type=int, default=1000, metavar="N", help="documents, drawn by their ids (default: 1000)")
    parser.add_argument("--text", metavar="FIELD", help="the field that holds the text (default: that of --config, or text)")
    add_engine_options(parser)
    parser.set_defaults(action=_label)


def _label(options: argparse.Namespace) -> None:
    from rephrase.cli.documents import sample
    from rephrase.cli.labelling import label

    engines, tokenizer, fields = named_engines(options)
    if engines is None:
        raise UserError("no engine to label with", where="label", cure="give --model or --config")
    number = label(sample(options.input, options.number, fields.text), options.rubric, engines.default, tokenizer, options.to)
    print(f"{number} labels in {options.to}")
