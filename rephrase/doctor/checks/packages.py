"""The packages that only some recipes, checks and settings import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import NamedTuple

from classifiers.entities.models import PACKAGES_OF, WHERE
from rephrase.doctor.check import Check
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.errors import UserError
from rephrase.recipes.catalogue import recipes_of
from rephrase.spark.stages.shard.personal_data import entities_of

_ENCODERS = {"model2vec": {"model2vec": "similarity"}, "sentence-transformers": {"sentence_transformers": ""}}
_TABLES = {"iceberg": {"pyiceberg": "iceberg"}, "delta": {"deltalake": "delta"}}


class _Need(NamedTuple):
    package: str
    extra: str
    of: str


def _needs(site: Site) -> Sequence[_Need]:
    """Each package once, for the first that needs it."""
    of_checks = [
        (f"check `{check.name}`", check.kind.packages)
        for section in (site.run.screen, site.run.filter)
        if section is not None
        for check in section.checks or ()
    ]
    of_recipes: list[tuple[str, Mapping[str, str]]] = [
        (f"recipe `{recipe.name}`", recipe.rows.packages) for recipe in recipes_of(site.run.recipes) if recipe.rows is not None
    ]
    of_entities = [
        (f"`{WHERE}`", dict.fromkeys(PACKAGES_OF[entities.by], entities.by))
        for section in (site.run.input,)
        if section is not None and (entities := entities_of(section)) is not None
    ]
    semantic = site.run.dedup and site.run.dedup.semantic
    of_dedup = [("section `dedup.semantic`", _ENCODERS[semantic.kind])] if semantic else []
    table = site.run.input and site.run.input.table
    of_table = [(f"`input.table` of {table.format}", _TABLES[table.format])] if table and table.format else []
    all_packages = (*of_recipes, *of_checks, *of_entities, *of_dedup, *of_table)
    needs = [_Need(package, extra, of) for of, packages in all_packages for package, extra in packages.items()]
    return list({need.package: need for need in reversed(needs)}.values())[::-1]


def _look(need: _Need, site: Site) -> Outcome:
    del site
    if find_spec(need.package) is None:
        name = need.package.replace("_", "-")
        cure = f"pip install 'rephrase[{need.extra}]'" if need.extra else f"pip install {name}"
        raise UserError(
            f"the package {name} is not installed", where=need.of, cure=f"{cure}, where the command runs and where its tasks do"
        )
    return Outcome(f"{need.package} is there, for the {need.of}")


PACKAGES = Check("packages", _needs, _look)
