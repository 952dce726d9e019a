"""Which model recognises, where it lies, and what it does to the meaning of a run."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from classifiers.entities.spans import Recognised
from rephrase.errors import UserError
from rephrase.readers.entities import Entities

Recognise = Callable[[Sequence[str]], list[list[Recognised]]]
"""For each text the spans of the asked kinds whose score suffices; they may overlap."""

WHERE = "input.scrub.entities"
PACKAGES_OF = {"presidio": ("presidio_analyzer", "spacy"), "gliner": ("gliner",)}
"""What each way needs to import. The extra that installs it has the name of the way."""


def recogniser(settings: Entities) -> Recognise:
    """What recognises entities, its model loaded once a process.

    Raises `UserError` where a package or the model is missing, where the model cannot be loaded, and for kinds that Presidio does not have.
    """
    return _loaded(settings.by, folder_of(settings), tuple(settings.kinds), settings.min_score, settings.language)


@functools.lru_cache(maxsize=2)
def _loaded(by: str, folder: str, kinds: tuple[str, ...], min_score: float, language: str) -> Recognise:
    if by == "gliner":
        from classifiers.entities.by_gliner import ByGliner

        return ByGliner(folder, kinds, min_score)
    from classifiers.entities.by_presidio import ByPresidio

    return ByPresidio(folder, kinds, min_score, language)


def check_packages(settings: Entities) -> None:
    """Raise `UserError` where a package that this way needs is not installed."""
    for package in PACKAGES_OF[settings.by]:
        if importlib.util.find_spec(package) is None:
            cure = f"pip install 'rephrase[{settings.by}]', where the command runs and where its tasks do"
            raise UserError(f"the package {package.replace('_', '-')} is not installed", where=WHERE, cure=cure)


def folder_of(settings: Entities) -> str:
    """The folder of the model. Raises `UserError` where there is none."""
    check_packages(settings)
    name = settings.model
    if os.path.isdir(name):
        return name
    if settings.by == "gliner":
        cure = f"give a folder at the same path on all machines: hf download {name} --local-dir FOLDER, where there is a network"
        raise UserError(f"there is no folder `{name}` with a GLiNER model", where=f"{WHERE}.model", cure=cure)
    package = importlib.util.find_spec(name) if name.isidentifier() else None
    if package is None or not package.submodule_search_locations:
        cure = f"python -m spacy download {name}, on all machines; or give the folder of a spaCy model"
        raise UserError(f"there is neither a folder nor an installed spaCy model `{name}`", where=f"{WHERE}.model", cure=cure)
    return _inner_folder(package.submodule_search_locations[0])


def _inner_folder(package: str) -> str:
    """A package of spaCy holds its model in a folder of its own."""
    inner = [path.parent for path in Path(package).glob("*/config.cfg")]
    return str(inner[0]) if inner else package


def identity(settings: Entities) -> dict[str, str]:
    """What decides what is recognised, besides the settings: the model's files, and the versions of the packages that read them."""
    versions = {package.replace("_", "-"): metadata.version(package) for package in PACKAGES_OF[settings.by]}
    return {"model": _digest(folder_of(settings)), **versions}


@functools.lru_cache(maxsize=4)
def _digest(folder: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "blake2b").digest())
    return digest.hexdigest()
