"""The commands `rephrase recipes`, `preview` and `label`: recipes on a handful of documents, without a run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from rephrase.cli.options import key_values
from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.engines.settings import EngineConfig
    from rephrase.readers.settings import Fields


def add_parsers(commands: Any) -> None:
    """Add the commands to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    words = "All recipes that can stand under `recipes:`; with `show NAME` the prompts, options and source of one, or of a recipe file."
    recipes = commands.add_parser("recipes", help="list the recipes, or show one", description=words)
    recipes.add_argument("words", nargs="*", metavar="[FAMILY | show NAME]", help="only this family; or show NAME or FILE.yaml")
    recipes.set_defaults(action=_recipes)
    _add_preview(commands)
    _add_label(commands)


def _add_preview(commands: Any) -> None:
    words = "The exact prompts of a recipe for the first documents of a file, with token counts; with an engine also what it makes of them."
    parser = commands.add_parser("preview", help="see a recipe's prompts on your own documents", description=words)
    parser.add_argument("recipe", metavar="NAME", help="a recipe's name, a pattern such as wrap/*, or a recipe file")
    parser.add_argument(
        "--input", metavar="FILE", help="documents: WARC, WET, JSONL or Parquet; not needed where a recipe has rows of its own"
    )
    parser.add_argument("--text", metavar="FIELD", help="the field that holds the text (default: that of --config, or text)")
    parser.add_argument("--also", action="append", default=[], metavar="FIELD", help="a field that the recipe needs; repeatable")
    parser.add_argument("-n", "--number", type=int, default=3, metavar="N", help="documents (default: 3)")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="an option of the recipe; repeatable")
    _add_engine_options(parser)
    parser.set_defaults(action=_preview)


def _add_label(commands: Any) -> None:
    words = "Let a model grade a sample of documents by a rubric, as labels for `rephrase classifier train`. Resumes."
    parser = commands.add_parser("label", help="let a model label a sample, to train a classifier on", description=words)
    parser.add_argument("input", nargs="+", metavar="FILE", help="documents: WARC, WET, JSONL or Parquet; globs, folders, s3://")
    parser.add_argument("-o", "--to", required=True, metavar="labels.jsonl", help="where the labels go, local or s3://")
    parser.add_argument(
        "--rubric", default="label/educational", metavar="NAME", help="a label/… recipe or a recipe file (default: label/educational)"
    )
    parser.add_argument("-n", "--number", type=int, default=1000, metavar="N", help="documents, drawn by their ids (default: 1000)")
    parser.add_argument("--text", metavar="FIELD", help="the field that holds the text (default: that of --config, or text)")
    _add_engine_options(parser)
    parser.set_defaults(action=_label)


def _add_engine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tokenizer", help="tokenizer.json, folder or hub id (default: the config's or the model's)")
    parser.add_argument("--model", help="answer the prompts with a vLLM engine on this model")
    words = "answer the prompts with the engine of this run; its tokenizer and its names of fields hold too"
    parser.add_argument("--config", metavar="run.yaml", help=words)


def _recipes(options: argparse.Namespace) -> None:
    from rephrase.cli.recipe_pages import print_list, show

    if options.words[:1] == ["show"]:
        if len(options.words) != 2:
            raise UserError("which recipe?", where="recipes show", cure="for example `rephrase recipes show wrap/easy`")
        show(options.words[1])
    elif len(options.words) > 1:
        raise UserError(
            f"`{' '.join(options.words)}` is not known", where="recipes", cure="`rephrase recipes`, `recipes FAMILY`, `recipes show NAME`"
        )
    else:
        print_list(options.words[0] if options.words else None)


def _preview(options: argparse.Namespace) -> None:
    from rephrase.cli.recipe_pages import preview, read_input
    from rephrase.recipes.use import RecipeUse
    from rephrase.settings.validation import validate

    use = {"use": options.recipe, "options": key_values(options.option, "--option", "n=3")}
    engine, tokenizer, fields = _from_run(options)
    documents = read_input(options.input, fields.text, [*fields.also, *options.also]) if options.input else []
    checked: RecipeUse = validate(RecipeUse, use, f"recipe `{options.recipe}`")
    preview(checked, documents=documents, tokenizer=tokenizer, engine=engine, number=options.number)


def _label(options: argparse.Namespace) -> None:
    from rephrase.cli.label import label, sample

    engine, tokenizer, fields = _from_run(options)
    if engine is None:
        raise UserError("no engine to label with", where="label", cure="give --model or --config")
    number = label(sample(options.input, options.number, fields.text), options.rubric, engine, tokenizer, options.to)
    print(f"{number} labels in {options.to}")


def _from_run(options: argparse.Namespace) -> tuple[EngineConfig | None, str, Fields]:
    """What --config, --model, --tokenizer and --text say, for commands that take no whole run."""
    from rephrase.config.file import load_run
    from rephrase.engines.settings import VllmEngine
    from rephrase.readers.settings import Fields

    run = load_run(options.config) if options.config else None
    engine = VllmEngine(kind="vllm", model=options.model) if options.model else run.engine if run else None
    tokenizer = options.tokenizer or options.model or (run.tokenizer if run else None)
    if not tokenizer:
        raise UserError("no tokenizer to cut and count with", where="tokenizer", cure="give --tokenizer, --model or --config")
    fields = run.input.fields if run and run.input else Fields()
    return engine, tokenizer, fields.model_copy(update={"text": options.text}) if options.text else fields
