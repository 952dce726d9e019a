"""The command `rephrase preview`."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import Any

from rephrase.cli.engine_options import add_engine_options, input_paths, named_engines
from rephrase.cli.options import key_values

_ROWS = 200  # of a table, some of which may have no text


def add_parser(commands: Any) -> None:
    """Add `preview` to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    about = "The exact prompts of a recipe for the first documents of a file, with token counts; with an engine also what it makes of them."
    parser = commands.add_parser("preview", help="see a recipe's prompts on your own documents", description=about)
    parser.add_argument("recipe", metavar="NAME", help="a recipe's name, a pattern such as wrap/*, or a recipe file")
    parser.add_argument(
        "--input",
        metavar="FILE",
        help="documents, in any input format (see `rephrase config input.format`); default: the input of --config. Recipes with rows of "
        "their own need none",
    )
    parser.add_argument("--text", metavar="FIELD", help="the field that holds the text (default: that of --config, or text)")
    parser.add_argument("--also", action="append", default=[], metavar="FIELD", help="a field that the recipe needs; repeatable")
    parser.add_argument("-n", "--number", type=int, default=3, metavar="N", help="documents (default: 3)")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="an option of the recipe; repeatable")
    parser.add_argument("--language", metavar="CODE", help="ask for answers in a language, or in that of each document: same")
    add_engine_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead, with whole texts")
    parser.set_defaults(action=_preview)


def _preview(options: argparse.Namespace) -> None:
    from rephrase.cli.console import print_json
    from rephrase.cli.documents import first_documents
    from rephrase.cli.preview_json import preview_json
    from rephrase.cli.preview_panels import preview
    from rephrase.recipes.use import RecipeUse
    from rephrase.settings.validation import validate

    use: dict[str, Any] = {"use": options.recipe, "options": key_values(options.option, "--option", "n=3"), "language": options.language}
    engines, tokenizer, fields = named_engines(options)
    if engines is not None and engines.are_several:
        use |= _engines_of_steps(options)
    with contextlib.nullcontext([options.input]) if options.input else input_paths(options, _ROWS) as paths:
        also = [*fields.also, *options.also]
        documents = first_documents(paths, fields.text, also, language_field=fields.language) if paths else []
    checked: RecipeUse = validate(RecipeUse, use, f"recipe `{options.recipe}`")
    about: dict[str, Any] = {"documents": documents, "tokenizer": tokenizer, "engines": engines, "number": options.number}
    if options.json:
        print_json(preview_json(checked, **about))
    else:
        preview(checked, **about)


def _engines_of_steps(options: argparse.Namespace) -> dict[str, Any]:
    """What the config says of the engines of the recipe's steps, and of these steps: as its first entry with the same name has it."""
    from rephrase.config.file import load_run

    for entry in load_run(options.config).recipes:
        if entry.use in (options.recipe, os.path.abspath(options.recipe)):
            return entry.model_dump(include={"engine", "steps"})
    return {}
