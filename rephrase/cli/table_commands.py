"""The commands `rephrase contamination`, `export` and `diversity`: what has been made, looked into or written in other forms."""

from __future__ import annotations

import argparse
import os
from typing import Any

from rephrase.cli.options import add_run_options, load
from rephrase.errors import UserError


def add_parsers(commands: Any) -> None:
    """Add the commands to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    words = "Which items of benchmarks stand in documents and generations, by the checks `contamination` of the run, with examples."
    met = commands.add_parser("contamination", help="what each benchmark has met in a run", description=words)
    add_run_options(met)
    met.add_argument("--examples", type=int, default=3, metavar="N", help="texts shown of each benchmark (default: 3)")
    met.add_argument("--json", metavar="FILE", help="also write all of it there, local or s3://")
    met.set_defaults(action=_contamination)
    _add_export(commands)
    _add_diversity(commands)


def _add_export(commands: Any) -> None:
    from rephrase.exports import FORMATS, PACKINGS

    words = (
        "The mixture of a run, or any folder of Parquet with a column `text`, as files that training frameworks load as they are. Resumes."
    )
    parser = commands.add_parser("export", help="the mixture as files for a training framework", description=words)
    add_run_options(parser, optional=True)
    parser.add_argument("--format", required=True, choices=FORMATS, help="what reads it")
    parser.add_argument("--from", dest="source", metavar="FOLDER", help="Parquet to export (default: the run's mixture)")
    parser.add_argument("--to", metavar="FOLDER", help="where it goes, local or s3:// (default: OUTPUT/exports/FORMAT)")
    parser.add_argument("--tokenizer", metavar="T", help="tokenizer.json, folder or hub id (default: the run's)")
    parser.add_argument("--eod", metavar="TOKEN", help="the token after each document (default: the tokenizer's end of sequence)")
    parser.add_argument("--compress", action="store_true", help="mds: compress the shards with zstd")
    parser.add_argument("--sequence-length", type=int, default=0, metavar="N", help="packed: tokens of each sequence")
    words = "packed: cut the stream of all documents (default), or only those that are longer than a sequence"
    parser.add_argument("--packing", choices=PACKINGS, help=words)
    parser.set_defaults(action=_export)


def _add_diversity(commands: Any) -> None:
    words = (
        "How varied the texts of tables are, side by side: distinct n-grams, compression, self-BLEU, lexical diversity, the rare words of "
        "the first TABLE that are left, and shares of tokens by origin and synthetic depth. All from samples of equal size."
    )
    parser = commands.add_parser("diversity", help="compare how varied tables are, to see a collapse coming", description=words)
    parser.add_argument("tables", nargs="+", metavar="TABLE", help="a folder or file of Parquet with a column `text`, local or s3://")
    parser.add_argument("--sample", type=int, default=2000, metavar="N", help="texts drawn from each, by their ids (default: 2000)")
    parser.add_argument("--model", metavar="FOLDER", help="a model2vec model, to measure how far the texts' meanings spread")
    parser.add_argument("--json", metavar="FILE", help="also write the figures there, local or s3://")
    parser.set_defaults(action=_diversity)


def _export(options: argparse.Namespace) -> None:
    from rephrase import storage
    from rephrase.config.run import Spark
    from rephrase.exports import TEXT_FORMATS
    from rephrase.exports.catalogue import find_vocabulary
    from rephrase.exports.packed import Packing
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.export import Request, export

    run = load(options) if options.config else None
    source = options.source or (storage.join(run.output, "mixture") if run else None)
    to = options.to or (storage.join(run.output, "exports", options.format) if run else None)
    if not source or not to:
        raise UserError("what shall be exported where?", where="export", cure="give a run.yaml, or --from and --to")
    tokenizer = options.tokenizer or (run.tokenizer if run and options.format not in TEXT_FORMATS else None)
    vocabulary = find_vocabulary(tokenizer, options.eod) if tokenizer else None
    source, to = (os.path.abspath(path) if storage.is_local(path) else path for path in (source, to))  # tasks may run elsewhere
    packing = Packing(options.sequence_length, options.packing or "concatenate") if options.sequence_length or options.packing else None
    request = Request(source, to, options.format, vocabulary, options.compress, packing)
    spark = LazySession(run.spark if run else Spark(), options.master)
    try:
        export(request, spark)
    finally:
        spark.stop()


def _diversity(options: argparse.Namespace) -> None:
    from rephrase.cli.diversity import diversity

    diversity(options.tables, sample=options.sample, model=options.model, json=options.json)


def _contamination(options: argparse.Namespace) -> None:
    from rephrase.cli.contamination import contamination

    contamination(load(options), options.examples, options.json)
