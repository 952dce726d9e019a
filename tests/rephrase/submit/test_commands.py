"""The command of each kind of cluster: what stands in it, what never does, and what is refused before it."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pyspark
import pytest
import yaml

from rephrase.cli.main import main
from rephrase.doctor.archive import manifest_here, read_manifest
from rephrase.errors import UserError
from rephrase.submit.shipped import shipped
from rephrase.submit.spark_settings import read_settings
from tests.places import EXAMPLES, ROOT

SECRET = "a value that must never be seen"
SPARK = Path(pyspark.__file__).parent
GPU = "spark.executor.resource.gpu."
TARGETS = {
    "standalone": ("--master", "spark://head:7077"),
    "yarn": (),
    "k8s": ("--master", "k8s://https://host:443", "--image", "registry.example.org/rephrase:1"),
    "emr": ("--cluster", "j-2AB", "--staging", "s3://bucket/rephrase"),
    "databricks": ("--cluster", "0923", "--staging", "/Volumes/main/default/rephrase", "--archive", "dist/rephrase-1-py3-none-any.whl"),
}


def pack(path: Path, **changes: Any) -> Path:
    """An archive whose manifest says what this Python is, but for the changes."""
    manifest = {**json.loads(manifest_here()), "vllm": "0.32.0", **changes}
    content = json.dumps(manifest).encode()
    with tarfile.open(path, "w:gz") as tar:
        for name in ("rephrase.json", "bin/python"):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPARK_HOME", "AWS_SESSION_TOKEN", "HF_TOKEN", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "JUDGE_KEY"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A run on S3 with a writer on the executors and a judge elsewhere."""
    data = {
        "output": "s3://bucket/run",
        "input": {"paths": ["s3://bucket/crawl/*.warc.gz"]},
        "tokenizer": "Qwen/Qwen3-8B",
        "engines": {
            "writer": {"kind": "vllm", "model": "Qwen/Qwen3-8B"},
            "judge": {"kind": "endpoint", "url": "https://judge.example.org/v1", "model": "m", "api_key_env": "JUDGE_KEY"},
        },
        "recipes": ["wrap/*"],
    }
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def submit(capsys: pytest.CaptureFixture[str], config: Path, target: str, *options: object) -> tuple[int, str, str]:
    """Exit code, the script, and what was found."""
    words = ["submit", str(config), "--to", target, *TARGETS[target], *map(str, options)]
    try:
        main(words)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    told = capsys.readouterr()
    return code, told.out, told.err


def archive_words(target: str, archive: Path) -> list[object]:
    return [] if target in ("k8s", "databricks") else ["--archive", archive]


def words_of(script: str) -> list[str]:
    """A script as the shell takes it apart, with its variables as they are here."""
    return [os.path.expandvars(word) for word in shlex.split(script.replace("\\\n", " "), comments=True)]


def conf_of(script: str) -> dict[str, str]:
    """The settings of a script's spark-submit."""
    return dict(after.split("=", 1) for word, after in itertools.pairwise(words_of(script)) if word == "--conf")


@pytest.mark.parametrize("target", TARGETS)
def test_keys_stand_in_no_command(target, config, tmp_path, capsys):
    code, script, told = submit(capsys, config, target, *archive_words(target, pack(tmp_path / "a.tar.gz")))
    assert code == 0, told
    assert SECRET not in script + told
    for name in ("AWS_SECRET_ACCESS_KEY", "JUDGE_KEY"):
        assert name in script
    assert subprocess.run(["bash", "-n", "-c", script], check=False).returncode == 0, "it is a script"


def test_standalone_in_the_driver_s_own_environment(config, tmp_path, capsys):
    archive = pack(tmp_path / "a.tar.gz")
    code, script, told = submit(
        capsys, config, "standalone", "--archive", archive, "--stage", "rewrite", "--limit", 7, "--conf", "spark.executor.memory=1g"
    )
    assert code == 0, told
    words = words_of(script)
    assert words[:3] == [
        "PYSPARK_PYTHON=./environment/bin/python",
        f"PYSPARK_DRIVER_PYTHON={sys.executable}",
        str(SPARK / "bin" / "spark-submit"),
    ]
    assert f"{archive}#environment" in words
    job = words.index(str(shipped("jobs/rewrite.py")))
    names = "[JUDGE_KEY, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION]"
    assert words[job + 1 :] == [str(config), "--limit", "7", "--set", f"spark.executor_env={names}"]
    settings = conf_of(script)
    assert settings[f"{GPU}amount"] == "1"
    assert settings["spark.executor.cores"] == "4"
    assert settings["spark.executor.memory"] == "1g", "the user's setting wins"
    assert not {"spark.executor.instances", f"{GPU}discoveryScript", "spark.pyspark.python"} & settings.keys()


def test_all_settings_for_executors_are_those_of_the_shipped_file(config, tmp_path, capsys):
    shipped_ones = read_settings(ROOT / "infra" / "spark-defaults.conf")
    assert len(shipped_ones) > 12
    settings = conf_of(submit(capsys, config, "yarn", "--archive", pack(tmp_path / "a.tar.gz"))[1])
    differing = {name for name in shipped_ones.keys() | settings.keys() if shipped_ones.get(name) != settings.get(name)}
    assert differing == {f"{GPU}discoveryScript", "spark.pyspark.python", "spark.log.level"}
    assert settings[f"{GPU}discoveryScript"] == "./environment/share/rephrase/infra/gpu-discovery.sh"
    more = read_settings(ROOT / "infra" / "kubernetes" / "spark.conf")
    on_k8s = conf_of(submit(capsys, config, "k8s")[1])
    assert {name for name, value in {**shipped_ones, **more}.items() if on_k8s.get(name) != value} == {
        "spark.pyspark.python",
        "spark.kubernetes.container.image",
        "spark.kubernetes.driver.podTemplateFile",
        "spark.kubernetes.executor.podTemplateFile",
    }
    assert on_k8s["spark.executorEnv.AWS_REGION"] == "eu-central-1", "by the shell's own variable"
    assert on_k8s["spark.kubernetes.executor.secretKeyRef.JUDGE_KEY"] == "rephrase:JUDGE_KEY"


@pytest.mark.parametrize("stage", ["filter", "mix"])
def test_stages_without_an_engine_ask_for_no_gpu(stage, config, tmp_path, capsys):
    settings = conf_of(submit(capsys, config, "yarn", "--archive", pack(tmp_path / "a.tar.gz", vllm=""), "--stage", stage)[1])
    assert [name for name in settings if name.startswith(GPU)] == []
    assert settings["spark.executor.memoryOverhead"] == "8g"


def test_executors_of_the_rewrite_stage_s_own_come_by_dynamic_allocation(config, tmp_path, capsys):
    own = ["--set", "rewrite.executor={gpus: 1}"]
    settings = conf_of(submit(capsys, config, "yarn", "--archive", pack(tmp_path / "a.tar.gz"), *own)[1])
    assert settings["spark.dynamicAllocation.enabled"] == "true"
    assert [name for name in settings if name.startswith(GPU)] == []


def test_on_yarn_the_driver_may_be_a_container(config, tmp_path, capsys):
    archive = pack(tmp_path / "a.tar.gz", digest="another", python="3.12.1")
    code, script, told = submit(capsys, config, "yarn", "--archive", archive, "--deploy-mode", "cluster")
    assert code == 0, "the driver is the archive's own Python"
    assert "warn  archive  it holds rephrase" in told
    assert f"--files '{config}#run.yaml'" in script
    assert script.rstrip().endswith("jobs/run.py run.yaml")
    settings = conf_of(script)
    assert settings["spark.yarn.appMasterEnv.PYSPARK_PYTHON"] == settings["spark.executorEnv.PYSPARK_PYTHON"] == "./environment/bin/python"


def test_clouds_get_their_files_and_a_job(config, tmp_path, capsys):
    script = submit(capsys, config, "emr", "--archive", pack(tmp_path / "a.tar.gz"))[1]
    words = words_of(script)
    copied = [words[place + 3] for place, word in enumerate(words) if words[place : place + 3] == ["aws", "s3", "cp"] and word]
    assert copied == [str(tmp_path / "a.tar.gz"), str(shipped("jobs/run.py")), str(config)]
    arguments = json.loads(words[words.index("--steps") + 1])[0]["Args"]
    assert arguments[:7] == [
        "spark-submit",
        "--master",
        "yarn",
        "--deploy-mode",
        "cluster",
        "--archives",
        "s3://bucket/rephrase/a.tar.gz#environment",
    ]
    assert "s3://bucket/rephrase/run.py" in arguments
    script = submit(capsys, config, "databricks")[1]
    words = words_of(script)
    task = json.loads(words[words.index("--json") + 1])["tasks"][0]
    assert task["libraries"] == [{"whl": "/Volumes/main/default/rephrase/rephrase-1-py3-none-any.whl"}]
    assert task["python_wheel_task"]["parameters"][:2] == ["run", "/Volumes/main/default/rephrase/run.yaml"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"python": "3.12.1"}, r"it holds Python 3\.12\.1, and the driver has 3\.\d+\.\d+.*cure: make the archive with this Python"),
        ({"pyspark": "4.1.0"}, r"it holds pyspark 4\.1\.0, and the driver has"),
        ({"digest": "0123456789ab"}, r"it holds rephrase \S+ \(0123456789ab\), and the driver has .*make package"),
        ({"vllm": ""}, r"it holds no vLLM, which the run needs for `writer`.*make package VLLM=gpu"),
    ],
)
def test_an_archive_that_does_not_fit_the_driver_is_told_instead_of_a_command(changes, told, config, tmp_path, capsys):
    code, script, lines = submit(capsys, config, "standalone", "--archive", pack(tmp_path / "a.tar.gz", **changes))
    assert (code, script) == (2, "")
    assert re.search(rf"^fail  archive  {told}", lines, re.MULTILINE), lines


def test_a_spark_of_another_version_is_told(config, tmp_path, capsys, monkeypatch):
    jars = tmp_path / "spark" / "jars"
    jars.mkdir(parents=True)
    (jars / "spark-core_2.13-4.1.0.jar").touch()
    monkeypatch.setenv("SPARK_HOME", str(jars.parent))
    code, script, lines = submit(capsys, config, "yarn", "--archive", pack(tmp_path / "a.tar.gz"))
    assert (code, script) == (2, "")
    assert f"Spark 4.1.0 in {jars.parent}, and the driver has pyspark {pyspark.__version__}" in lines


def test_paths_of_one_machine_are_told(tmp_path, capsys):
    archive = pack(tmp_path / "a.tar.gz", vllm="")
    code, _, lines = submit(capsys, EXAMPLES / "run.yaml", "standalone", "--archive", archive)
    assert code == 0
    assert "warn  paths    `output`, `input.paths`, `tokenizer`, `engine.path`, `filter`: on the disk of this machine" in lines


def test_models_and_earlier_runs_on_the_disk_of_one_machine_are_told(config, tmp_path, capsys):
    data = yaml.safe_load(config.read_text())
    data["screen"] = {"checks": [{"quality": {"model": "models/quality.bin"}}]}
    data["dedup"] = {"against": "s3://bucket/first-run", "semantic": {"model": "models/potion"}}
    config.write_text(yaml.safe_dump(data))
    code, _, lines = submit(capsys, config, "standalone", "--archive", pack(tmp_path / "a.tar.gz"))
    assert code == 0
    assert "warn  paths    `screen`, `dedup`: on the disk of this machine" in lines


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("standalone", ["--deploy-mode", "cluster"], "Spark runs no Python driver on a standalone cluster"),
        ("standalone", ["--master", "yarn"], "`yarn` is no address of such a cluster"),
        ("standalone", [], "--archive: the archive of the environment"),
        ("k8s", ["--image", ""], "--image: the image"),
        ("k8s", ["--archive", "a.tar.gz"], "the image holds the environment already"),
        ("yarn", ["--conf", "memory=1g", "--archive", "a.tar.gz"], "`memory=1g` is no setting of Spark"),
        ("emr", ["--archive", "a.tar.gz", "--staging", "/tmp/x"], "--staging: a place for files"),
        ("databricks", ["--archive", "a.tar.gz"], "--archive: the wheel"),
    ],
)
def test_what_a_cluster_cannot_take_is_refused(target, options, message, config, capsys):
    code, script, lines = submit(capsys, config, target, *options)
    assert (code, script) == (2, "")
    assert message in lines


def test_yes_runs_what_is_printed(config, tmp_path, monkeypatch):
    """In a process of its own, which the commands replace; a script stands for spark-submit, and tells how it was called."""
    home = tmp_path / "spark"
    (home / "bin").mkdir(parents=True)
    (home / "jars").mkdir()
    (home / "jars" / f"spark-core_2.13-{pyspark.__version__}.jar").touch()
    (home / "bin" / "spark-submit").write_text('#!/bin/sh\necho "$PYSPARK_PYTHON"\nprintf "%s\\n" "$@"\nexit 7\n')
    (home / "bin" / "spark-submit").chmod(0o755)
    environment = {**os.environ, "SPARK_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "rephrase.cli.main", "submit", str(config), "--to", "standalone", *TARGETS["standalone"]]
    command += ["--archive", str(pack(tmp_path / "a.tar.gz"))]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    by_hand = subprocess.run(["bash", "-c", printed.stdout], env=environment, capture_output=True, text=True, check=False)
    done = subprocess.run([*command, "--yes"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (by_hand.returncode, by_hand.stdout)
    assert done.returncode == 7
    assert done.stdout.startswith("./environment/bin/python\n--master\nspark://head:7077\n")


def test_what_is_no_archive_of_ours_is_told_from_its_beginning(tmp_path):
    path = tmp_path / "a.tar.gz"
    for content, message in ((b"", "cannot be read"), (b"no archive at all", "cannot be read"), (None, "there is no such archive")):
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        with pytest.raises(UserError, match=message):
            read_manifest(str(path))
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("bin"))
    with pytest.raises(UserError, match=r"does not begin with rephrase\.json"):
        read_manifest(str(path))
    pack(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match="cannot be read"):
        read_manifest(str(path))
