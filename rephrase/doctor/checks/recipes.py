"""The recipes: whether they can be built and can fill the mixture, whether models' contexts hold them, what they ask of the machine."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from classifiers.seeds import check_seeds
from rephrase.doctor.check import Check
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.errors import UserError
from rephrase.generation.fits import check_fits
from rephrase.mixing.unfilled import check_filled
from rephrase.recipes.catalogue import recipes_of
from rephrase.verifiers.commands import split_command
from rephrase.verifiers.kinds import Verifier
from rephrase.verifiers.sandbox import check_machine


def _run(site: Site) -> Sequence[str]:
    return ["recipes"] if site.on_driver else []


def _look(_: str, site: Site) -> Outcome:
    recipes = recipes_of(site.run.recipes)
    grounded = next((recipe.name for recipe in recipes if recipe.rows is None), None)
    if site.run.input is None and grounded:
        what = f"the recipe `{grounded}` works on documents, and the run has no `input`"
        raise UserError(what, cure="add input: {paths: [FILES]}")
    check_filled(site.run.mix, [recipe.name for recipe in recipes])
    check_fits(recipes, site.run.all_engines)
    check_seeds(recipes, site.run.filter, site.run.screen)
    names = ", ".join(recipe.name for recipe in recipes[:4]) + (f" and {len(recipes) - 4} more" if len(recipes) > 4 else "")
    return Outcome(f"{names}; the models' contexts hold them as far as is known")


def _verifiers(site: Site, kind: str) -> list[Verifier]:
    steps = [step for recipe in recipes_of(site.run.recipes) for step in recipe.steps] if site.has_tasks else []
    of_steps = [getattr(step, "verifier", None) for step in steps]
    return [verifier for verifier in of_steps if isinstance(verifier, Verifier) and verifier.kind == kind]


def _sandbox(_: Verifier, site: Site) -> Outcome:
    del site
    check_machine()
    return Outcome("Landlock and seccomp shut programs in")


def _command(verifier: Verifier, site: Site) -> Outcome:
    del site
    program = split_command(verifier.command)[0]
    path = shutil.which(program)
    if path is None:
        cure = "install it where tasks run, or give its whole path in the recipe's `command`"
        raise UserError("there is no such program that can be run here", where=program, cure=cure)
    return Outcome(f"{path} is there")


RECIPES = Check("recipes", _run, _look, imports=("huggingface_hub.hf_api",))
SANDBOX = Check("sandbox", lambda site: _verifiers(site, "python")[:1], _sandbox, "look at the load of this machine", takes=2)
COMMANDS = Check("verifier", lambda site: _verifiers(site, "command"), _command)
