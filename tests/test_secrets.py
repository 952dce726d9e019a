"""What may be secret in a config stands in nothing that is published of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rephrase.config.file import load_run
from rephrase.config.published import published
from rephrase.config.run import Run
from rephrase.report.compare import compare
from rephrase.report.provenance import config_text
from rephrase.spark.stages.mix import manifest
from tests.places import EXAMPLES

SECRET = "hunter2"
VLLM = {"kind": "vllm", "model": "org/model", "env": {"HF_TOKEN": SECRET}, "args": ["--served-by", SECRET]}
ENDPOINT = {"kind": "endpoint", "url": "http://127.0.0.1:1/v1", "model": "m", "extra_body": {"user": SECRET}}
SPARK = {
    "spark.hadoop.fs.s3a.secret.key": SECRET,
    "spark.hadoop.fs.s3a.access.key": SECRET,
    "spark.ssl.keyPassword": SECRET,
    "spark.driver.extraJavaOptions": f"-Dstore.password={SECRET}",
    "spark.executor.memory": "8g",
}


def run_with(folder: Path, engines: dict[str, Any]) -> Run:
    config = {
        "output": "out",
        "input": {"paths": ["notes.jsonl"]},
        "tokenizer": str(EXAMPLES / "tokenizer.json"),
        "recipes": ["wrap/easy"],
        "spark": {"conf": SPARK, "executor_env": ["HF_TOKEN"]},
        **engines,
    }
    folder.mkdir(exist_ok=True)
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    return load_run(str(folder / "run.yaml"))


@pytest.mark.parametrize("engines", [{"engine": VLLM}, {"engine": ENDPOINT}, {"engines": {"writer": VLLM, "judge": ENDPOINT}}])
def test_a_config_is_published_without_them(engines, tmp_path):
    run = run_with(tmp_path, engines)
    manifested = manifest._provenance(run)["config"]
    for told in (config_text(run), json.dumps(manifested), json.dumps(published(run, exclude_defaults=False))):
        assert SECRET not in told
        assert "notes.jsonl" in told, "all else is there"
    assert "8g" in config_text(run)
    assert "HF_TOKEN" in config_text(run), "the name of a variable is no secret"
    assert manifested.keys() == (Run.model_fields.keys() - {"output", "spark", "tables"}), "a manifest has all other settings"


def test_runs_are_compared_without_them(tmp_path):
    runs = {"one": run_with(tmp_path / "one", {"engine": VLLM}), "two": run_with(tmp_path / "two", {"engine": ENDPOINT})}
    for name in runs:
        (tmp_path / name / "out" / "documents").mkdir(parents=True)
        (tmp_path / name / "out" / "documents" / "begun").touch()
    settings = compare(runs, rows=0).settings
    assert settings["engine.kind"] == ("vllm", "endpoint")
    assert SECRET not in json.dumps(settings)


@pytest.mark.parametrize("trusts", [True, False])
def test_code_beside_a_model_is_told_of(trusts, tmp_path):
    run = run_with(tmp_path, {"engine": {**VLLM, "trust_remote_code": trusts}})
    assert ("trust_remote_code: true" in config_text(run)) is trusts
    assert manifest._provenance(run)["config"]["engine"]["trust_remote_code"] is trusts
