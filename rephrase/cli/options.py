"""What the commands on a run have in common: their options, the config with what these replace, and Spark for as long as they work."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.config.run import Run


_MOST, _MOST_WHOLE = 1e9, 2**62  # what clocks can wait for, in seconds, and what JSON can hold


def number_above(least: float, *, whole: bool = False) -> Callable[[str], Any]:
    """What reads an option's value: a number above `least` that clocks and JSON can hold."""

    def number(word: str) -> float | int:
        try:
            value = int(word) if whole else float(word)
        except ValueError:
            raise argparse.ArgumentTypeError(f"`{word}` is no {'whole ' if whole else ''}number") from None
        if not value > least:
            raise argparse.ArgumentTypeError(f"{word} is not above {least:g}" if least >= 0 else f"{word} is below {least + 1:g}")
        if value > (_MOST_WHOLE if whole else _MOST):
            raise argparse.ArgumentTypeError(f"{word} is too large")
        return value

    return number


def add_run_options(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add the config and what replaces parts of it. `optional`: the command can do without a config."""
    parser.add_argument("config", metavar="run.yaml", nargs="?" if optional else None, help="the run's config")
    add_overrides(parser)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add what replaces parts of the config."""
    parser.add_argument("--master", help="Spark master, e.g. local[4], spark://host:7077, k8s://… (default: the config's, or local[*])")
    parser.add_argument("--output", help="write there instead of the config's `output`")
    parser.add_argument("--model", help="rewrite with a vLLM engine on this model: a folder or a hub id")
    whole = number_above(0, whole=True)
    parser.add_argument("--limit", type=whole, metavar="N", help="a trial on N documents, drawn by their ids; see `limit` of the config")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="replace a key of the config, e.g. mix.seed=7; repeatable",
    )


def add_cost_options(parser: argparse.ArgumentParser, *, gpus: int | None, days_of: str) -> None:
    """Add what turns GPU hours into days and money. `gpus`: the default; `days_of`: whose days they are, in words."""
    default = "" if gpus is None else f" (default: {gpus})"
    text = f"GPUs that work at a time: tells the days{days_of}{default}"
    parser.add_argument("--gpus", type=number_above(0, whole=True), default=gpus, metavar="N", help=text)
    parser.add_argument("--price", type=number_above(0), metavar="X", help="of a GPU hour: tells the money (default: that of `budget`)")


def run_words(options: argparse.Namespace) -> str:
    """The config and what replaces parts of it, as a shell takes them; `run.yaml` where the command has none."""
    config = getattr(options, "config", None)
    return shlex.join([config or "run.yaml", *(replacing_words(options) if config else ())])


def replacing_words(options: argparse.Namespace) -> list[str]:
    """The options that replace parts of the config, as they were given."""
    words: list[str] = []
    for name in ("output", "model", "limit"):
        if (value := getattr(options, name, None)) is not None:
            words += [f"--{name}", str(value)]
    return [*words, *(word for setting in getattr(options, "settings", []) for word in ("--set", setting))]


def key_values(settings: Sequence[str], option: str, example: str) -> dict[str, Any]:
    """KEY=VALUE words of an option, with values as YAML. Raises `UserError` for words of another form."""
    from rephrase.settings.yaml_text import parse_yaml

    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"`{setting}` is not KEY=VALUE", where=option, cure=f"for example {option} {example}")
        values[key.strip()] = parse_yaml(value, f"{option} {key}")
    return values


def load(options: argparse.Namespace) -> Run:
    """The run that the options name, with what they replace. Raises `UserError` like `load_run`."""
    from rephrase.config.file import load_run
    from rephrase.settings.paths import resolve_path

    overrides: dict[str, Any] = {}
    names: dict[str, str] = {}
    if options.model == "":  # a variable of the shell that is not set
        raise UserError("the model is empty", where="--model", cure="name a folder or a hub id")
    if options.model:
        model = os.path.abspath(options.model) if os.path.exists(options.model) else options.model
        overrides["engine"], names["engine"] = {"kind": "vllm", "model": model}, "--model"
    if options.limit is not None:
        overrides["limit.documents"], names["limit.documents"] = options.limit, "--limit"
    settings = key_values(options.settings, "--set", "mix.seed=7")
    overrides |= settings
    names = {key: name for key, name in names.items() if key not in settings}
    if options.output == "":  # a variable of the shell that is not set
        raise UserError("the output is empty", where="--output", cure="name a folder or an s3:// URL")
    if options.output:
        overrides["output"], names["output"] = resolve_path(options.output, Path.cwd()), "--output"
    return load_run(options.config, overrides, names)


def with_spark(run: Run, master: str | None, action: Callable[[Any], None]) -> None:
    """Do `action` with a session that starts when it is first asked for, and stop that session."""
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.pipeline import fasttext_models

    spark = LazySession(run.spark, master, models=fasttext_models(run))
    spark.check()
    try:
        action(spark)
    finally:
        spark.stop()
