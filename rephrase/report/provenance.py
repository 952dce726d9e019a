"""What a run is: what it was made of, by which models, under which settings and versions."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from rephrase import __version__
from rephrase.config.published import published
from rephrase.notes import GenerationsNote
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.input_table.pinned import pinned_version
from rephrase.spark.stages.ledger import note_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.report.figures import RunFigures

_UNKNOWN = "not known"
_LICENSE = re.compile(r"^license:\s*(\S.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine of the config, and what the first of its units says of it."""

    name: str
    kind: str
    model: str
    revision: str
    version: str
    license: str
    """As the model's folder tells it; the licence of a hub's model is not looked up."""
    runs_code: bool
    """Whether Python code beside the model was run."""


@dataclass(frozen=True, slots=True)
class RecipeUsed:
    """A recipe of the run with its source."""

    name: str
    summary: str
    paper: str
    url: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """All that is told under "what this run is"."""

    engines: tuple[Engine, ...]
    recipes: tuple[RecipeUsed, ...]
    checks: tuple[tuple[str, str], ...]
    """Of the filter stage: name, and the settings that the config gives."""
    labels: tuple[tuple[str, str, str], ...]
    """Name, whose it is, and the settings that the config gives."""
    versions: tuple[tuple[str, str], ...]
    """By stage: the version of rephrase that began its table."""
    licenses: tuple[tuple[str, int | None], ...]
    """Of documents, with tokens of the mixture where there is one."""
    sources: tuple[str, ...]
    config: str
    """As YAML, without what may be secret."""


def provenance(run: Run, figures: RunFigures) -> Provenance:
    """What is known of a run from its config and its tables."""
    return Provenance(
        engines=tuple(_engines(run)),
        recipes=tuple(_recipes(run)),
        checks=tuple(_checks(run)),
        labels=tuple(_labels(run)),
        versions=tuple(_versions(run)),
        licenses=tuple(_licenses(run, figures)),
        sources=_sources(run),
        config=config_text(run),
    )


def _sources(run: Run) -> tuple[str, ...]:
    """The patterns of the input's files, or its table with the version that was read."""
    if run.input is None or run.input.table is None:
        return tuple(run.input.paths) if run.input else ()
    version = pinned_version(Tables.DOCUMENTS.folder(run.whole), run.input)
    return (f"{run.input.table.name}, version {version}" if version else run.input.table.name,)


def config_text(run: Run) -> str:
    """The settings of a run that are not defaults, as YAML, without what may be secret."""
    return yaml.safe_dump(published(run), sort_keys=False, allow_unicode=True, width=100)


def _engines(run: Run) -> Iterator[Engine]:
    told = _told_by_model(run)
    for name, settings in run.all_engines.by_name.items():
        model = settings.model_name
        about = told.get(model, {})
        revision, version = (str(about.get(key) or _UNKNOWN) for key in ("model_revision", "engine"))
        yield Engine(
            name or "engine", settings.kind, model, revision, version, _license_of(model), getattr(settings, "trust_remote_code", False)
        )


def _told_by_model(run: Run) -> dict[str, dict[str, Any]]:
    """Of each model, what a row that it wrote says of it."""
    told: dict[str, dict[str, Any]] = {}
    for footer in tables.footers(tables.objects(Tables.GENERATIONS.folder(run.output)), GenerationsNote):
        if footer.rows and (footer.note.model not in told or not footer.note.model):
            with tables.opened(footer.path) as file:
                names = [name for name in ("model", "model_revision", "engine") if name in file.schema_arrow.names]
                row = file.read_row_group(0, names, use_threads=False).slice(0, 1).to_pylist()[0]
            told.setdefault(footer.note.model, row)
            told.setdefault(row["model"], row)
            if not footer.note.model:  # an earlier version, whose runs had one model
                break
    return told


def _license_of(model: str) -> str:
    card = os.path.join(model, "README.md")
    if not os.path.isfile(card):
        return _UNKNOWN
    with open(card, encoding="utf-8", errors="replace") as file:
        match = _LICENSE.search(file.read(10_000))
    return match[1] if match else _UNKNOWN


def _recipes(run: Run) -> Iterator[RecipeUsed]:
    from rephrase.recipes.catalogue import recipes_of

    for recipe in recipes_of(run.recipes):
        paper = recipe.paper
        yield RecipeUsed(recipe.name, recipe.summary, paper.title if paper else "", paper.url if paper else "")


def _checks(run: Run) -> Iterator[tuple[str, str]]:
    entries: Sequence[Any] = run.model_dump(mode="json", include={"filter"})["filter"]["checks"] or ()
    for entry in entries:
        for name, settings in ({entry: {}} if isinstance(entry, str) else entry).items():
            given = settings if isinstance(settings, dict) else {"": settings}
            yield name, ", ".join(f"{key} {value}" for key, value in given.items()) or "by default"


def _labels(run: Run) -> Iterator[tuple[str, str, str]]:
    for whose, section in (("documents", run.input), ("rewrites", run.filter)):
        for name, label in section.labels.items() if section else ():
            given = label.model_dump(mode="json", exclude_defaults=True)
            yield name, whose, ", ".join(f"{key} {value}" for key, value in given.items())


def _versions(run: Run) -> Iterator[tuple[str, str]]:
    for table in Tables.all():
        if note := note_of(table.folder(run.output)):
            yield table.stage, str(note["version"])
    yield "this report", __version__


def _licenses(run: Run, figures: RunFigures) -> Iterator[tuple[str, int | None]]:
    if figures.mixture:
        for entry in figures.mixture.get("counts", {}).get("license", ()):
            yield str(entry["value"] or _UNKNOWN), entry["tokens"]
    elif run.input is not None:
        yield run.input.license or _UNKNOWN, None
