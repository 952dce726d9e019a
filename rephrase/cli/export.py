"""The command `rephrase export`: a mixture, or any Parquet with texts, as files for a training framework."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from rephrase.cli.help import Lines
from rephrase.cli.options import add_run_options, key_values, load
from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.config.run import Run

_OF_SETTINGS = {
    "compress": ("has no compression to choose", "--compress", "leave it out"),
    "sequence_length": ("packs no sequences", "--sequence-length and --packing", "leave them out"),
    "packing": ("packs no sequences", "--sequence-length and --packing", "leave them out"),
}
"""Options that are settings of some formats: what is wrong, where, and the cure, for a format that has none of the name."""


def add_parser(commands: Any) -> None:
    """Add the command to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    about = (
        "The mixture of a run, or any folder of Parquet with a column `text`, as files that training frameworks load as they are; "
        "or the mixture itself as a dataset of the Hugging Face hub. Resumes."
    )
    parser = commands.add_parser(
        "export",
        help="the mixture as files for a training framework",
        description=about,
        add_help=False,
        formatter_class=Lines,
    )
    parser.add_argument("-h", "--help", action=_Help, nargs=0, help="show this help and the formats, and exit")
    add_run_options(parser, optional=True)
    parser.add_argument("--format", metavar="NAME", help="what reads it: see below; none for --to hf://")
    parser.add_argument("--from", dest="source", metavar="FOLDER", help="Parquet to export (default: the run's mixture)")
    parser.add_argument(
        "--to", metavar="FOLDER", help="where it goes, local or s3:// (default: OUTPUT/exports/FORMAT), or hf://datasets/ORG/NAME"
    )
    parser.add_argument("--tokenizer", metavar="T", help="tokenizer.json, folder or hub id (default: the run's)")
    parser.add_argument("--eod", metavar="TOKEN", help="the token after each document (default: the tokenizer's end of sequence)")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="a setting of the format; repeatable")
    parser.add_argument("--compress", action="store_const", const=True, help="mds: compress the shards with zstd")
    parser.add_argument("--sequence-length", type=int, metavar="N", help="packed: tokens of each sequence")
    parser.add_argument(
        "--packing",
        metavar="{concatenate,best-fit}",
        help="packed: cut the stream of all documents (default), or only those that are longer than a sequence",
    )
    parser.add_argument(
        "--fim",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="put the middle of documents last: rate=0.5, spm, spans, sources, sentinels …; repeatable (default: none)",
    )
    parser.add_argument(
        "--reasoning",
        choices=["drop", "keep", "wrap"],
        default="drop",
        help="what stands in a column `reasoning`: left out (default), before its text, or there between marks",
    )
    parser.add_argument(
        "--reasoning-marks", nargs=2, metavar=("BEFORE", "BETWEEN"), help="for wrap: what stands before it, and between it and the text"
    )
    parser.set_defaults(action=_export)


class _Help(argparse.Action):
    """Prints the help and, after it, the formats that are there: they are looked for only now, as plugins may be slow to import."""

    @override
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.epilog = f"{_formats()}\n{_infilling()}"
        parser.print_help()
        parser.exit()


def _formats() -> str:
    from rephrase.exports.base import formats

    lines = ["formats:"]
    for name, kind in formats.items():
        settings = f" --option: {', '.join(kind.Settings.model_fields)}." if kind.Settings.model_fields else ""
        lines.append(f"  {name:<21} {(kind.__doc__ or '').split(chr(10))[0]}{settings}")
    return "\n".join(lines)


def _infilling() -> str:
    from rephrase.exports.infilling import FillInTheMiddle

    defaults = {name: field.default for name, field in FillInTheMiddle.model_fields.items()}
    keys = ", ".join(name if value is None else f"{name}={value}" for name, value in defaults.items())
    return f"--fim, fill-in-the-middle, of documents that are taken apart before they are encoded:\n  {keys}"


def _export(options: argparse.Namespace) -> None:
    from rephrase import storage
    from rephrase.config.run import Spark
    from rephrase.exports.base import formats
    from rephrase.exports.catalogue import make_format
    from rephrase.exports.infilling import make_infilling
    from rephrase.exports.vocabulary import find_vocabulary
    from rephrase.settings.paths import resolve_path
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.export import export
    from rephrase.text.reasoning_joint import MARKS, joint_of

    run = load(options).trial() if options.config else None  # whose plugins may bring the format
    if options.to and options.to.lower().startswith("hf://"):
        _publish(options, run)
        return
    if not options.format:
        raise UserError("which format?", where="--format", cure="name one of those that `rephrase export --help` lists")
    kind = formats.find(options.format, "--format")
    source = options.source or (storage.join(run.output, "mixture") if run else None)
    to = options.to or (storage.join(run.output, "exports", options.format) if run else None)
    if not source or not to:
        raise UserError("what shall be exported where?", where="export", cure="give a run.yaml, or --from and --to")
    tokenizer = options.tokenizer or (run.tokenizer if run and kind.takes_vocabulary == "required" else None)
    vocabulary = find_vocabulary(tokenizer, options.eod) if tokenizer else None
    form = make_format(options.format, vocabulary, settings_of(options))
    infilling = make_infilling(key_values(options.fim, "--fim", "rate=0.5"), vocabulary) if options.fim else None
    if options.reasoning_marks and options.reasoning != "wrap":
        raise UserError("marks wrap reasoning, and nothing is wrapped", where="--reasoning-marks", cure="add --reasoning wrap")
    before, between = options.reasoning_marks or MARKS
    form.joint = joint_of(options.reasoning, (before, between))
    source, to = (resolve_path(path, Path.cwd()) for path in (source, to))  # tasks may run elsewhere
    spark = LazySession(run.spark if run else Spark(), options.master)
    try:
        export(source, to, form, spark, infilling)
    finally:
        spark.stop()


def _publish(options: argparse.Namespace, run: Run | None) -> None:
    """The mixture as it is, to the hub."""
    from rephrase import storage
    from rephrase.live.words import counted
    from rephrase.settings.paths import resolve_path
    from rephrase.spark.runtime.progress import console
    from rephrase.spark.stages.publish import publish

    if options.format:
        raise UserError("the hub is given the mixture as it is, in Parquet", where="--format", cure="leave it out, or export to a folder")
    source = options.source or (storage.join(run.output, "mixture") if run else None)
    if not source:
        raise UserError("what shall be exported?", where="export", cure="give a run.yaml, or --from")
    to = resolve_path(options.to, Path.cwd())
    files = publish(resolve_path(source, Path.cwd()), to)
    console.print(f"export: {counted(files, 'data file')} and the dataset card, to {to}", soft_wrap=True)


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of the format that the options name. Raises `UserError` for an option that is for others."""
    from rephrase.exports.base import formats

    settings = key_values(options.option, "--option", "sequence_length=4096")
    for name, (what, where, cure) in _OF_SETTINGS.items():
        value = getattr(options, name)
        if value is None:
            continue
        if name not in formats.find(options.format, "--format").Settings.model_fields:
            raise UserError(f"{options.format} {what}", where=where, cure=cure)
        settings[name] = value
    return settings
