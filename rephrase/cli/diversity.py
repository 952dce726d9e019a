"""The command `rephrase diversity`."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    about = (
        "How varied the texts of tables are, side by side: distinct n-grams, compression, self-BLEU, lexical diversity, the rare words of "
        "the first TABLE that are left, and shares of tokens by origin and synthetic depth. All from samples of equal size."
    )
    parser = commands.add_parser("diversity", help="compare how varied tables are, to see a collapse coming", description=about)
    parser.add_argument("tables", nargs="+", metavar="TABLE", help="a folder or file of Parquet with a column `text`, local or s3://")
    parser.add_argument("--sample", type=int, default=2000, metavar="N", help="texts drawn from each, by their ids (default: 2000)")
    parser.add_argument("--model", metavar="FOLDER", help="a model2vec model, to measure how far the texts' meanings spread")
    parser.add_argument("--json", metavar="FILE", help="also write the figures there, local or s3://")
    parser.set_defaults(action=_diversity)


def _diversity(options: argparse.Namespace) -> None:
    from rephrase.cli.diversity_tables import diversity

    diversity(options.tables, sample=options.sample, model=options.model, json=options.json)
