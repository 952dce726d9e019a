"""What commands without a whole run have in common: the engine, the tokenizer and the fields that options or a run's config name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.engines.settings import EngineSettings
    from rephrase.readers.settings import Fields


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name an engine and a tokenizer, by themselves or by the config of a run."""
    parser.add_argument("--tokenizer", help="tokenizer.json, folder or hub id (default: the config's or the model's)")
    parser.add_argument("--model", help="answer the prompts with a vLLM engine on this model")
    about = "answer the prompts with the engine of this run; its tokenizer and its names of fields hold too"
    parser.add_argument("--config", metavar="run.yaml", help=about)


def named_engine(options: argparse.Namespace) -> tuple[EngineSettings | None, str, Fields]:
    """The engine if one is named, the tokenizer, and the fields of the input, by --config, --model, --tokenizer and --text.

    Raises `UserError` like `load_run`, and where no tokenizer is named.
    """
    from rephrase.config.file import load_run
    from rephrase.engines.vllm.settings import VllmSettings
    from rephrase.readers.settings import Fields

    run = load_run(options.config) if options.config else None
    engine = VllmSettings(kind="vllm", model=options.model) if options.model else run.engine if run else None
    tokenizer = options.tokenizer or options.model or (run.tokenizer if run else None)
    if not tokenizer:
        raise UserError("no tokenizer to cut and count with", where="tokenizer", cure="give --tokenizer, --model or --config")
    fields = run.input.fields if run and run.input else Fields()
    return engine, tokenizer, fields.model_copy(update={"text": options.text}) if options.text else fields


def input_paths(options: argparse.Namespace) -> list[str]:
    """The input of the run that --config names, if there is one. Raises `UserError` like `load_run`."""
    from rephrase.config.file import load_run

    run = load_run(options.config) if options.config else None
    return list(run.input.paths) if run and run.input else []
