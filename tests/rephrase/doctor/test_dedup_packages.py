"""The model of `dedup.semantic`, and the package that reads it, are looked for before a run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rephrase.config.duplicates import Dedup, Semantic
from rephrase.doctor.checks.classifiers import FILES
from rephrase.doctor.checks.packages import PACKAGES
from rephrase.doctor.site import Site
from rephrase.errors import UserError
from tests.rephrase.spark.stages.test_dedup import run_of


def test_the_package_of_the_model_is_looked_for(tmp_path: Path, monkeypatch):
    pytest.importorskip("model2vec")
    static, network = (
        Site(run_of(tmp_path, dedup=Dedup(semantic=Semantic(model="any", kind=kind))), has_tasks=True)
        for kind in ("model2vec", "sentence-transformers")
    )
    [need] = PACKAGES.subjects(static)
    assert PACKAGES.examine(need, static).text == "model2vec is there, for the section `dedup.semantic`"
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    [need] = PACKAGES.subjects(network)
    with pytest.raises(UserError, match=r"the package sentence-transformers is not installed.*pip install sentence-transformers"):
        PACKAGES.examine(need, network)


def test_a_model_that_is_not_there_is_told(tmp_path: Path):
    site = Site(run_of(tmp_path, dedup=Dedup(semantic=Semantic(model=str(tmp_path / "none")))), has_tasks=True)
    [model] = FILES.subjects(site)
    with pytest.raises(UserError, match=r"none: a check or the search for duplicates needs this, and it is not there.*put it where all"):
        FILES.examine(model, site)
