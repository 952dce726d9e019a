"""The model that finds personal data, loaded as tasks load it; and the labelled set on which it is measured."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from classifiers.entities.evaluate import read_labelled
from classifiers.entities.models import PACKAGES_OF, folder_of, recogniser
from rephrase.doctor.check import Check
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.live.words import counted
from rephrase.readers.entities import Entities
from rephrase.readers.settings import StandIns
from rephrase.spark.stages.shard.personal_data import entities_of


def _entities(site: Site) -> Sequence[Entities]:
    """None where a package is missing, which is told by the check of packages."""
    entities = entities_of(site.run.input) if site.run.input is not None and site.has_tasks else None
    there = entities is not None and all(importlib.util.find_spec(package) for package in PACKAGES_OF[entities.by])
    return [entities] if entities is not None and there else []


def _model(entities: Entities, site: Site) -> Outcome:
    del site
    recogniser(entities)
    return Outcome(f"{folder_of(entities)}: {entities.by} finds {', '.join(entities.kinds)} with it")


def _labelled(site: Site) -> Sequence[str]:
    scrub = site.run.input.scrub if site.run.input is not None and site.on_driver else None
    return [scrub.labelled] if isinstance(scrub, StandIns) and scrub.labelled else []


def _texts(path: str, site: Site) -> Outcome:
    del site
    texts = read_labelled(path)
    return Outcome(f"{path}: {counted(len(texts), 'text')} with {counted(sum(len(text.spans) for text in texts), 'labelled span')}")


MODEL = Check("entities", _entities, _model, "look at the file system of the model", takes=4)
LABELLED = Check("labelled", _labelled, _texts, "look at the store of the labelled texts")
