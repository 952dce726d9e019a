"""Runs with their mixtures, written and virtual, made once."""

from __future__ import annotations

import pytest

from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.stage import mix
from rephrase.spark.stages.mix.virtual import virtual_mix
from tests.rephrase.loading.mixtures import PHASES, SEEDS
from tests.rephrase.spark.stages.test_mix import run_of, write_inputs


@pytest.fixture(scope="package")
def outputs(spark: LazySession, tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """A run of each seed, with its mixture and its virtual mixture."""
    folders = {}
    for seed in SEEDS:
        folders[seed] = str(tmp_path_factory.mktemp("run"))
        write_inputs(folders[seed])
        run = run_of(folders[seed], phases=PHASES, seed=seed)
        mix(run, spark)
        virtual_mix(run, spark, part_rows=3000)
    return folders
