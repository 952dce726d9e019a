"""infra/dataproc and infra/databricks: scripts that parse, and a job that is, stage by stage, that of `rephrase submit`."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rephrase.cli.main import build_parser, main
from tests.places import ROOT

JOB = json.loads((ROOT / "infra/databricks/job.json").read_text())
VOLUME = "/Volumes/main/default/rephrase"


@pytest.mark.parametrize("script", ["dataproc/init.sh", "databricks/init.sh", "terraform/emr-ec2/bootstrap.sh"])
def test_scripts_parse_and_stop_at_a_failure(script: str) -> None:
    path = ROOT / "infra" / script
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
    assert "set -euo pipefail" in path.read_text()


@pytest.mark.parametrize("there", [True, False], ids=["gpu", "cpu"])
def test_databricks_gets_vllm_where_there_are_gpus(there: bool, tmp_path: Path) -> None:
    script = (ROOT / "infra/databricks/init.sh").read_text().replace("/databricks/python/bin/pip", f"{tmp_path}/pip")
    for name in ("pip", *(["nvidia-smi"] if there else [])):
        (tmp_path / name).write_text('#!/bin/sh\necho "$@"\n')
        (tmp_path / name).chmod(0o755)
    variables = {"PATH": str(tmp_path), "REPHRASE_WHEEL": "/Volumes/v/rephrase.whl"}
    done = subprocess.run(["/bin/bash", "-c", script], env=variables, check=True, capture_output=True, text=True)
    assert done.stdout == f"install --quiet /Volumes/v/rephrase.whl{'[gpu]' if there else ''}\n"


def test_the_job_runs_stages_one_after_the_other() -> None:
    names = [task["task_key"] for task in JOB["tasks"]]
    assert names == ["shard", "rewrite", "filter", "mix"]
    for before, task in zip([None, *names], JOB["tasks"], strict=False):
        assert [each["task_key"] for each in task.get("depends_on", [])] == ([before] if before else [])
        build_parser().parse_args(task["python_wheel_task"]["parameters"])
        assert task["job_cluster_key"] == ("gpu" if task["task_key"] == "rewrite" else "cpu")


@pytest.mark.parametrize("task", JOB["tasks"], ids=lambda task: task["task_key"])
def test_its_tasks_are_those_of_submit(task: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {
        "output": "s3://bucket/run",
        "input": {"paths": ["s3://bucket/crawl/*.warc.gz"]},
        "tokenizer": "Qwen/Qwen3-8B",
        "engine": {"kind": "vllm", "model": "Qwen/Qwen3-8B"},
        "recipes": ["wrap/*"],
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    wheel = "dist/rephrase-0.2.0-py3-none-any.whl"
    where = ["--stage", task["task_key"], "--cluster", "0923", "--staging", VOLUME, "--archive", wheel]
    main(["submit", str(tmp_path / "run.yaml"), "--to", "databricks", *where])
    told = capsys.readouterr().out
    [settings] = re.findall(r"# the cluster's spark_conf: (.*)", told)
    [submitted] = re.findall(r"--json '(.*)'", told)
    [theirs] = json.loads(submitted)["tasks"]
    assert task["python_wheel_task"] == theirs["python_wheel_task"]
    [cluster] = [each["new_cluster"] for each in JOB["job_clusters"] if each["job_cluster_key"] == task["job_cluster_key"]]
    assert json.loads(settings).items() <= cluster["spark_conf"].items()
    assert cluster["spark_env_vars"]["REPHRASE_WHEEL"] == theirs["libraries"][0]["whl"]
    keys = {name: value for name, value in cluster["spark_env_vars"].items() if re.search("TOKEN|KEY|SECRET", name)}
    assert all(value == f"{{{{secrets/rephrase/{name}}}}}" for name, value in keys.items())
