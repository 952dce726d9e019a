"""Virtual mixtures against the mixtures that are written: the same rows, in the same order, for any number of readers."""

from __future__ import annotations

from typing import Any

import pytest

from rephrase import storage
from rephrase.loading.reader import Share, VirtualMixture
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.stage import mix
from rephrase.spark.stages.mix.virtual import virtual_mix
from rephrase.storage import tables
from tests.rephrase.spark.stages.test_mix import run_of, write_inputs

WIKI = {"source": "wiki", "origin": "original", "max_epochs": 3}
WRAP = {"recipe": "wrap/*", "min_scores": {"quality": 0.3}}
REST = {"origin": "original"}
PHASES = [
    {"tokens": 250_000, "components": [{**WRAP, "share": 0.35}, {**WIKI, "share": 0.4}, {**REST, "share": 0.25}]},
    {"components": [{**WIKI, "tokens": 60_000}, {**WRAP, "tokens": 30_000}]},
]
SEEDS = (0, 7, 2026)


def mixture_of(output: str) -> list[dict[str, Any]]:
    return tables.read_folder(storage.join(output, "mixture")).to_pylist()


@pytest.fixture(scope="module")
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


@pytest.mark.parametrize("seed", SEEDS)
def test_one_reader_gives_the_mixture_in_its_order(outputs: dict[int, str], seed: int) -> None:
    rows = list(VirtualMixture(f"{outputs[seed]}/virtual", window_tokens=20_000))
    assert rows == mixture_of(outputs[seed])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("readers", [2, 5])
def test_readers_give_each_row_once(outputs: dict[int, str], seed: int, readers: int) -> None:
    expected = mixture_of(outputs[seed])
    for number in range(readers):
        rows = list(VirtualMixture(f"{outputs[seed]}/virtual", Share(number, readers, block=8)))
        assert rows == [row for at, row in enumerate(expected) if at // 8 % readers == number]
