"""Virtual mixtures against the mixtures that are written: the same rows, in the same order, for any number of readers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rephrase.errors import UserError
from rephrase.loading import begin_phase
from rephrase.loading.reader import Share, VirtualMixture
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.stage import mix
from rephrase.spark.stages.mix.virtual import virtual_mix
from tests.rephrase.loading.mixtures import PHASES, REST, SEEDS, WIKI, WRAP, mixture_of
from tests.rephrase.spark.no_spark import NoSpark
from tests.rephrase.spark.stages.test_mix import run_of, write_inputs


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


def test_other_shares_need_no_spark(outputs: dict[int, str], spark: LazySession, tmp_path: Path) -> None:
    phases = [{"tokens": 100_000, "components": [{**REST, "share": 0.8}, {**WIKI, "share": 0.15}, {**WRAP, "share": 0.05}]}]
    write_inputs(str(tmp_path))
    mix(run_of(str(tmp_path), phases=[*PHASES, *phases]), spark)
    virtual_mix(run_of(outputs[0], phases=[*PHASES, *phases]), NoSpark())
    try:
        assert list(VirtualMixture(f"{outputs[0]}/virtual")) == mixture_of(str(tmp_path))
    finally:
        virtual_mix(run_of(outputs[0], phases=PHASES), NoSpark())


def test_a_part_that_is_missing_is_made_again(spark: LazySession, tmp_path: Path) -> None:
    write_inputs(str(tmp_path))
    run = run_of(str(tmp_path), components=[{**REST, "share": 1}])
    virtual_mix(run, spark, part_rows=500)
    [index] = tmp_path.glob("virtual/index-*")
    before = {path: path.read_bytes() for path in index.rglob("*.parquet")}
    (index / "_index.json").unlink()
    (index / "order/part-00001.parquet").unlink()
    virtual_mix(run, spark, part_rows=500)
    assert {path: path.read_bytes() for path in index.rglob("*.parquet")} == before
    assert len(before) == 4


@pytest.mark.long
@pytest.mark.parametrize("pairing", ["both", "instead"])
def test_pairs_are_those_of_the_mixture(pairing: str, spark: LazySession, tmp_path: Path) -> None:
    write_inputs(str(tmp_path))
    run = run_of(str(tmp_path), pairing=pairing, components=[{**REST, "share": 0.6}, {**WRAP, "share": 0.4}])
    mix(run, spark)
    virtual_mix(run, spark)
    folder = f"{tmp_path}/virtual"
    assert list(VirtualMixture(folder)) == mixture_of(str(tmp_path))
    virtual_mix(run, NoSpark())
    with pytest.raises(UserError, match="the manifest has others"):
        begin_phase(folder, 20_000, [{**REST, "share": 1}], 1000)


def test_texts_that_are_joined_are_refused(tmp_path: Path) -> None:
    settings = {"stitch": {}, "components": [{**REST, "share": 0.5}, {"stitched": True, "share": 0.5}]}
    with pytest.raises(UserError, match=r"mix.stitch: texts that are joined"):
        virtual_mix(run_of(str(tmp_path), **settings), NoSpark())


def test_an_object_that_has_changed_is_told(outputs: dict[int, str], tmp_path: Path) -> None:
    shutil.copytree(outputs[0], tmp_path / "run")
    path = tmp_path / "run/documents/00001.parquet"
    shutil.copy(tmp_path / "run/documents/00000.parquet", path)
    with pytest.raises(UserError, match="has changed since the index was made") as error:
        list(VirtualMixture(f"{tmp_path}/run/virtual"))
    assert error.value.where == str(path)


def test_row_groups_are_kept_on_disk_and_bounded(outputs: dict[int, str], tmp_path: Path) -> None:
    expected, folder = mixture_of(outputs[7]), f"{outputs[7]}/virtual"
    whole, small = tmp_path / "whole", tmp_path / "small"
    assert list(VirtualMixture(folder, window_tokens=50_000, keep_in=str(whole))) == expected
    sizes = {path: path.stat().st_size for path in whole.iterdir()}
    assert len(sizes) == 24  # of three objects of 500 originals, and three of 834 and 833 rewrites, in row groups of 200
    first, second = sorted(sizes)[:2]
    first.write_bytes(first.read_bytes()[:1000])
    second.unlink()
    assert list(VirtualMixture(folder, window_tokens=50_000, keep_in=str(whole))) == expected
    assert {path: path.stat().st_size for path in whole.iterdir()} == sizes
    most = sum(sizes.values()) // 3
    assert list(VirtualMixture(folder, window_tokens=50_000, keep_in=str(small), keep_bytes=most)) == expected
    assert 0 < sum(path.stat().st_size for path in small.iterdir()) <= most


def test_a_reader_needs_neither_spark_nor_pytorch() -> None:
    code = "import sys; from rephrase.loading import VirtualMixture, begin_phase; assert not {'torch', 'pyspark'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
