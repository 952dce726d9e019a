"""What the stages say of themselves: it holds together, and asking it is cheap."""

from __future__ import annotations

import subprocess
import sys

from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.pipeline import STAGES, commands
from tests.rephrase.spark.older_run import ROOT


def test_each_table_is_made_by_one_stage_from_tables_of_stages_before_it() -> None:
    assert {stage.table for stage in STAGES} == set(Tables.all())
    assert len(STAGES) == len(Tables.all())
    for number, stage in enumerate(STAGES):
        assert set(stage.reads) <= {before.table for before in STAGES[:number]}, stage.table.stage


def test_each_stage_has_a_command_with_a_job_for_spark_submit() -> None:
    assert list(commands()) == ["shard", "screen", "rewrite", "filter", "dedup", "mix"]
    assert set(commands()) <= {path.stem for path in (ROOT / "jobs").glob("*.py")}


def test_commands_list_the_stages_without_loading_what_they_work_with() -> None:
    code = "import sys, rephrase.spark.stages.pipeline; assert not {'pyarrow', 'pydantic', 'numpy', 'pyspark'} & sys.modules.keys()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
