"""A run that an earlier version began is finished by this one: notes of version 0.1.0 mean what they meant."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rephrase import storage
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim, stage_note
from rephrase.spark.stages.pipeline import STAGES, run_all, run_stage
from rephrase.storage import tables
from tests.rephrase.spark.no_spark import NoSpark
from tests.rephrase.spark.older_run import OLDER, ROOT, copy_older_run

FINISH = """
import json
from rephrase.config.run import Run
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.pipeline import run_all
run = Run.model_validate(json.load(open("run.json")))
spark = LazySession(run.spark, "local[2]")
run_all(run, spark)
spark.stop()
"""


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings of the older run, in whose folder the test then stands."""
    monkeypatch.chdir(tmp_path)
    return copy_older_run(tmp_path)


def rows(output: Path | str) -> dict[str, list[dict[str, Any]]]:
    """All rows of all objects, by table, sorted."""
    paths = {table.path: tables.objects(table.folder(str(output))) for table in Tables.all()}
    columns = {"documents": ["labels"], "generations": ["reasoning"], "judged": ["reasoning", "labels"], "mixture": ["parts", "labels"]}
    newer = {name: dict.fromkeys(several) for name, several in columns.items()}  # a column that is not there reads as null
    read = {
        name: [{**newer.get(name, {}), **row} for path in several for row in tables.read(path).to_pylist()]
        for name, several in paths.items()
    }
    return {name: sorted(several, key=lambda row: str(sorted(row.items(), key=str))) for name, several in read.items()}


def test_a_run_that_was_cut_off_is_resumed(older: dict[str, Any]) -> None:
    output = Path(older["output"])
    for name in ("mind.teacher_student.rewrite", "entigraph.relations.relations"):
        for table in (Tables.GENERATIONS, Tables.JUDGED):
            os.remove(output / table.path / f"{name}-00000-0000-0000.parquet")
    for table in (Tables.DUPLICATE_GENERATIONS, Tables.MIXTURE):
        shutil.rmtree(output / table.path)
    kept = {file.path: file.modified for file in storage.list_files(str(output))}
    # In a process of its own, as tasks take relative paths to be seen from where Spark was started.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", FINISH], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    expected = rows(OLDER / "finished")
    assert len(expected["mixture"]) == 15
    assert rows(output) == expected
    assert kept.items() <= {file.path: file.modified for file in storage.list_files(str(output))}.items(), "nothing was made twice"
    manifest = json.loads((output / "mixture" / "_manifest.json").read_text())
    digests = {table.stage: stage_note(table.folder(str(output)))["digest"] for table in Tables.all() if table is not Tables.MIXTURE}
    assert manifest["stages"] == digests
    assert digests.keys() == {"shard", "screen", "dedup (documents)", "rewrite", "filter", "dedup"}
    assert digests.keys() < manifest["versions"].keys()


def test_a_finished_run_has_nothing_to_do(older: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    before = {file.path: file.modified for file in storage.list_files(older["output"])}
    run_all(Run.model_validate(older), NoSpark(), replace=True)
    assert before.items() <= {file.path: file.modified for file in storage.list_files(older["output"])}.items()
    assert capsys.readouterr().err.count("nothing to do") == len(STAGES) + 1, "the rewrite stage says it of each of two levels"


@pytest.mark.parametrize(
    ("command", "section", "changes", "difference"),
    [
        ("shard", "input", {"min_characters": 301}, "`input.min_characters` was 300, is 301"),
        ("shard", "input", {"main_content": False}, "`input.main_content` was true, is false"),
        ("screen", "dedup", {"min_similarity": 0.7}, "`dedup.min_similarity` was 0.75, is 0.7"),
        ("filter", "filter", {"checks": ["finished"]}, "`checks.chatter` is gone"),
        ("mix", "mix", {"seed": 0}, "`mix.seed` was 7, is 0"),
    ],
)
def test_another_setting_is_refused_and_named(
    older: dict[str, Any], command: str, section: str, changes: dict[str, Any], difference: str
) -> None:
    run = Run.model_validate({**older, section: {**older[section], **changes}})
    with pytest.raises(UserError, match="another config") as refused:
        run_stage(command, run, NoSpark())
    assert difference in str(refused.value)
    assert "is new" not in str(refused.value)


def test_a_changed_default_of_a_check_is_told_apart_for_the_recipes_of_the_run_alone(older: dict[str, Any]) -> None:
    """What a note spells out is compared as it is: no later default stands in for it."""
    path = Path(older["output"]) / Tables.JUDGED.path / "_stage.json"
    text = path.read_text()
    note = json.loads(text)
    length = next(check for check in note["meaning"]["checks"] if check["name"] == "length")
    del length["recipes"]["tinystories/*"]  # of a family that this run does not use: as if it had been shipped later
    length["recipes"]["retired/*"] = {"min_words": 3}
    path.write_text(json.dumps(note))
    run_stage("filter", Run.model_validate(older), NoSpark())
    length["recipes"]["mind/*"]["min_tokens"] = 40
    path.write_text(json.dumps(note))
    with pytest.raises(UserError, match=r"`checks\.length\.recipes\.mind/\*\.min_tokens` was 40, is 50"):
        run_stage("filter", Run.model_validate(older), NoSpark())


def test_a_setting_that_the_older_version_did_not_have_is_told_with_its_default(older: dict[str, Any]) -> None:
    path = Path(older["output"]) / Tables.DUPLICATE_DOCUMENTS.path / "_stage.json"
    note = json.loads(path.read_text())
    del note["meaning"]["dedup"]["ngram"]
    path.write_text(json.dumps(note))
    run_stage("screen", Run.model_validate(older), NoSpark())
    with pytest.raises(UserError, match=r"`dedup\.ngram` was 5, is 4"):
        run_stage("screen", Run.model_validate({**older, "dedup": {"min_similarity": 0.75, "ngram": 4}}), NoSpark())


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.table.stage)
def test_rows_that_mean_something_else_by_now_are_refused(older: dict[str, Any], stage: Any) -> None:
    folder = stage.table.folder(older["output"])
    meaning = stage.meaning(Run.model_validate(older))
    claim(folder, stage.table, meaning)
    newer = replace(stage.table, version=2)
    with pytest.raises(
        UserError, match=r"rephrase 0\.1\.0 made this folder.*mean something else \(version 1, here 2\).*go on with rephrase"
    ):
        claim(folder, newer, meaning)
    assert stage_note(folder)["stage_version"] == 1
