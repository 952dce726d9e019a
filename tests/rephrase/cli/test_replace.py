"""`--replace`: what another config made goes only when the new work is known to be possible."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rephrase import storage
from rephrase.cli.summary_tables import print_summary
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.stage import mix
from rephrase.spark.stages.pipeline import run_all, run_stage
from rephrase.storage import tables
from tests.rephrase.spark.mixtures import HALVES, run_of, write_inputs
from tests.rephrase.spark.no_spark import NoSpark
from tests.rephrase.spark.stages.test_pipeline import write_run

ALONE: list[dict[str, Any]] = [{"origin": "original", "share": 1.0}]
MADE = ("judged", "duplicates", "mixture")
JUDGING = {"filter": {"checks": ["parsed"]}, "dedup": {"min_similarity": 0.9}}


def files(output: str, *names: str) -> dict[str, float]:
    """When each file of these tables was stored; what lies there while a stage works is gone by then."""
    return {file.path: file.modified for name in names for file in storage.list_files(storage.join(output, name))}


def mixed(output: str, spark: LazySession) -> str:
    """The output folder of a run with a mixture."""
    write_inputs(output)
    mix(run_of(output, components=ALONE), spark)
    return output


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory, spark: LazySession) -> tuple[str, dict[str, float]]:
    output = mixed(str(tmp_path_factory.mktemp("mixture")), spark)
    return output, files(output, "mixture")


@pytest.fixture
def kept(mixture: tuple[str, dict[str, float]]) -> Iterator[str]:
    """The output folder of a run whose mixture the test must leave as it is."""
    output, before = mixture
    yield output
    assert files(output, "mixture") == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"components": [{"recipe": "no/*", "share": 1.0}]}, "no/"),
        ({"components": HALVES, "budget_tokens": 10_000_000}, "has .* tokens"),
        ({"components": HALVES, "max_synthetic_share": 0.1}, "max_synthetic_share"),
    ],
)
def test_a_mixture_that_cannot_be_made_costs_none(kept: str, spark: LazySession, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        run_stage("mix", run_of(kept, **settings), spark, replace=True)


def test_a_refusal_names_the_components_that_differ(kept: str) -> None:
    components = [{"origin": "original", "share": 0.75}, {"recipe": "mind/debate", "share": 0.25}]
    with pytest.raises(UserError, match=r"`mix\.components\.mind/debate` is new; `mix\.components\.original\.share` was 1\.0, is 0\.75"):
        run_stage("mix", run_of(kept, components=components), NoSpark())


def test_the_summary_tells_a_mixture_of_an_earlier_config_from_its_own(kept: str) -> None:
    def told(components: list[dict[str, Any]]) -> str:
        print_summary(run_of(kept, components=components), console := Console(record=True, width=300))
        return console.export_text()

    own = told(ALONE)
    assert "limits the mixture" in own
    assert "earlier config" not in own
    other = told(HALVES)
    assert "of an earlier config or version and not replaced" in " ".join(other.split())
    assert "limits the mixture" not in other


def test_inputs_that_cannot_be_read_cost_no_mixture(kept: str, spark: LazySession, tmp_path: Path) -> None:
    damaged = str(shutil.copytree(kept, tmp_path / "run"))
    before = files(damaged, "mixture")
    run = run_of(damaged, components=HALVES)
    with pytest.raises(AssertionError, match="Spark was started"):
        run_stage("mix", run, NoSpark(), replace=True)
    storage.put(tables.objects(storage.join(damaged, "judged"))[1], b"PAR1")
    with pytest.raises(UserError, match="not a readable Parquet file"):
        run_stage("mix", run, spark, replace=True)
    storage.remove_folder(storage.join(damaged, "judged"))
    with pytest.raises(UserError, match="there is no judged table"):
        run_stage("mix", run, spark, replace=True)
    assert files(damaged, "mixture") == before


def test_a_mixture_on_s3_is_replaced_also_where_its_removal_was_cut_off(
    spark: LazySession, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = mixed(f"{bucket}/run", spark)
    folder = storage.join(output, "mixture")
    run = run_of(output, components=HALVES)
    for name in ("_manifest.json", "_plan.json", "README.md"):
        storage.delete(storage.join(folder, name))
    with pytest.raises(UserError, match=r"another config: .*`--replace` makes it again"):
        run_stage("mix", run, spark)
    run_stage("mix", run, spark, replace=True)
    told = capsys.readouterr().err
    assert "mix: made again by the config as it is now" in told
    assert "goes on with the mixture that was planned" not in told
    assert set(tables.read_folder(folder)["origin"].to_pylist()) == {"original", "synthetic"}
    before = files(output, "mixture")
    run_stage("mix", run, NoSpark(), replace=True)  # it is of this config
    assert files(output, "mixture") == before


@pytest.fixture(scope="module")
def whole_run(spark: LazySession, tokenizer_file: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, float]]:
    # Its recipe for questions finds none in an echo, so that some rows have errors.
    folder = tmp_path_factory.mktemp("finished")
    path = write_run(folder, tokenizer_file, {"kind": "echo"}, documents=2, dedup={}, filter={"checks": ["finished"]})
    run = load_run(str(path))
    run_all(run, spark)
    return run, files(run.output, *MADE)


@pytest.fixture
def finished(whole_run: tuple[Run, dict[str, float]]) -> Iterator[Run]:
    """A finished run, of which the test must leave all that filter, dedup and mix made as it is."""
    run, before = whole_run
    yield run
    assert files(run.output, *MADE) == before


@pytest.mark.parametrize("stage", ["filter", "dedup"])
def test_spark_that_does_not_start_costs_no_verdict(finished: Run, stage: str) -> None:
    with pytest.raises(AssertionError, match="Spark was started"):
        run_stage(stage, load_run(f"{finished.output}.yaml", {stage: JUDGING[stage]}), NoSpark(), replace=True)


def test_duplicates_are_not_searched_among_verdicts_of_another_config(finished: Run) -> None:
    with pytest.raises(UserError, match=r"judged: this folder holds the filter stage of another config: `checks.*`--replace`"):
        run_stage("dedup", load_run(f"{finished.output}.yaml", JUDGING), NoSpark(), replace=True)


def test_spark_that_does_not_start_costs_nothing_where_errors_are_asked_for_again(finished: Run) -> None:
    with pytest.raises(AssertionError, match="Spark was started"):
        run_stage("rewrite", finished, NoSpark(), retry_errors=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"filter": {"checks": [{"quality": {"model": "no.bin", "min": 0}}]}}, "no.bin"),
        ({"filter": {"checks": ["parsed"]}, "tokenizer": "./nowhere"}, "there is no tokenizer here"),
        ({"filter": {"checks": ["parsed"]}, "recipes": ["wrap/eazy"]}, "there is no recipe"),
    ],
)
def test_a_config_that_cannot_judge_costs_no_verdict(finished: Run, spark: LazySession, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        run_stage("filter", load_run(f"{finished.output}.yaml", changes), spark, replace=True)


@pytest.mark.parametrize(("stage", "table"), [("filter", "generations"), ("filter", "documents"), ("dedup", "judged")])
def test_a_damaged_table_costs_no_verdict(finished: Run, spark: LazySession, stage: str, table: str) -> None:
    path = Path(tables.objects(storage.join(finished.output, table))[0])
    whole = path.with_suffix(".whole")
    path.rename(whole)
    path.write_bytes(b"PAR1")
    try:
        with pytest.raises(UserError, match="not a readable Parquet file"):
            run_stage(stage, load_run(f"{finished.output}.yaml", {stage: JUDGING[stage]}), spark, replace=True)
    finally:
        whole.rename(path)
