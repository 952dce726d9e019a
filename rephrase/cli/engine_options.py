"""What commands without a whole run have in common: the engine, the tokenizer and the fields that options or a run's config name."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.engines.several import Engines
    from rephrase.readers.settings import Fields


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name an engine and a tokenizer, by themselves or by the config of a run."""
    parser.add_argument("--tokenizer", help="tokenizer.json, folder or hub id (default: the config's or the model's)")
    parser.add_argument("--model", help="answer the prompts with a vLLM engine on this model")
    about = "answer the prompts with the engines of this run; its tokenizer and its names of fields hold too"
    parser.add_argument("--config", metavar="run.yaml", help=about)
    parser.add_argument("--engine", metavar="NAME", help="one of the `engines` of --config (default: `writer`, or the first)")


def named_engines(options: argparse.Namespace) -> tuple[Engines | None, str, Fields]:
    """The engines if some are named, the tokenizer, and the fields of the input, by --config, --engine, --model, --tokenizer and --text.

    An engine that --engine names is the only one. Raises `UserError` like `load_run`, and where no tokenizer, or no such engine, is there.
    """
    from rephrase.config.file import load_run
    from rephrase.engines.several import Engines
    from rephrase.engines.vllm.settings import VllmSettings
    from rephrase.readers.settings import Fields

    run = load_run(options.config) if options.config else None
    engines = run.all_engines if run else None
    if options.model:
        engines = Engines.alone(VllmSettings(kind="vllm", model=options.model))
    if options.engine:
        if engines is None or options.model:
            raise UserError("--engine names an engine of a run", where="--engine", cure="give --config, and no --model")
        engines = Engines.alone(engines.find(options.engine))
    tokenizer = options.tokenizer or options.model or (run.tokenizer if run else None)
    if not tokenizer:
        raise UserError("no tokenizer to cut and count with", where="tokenizer", cure="give --tokenizer, --model or --config")
    fields = run.input.fields if run and run.input else Fields()
    return engines, tokenizer, fields.model_copy(update={"text": options.text}) if options.text else fields


@contextlib.contextmanager
def input_paths(options: argparse.Namespace, number: int) -> Iterator[list[str]]:
    """The input of the run that --config names, if there is one: of a table its files, or one of its first `number` rows.

    Raises `UserError` like `load_run`, and for a table that cannot be read.
    """
    from rephrase.config.file import load_run

    run = load_run(options.config) if options.config else None
    if run is None or run.input is None or run.input.table is None:
        yield list(run.input.paths) if run and run.input else []
        return
    from rephrase.spark.stages.input_table.looking import looked_at

    with looked_at(run, run.input, number) as (files, _):
        yield [file.path for file in files]
