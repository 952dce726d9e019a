"""The command `rephrase recipes`."""

from __future__ import annotations

import argparse
from typing import Any

from rephrase.errors import UserError


def add_parser(commands: Any) -> None:
    """Add `recipes` to the subcommands that `argparse.ArgumentParser.add_subparsers` gave."""
    about = "All recipes that can stand under `recipes:`; with `show NAME` the prompts, options and source of one, or of a recipe file."
    parser = commands.add_parser("recipes", help="list the recipes, or show one", description=about)
    parser.add_argument("words", nargs="*", metavar="[FAMILY | show NAME]", help="only this family; or show NAME or FILE.yaml")
    parser.set_defaults(action=_recipes)


def _recipes(options: argparse.Namespace) -> None:
    from rephrase.cli.recipe_show import show
    from rephrase.cli.recipe_tables import print_list

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
