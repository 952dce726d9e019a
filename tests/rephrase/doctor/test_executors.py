"""`rephrase doctor` on a real standalone cluster: what is wrong on one executor alone is told of that one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.places import ROOT
from tests.rephrase.doctor.endpoint import KEY, MODEL, Endpoint
from tests.rephrase.spark.standalone import Cluster

PYTHON = "python-of-tasks"  # found on the PATH of sound machines
HUB_MODEL = "somebody/small-model"
EXECUTOR = {"spark.executor.memory": "512m", "spark.executor.cores": 2, "spark.sql.shuffle.partitions": 2}


def hub_cache(folder: Path) -> Path:
    """A cache of the hub with one model, as its client lays it out."""
    model = folder / "hub" / f"models--{HUB_MODEL.replace('/', '--')}"
    snapshot = model / "snapshots" / "0a1b2c"
    snapshot.mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("0a1b2c")
    (snapshot / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096}')
    (snapshot / "tokenizer_config.json").write_text("{}")
    (snapshot / "model.safetensors").write_bytes(b"\0" * 2000)
    return folder


def other_package(folder: Path) -> Path:
    """A copy of the package, as of another day."""
    for name in ("rephrase", "classifiers"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    with open(folder / "rephrase" / "names.py", "a") as file:
        file.write("# of another day\n")
    return folder


def modules(folder: Path) -> Path:
    """A vLLM and a torch that can be imported at once."""
    for name, text in {
        "vllm": "__version__ = '0.30.0'\n",
        "torch": "from types import SimpleNamespace as S\n__version__ = '2'\nversion = S(cuda=None)\n",
    }.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: str) -> Iterator[dict[str, Any]]:
    """A cluster of three workers: a sound one, one with another package, one without a model and a key; a run, and its environment."""
    folder = tmp_path_factory.mktemp("site")
    ours, cache, python = modules(folder / "modules"), hub_cache(folder / "cache"), folder / "bin" / PYTHON
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    sound = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ours}:{ROOT}",
        "HF_HOME": str(cache),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "SERVED_KEY": KEY,
    }
    other = {**sound, "PYTHONPATH": f"{ours}:{other_package(folder / 'other')}"}
    poor = {**sound, "HF_HOME": str(folder / "nothing")}
    del poor["SERVED_KEY"]
    (folder / "pages.jsonl").write_text(json.dumps({"text": "The tide comes in twice a day. " * 20}) + "\n")
    endpoint, cluster = Endpoint(), Cluster(folder)
    for environment in (sound, other, poor):
        cluster.add_worker(environment)
    config = {
        "output": "out",
        "input": {"paths": ["pages.jsonl"]},
        "tokenizer": tokenizer_file,
        "engines": {
            "writer": {"kind": "vllm", "model": HUB_MODEL},
            "judge": {"kind": "endpoint", "url": endpoint.url, "model": MODEL, "api_key_env": "SERVED_KEY"},
        },
        "recipes": ["wrap/easy"],
        "spark": {"conf": EXECUTOR},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    yield {"run": str(folder / "run.yaml"), "cluster": cluster, "environment": {**os.environ, **sound}}
    cluster.end()
    endpoint.stop()


def examined(site: dict[str, Any], master: str, **more: str) -> list[dict[str, str]]:
    """The findings that the command prints, with some variables more."""
    command = [
        sys.executable,
        "-m",
        "rephrase.cli.main",
        "doctor",
        site["run"],
        "--master",
        master,
        "--json",
        "--seconds",
        "60",
        "--wait",
        "400",
    ]
    done = subprocess.run(command, env={**site["environment"], **more}, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 2, done.stderr
    findings: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return findings


def check_findings(findings: list[dict[str, str]]) -> None:
    """What must be told of the three executors, and nothing else that is wrong."""
    executors = {one["where"] for one in findings} - {"driver"}
    assert len(executors) == 3
    faults = {(one["check"], one["where"]): one for one in findings if one["status"] == "fail"}
    by_check = dict(faults.keys())
    assert set(by_check) == {"package", "model", "endpoint"}
    assert len(faults) == 3
    assert by_check["model"] == by_check["endpoint"] != by_check["package"]
    told = {check: fault for (check, _), fault in faults.items()}
    assert "/other/rephrase, and the driver has rephrase" in told["package"]["text"]
    assert "not in the hub's cache here" in told["model"]["text"]
    assert "refuses" in told["endpoint"]["text"] or "wants a key" in told["endpoint"]["text"]
    assert all(fault["cure"] for fault in faults.values())


@pytest.mark.long
def test_faults_of_one_executor_are_told_of_that_one(site):
    check_findings(examined(site, site["cluster"].url))


@pytest.mark.long
def test_they_are_told_through_spark_connect_as_well(site):
    url = site["cluster"].connect_server(EXECUTOR)
    try:
        check_findings(examined(site, url))
    finally:
        site["cluster"].end_newest()


@pytest.mark.long
def test_an_executor_whose_python_does_not_start_is_told_with_what_spark_says(site):
    site["cluster"].add_worker({"PATH": os.environ["PATH"]})
    findings = examined(site, site["cluster"].url, PYSPARK_PYTHON=PYTHON)
    [fault] = [one for one in findings if one["check"] == "spark" and one["status"] == "fail"]
    assert fault["where"].startswith("executor ")
    assert f'Cannot run program "{PYTHON}"' in fault["text"]
    check_findings([one for one in findings if one is not fault])
