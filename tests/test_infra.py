"""The shipped Spark settings, as Spark itself understands them: it knows their names, and builds the pods that they describe."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

INFRA = Path(__file__).parents[1] / "infra"
FAMILIES = ("spark.executor.resource.gpu.", "spark.worker.resource.gpu.", "spark.kubernetes.executor.volumes.")


def settings(path: Path) -> dict[str, str]:
    """Those of a file of properties, and those that it proposes in comments."""
    lines = [line.lstrip("#").split() for line in path.read_text().splitlines()]
    return {words[0]: words[1] for words in lines if len(words) == 2 and words[0].startswith("spark.")}


@pytest.fixture(scope="module")
def jvm() -> Any:
    """A JVM with Spark's jars and no session."""
    from pyspark.java_gateway import launch_gateway

    gateway = launch_gateway()
    yield gateway.jvm
    gateway.shutdown()
    gateway.proc.stdin.close()  # what ends it
    gateway.proc.wait(120)


def scala(jvm: Any, name: str) -> Any:
    """A Scala object."""
    return jvm.java.lang.Class.forName(f"org.apache.spark.{name}$").getField("MODULE$").get(None)


def known(jvm: Any) -> Any:
    """Spark's settings, by name."""
    for place in ("internal.config.package", "internal.config.Worker", "internal.config.Python", "deploy.k8s.Config"):
        scala(jvm, place)
    registry = scala(jvm, "internal.config.ConfigEntry")
    field = registry.getClass().getDeclaredField("knownConfigs")
    field.setAccessible(True)
    return field.get(registry)


def test_spark_knows_all_settings(jvm):
    names = [name for path in (INFRA / "spark-defaults.conf", INFRA / "kubernetes" / "spark.conf") for name in settings(path)]
    for path in (INFRA / "operator").rglob("*.yaml"):
        names += re.findall(r"^ +(?:path: /spec/sparkConf/)?(spark\.[\w.-]+)", path.read_text(), re.MULTILINE)
    entries = known(jvm)
    assert len(names) > 45
    assert [name for name in names if not entries.containsKey(name) and not name.startswith(FAMILIES)] == []


def executor(jvm: Any, *, own: bool) -> dict[str, Any]:
    """The pod of an executor as Spark would ask Kubernetes for it; `own`: one that the rewrite stage asks for, with two GPUs."""
    spark = jvm.org.apache.spark
    conf = spark.SparkConf(False)
    files = [settings(INFRA / "spark-defaults.conf"), settings(INFRA / "kubernetes" / "spark.conf")]
    given = {"spark.kubernetes.executor.podTemplateFile": str(INFRA / "kubernetes" / "executor-pod.yaml")}
    for name, value in {**files[0], **files[1], **given, "spark.driver.host": "driver", "spark.driver.port": "7078"}.items():
        conf.set(name, value)
    if own:
        requests = (
            spark.resource.ExecutorResourceRequests().cores(4).memory("4g").memoryOverhead("48g").resource("gpu", 2, "s", "nvidia.com")
        )
        profile = spark.resource.ResourceProfileBuilder().require(requests).build()
    else:
        profile = scala(jvm, "resource.ResourceProfile").getOrCreateDefaultProfile(conf)
    nothing = jvm.scala.Option.apply(None)
    pod_conf = jvm.org.apache.spark.deploy.k8s.KubernetesExecutorConf(conf, "app", "1", nothing, profile.id())
    client = jvm.io.fabric8.kubernetes.client.KubernetesClientBuilder().build()
    security = spark.SecurityManager(conf, nothing, known(jvm).get("spark.authenticate.secret.file"))
    pod = spark.scheduler.cluster.k8s.KubernetesExecutorBuilder().buildFromFeatures(pod_conf, security, client, profile).pod()
    text = jvm.io.fabric8.kubernetes.client.utils.Serialization.asJson
    return {**json.loads(text(pod.pod()))["spec"], "container": json.loads(text(pod.container()))}


@pytest.mark.parametrize(("own", "gpus"), [(False, 1), (True, 2)])
def test_executors_on_kubernetes_have_gpus_shared_memory_and_time_to_go(jvm, own, gpus):
    pod = executor(jvm, own=own)
    container = pod["container"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == str(gpus)
    assert container["resources"]["limits"]["memory"] == f"{52 * 1024}Mi"
    volumes = {volume["name"]: volume.get("emptyDir") for volume in pod["volumes"]}
    places = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    assert places["/dev/shm"]["medium"] == "Memory"
    assert int(places["/dev/shm"]["sizeLimit"].removesuffix("Gi")) < 48, "it is part of the overhead"
    assert {"/cache", "/scratch"} <= places.keys()
    assert {entry["name"]: entry.get("value") for entry in container["env"]}["SPARK_LOCAL_DIRS"] == "/scratch"
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["/opt/decom.sh"]
    assert pod["terminationGracePeriodSeconds"] == 120
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"
