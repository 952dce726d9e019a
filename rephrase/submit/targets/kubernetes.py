"""Kubernetes: the image of infra/Dockerfile, the config as a config map, keys from a secret."""

from __future__ import annotations

import os

from rephrase.errors import UserError
from rephrase.submit.command import Command, Given, Note, Step, Word, conf
from rephrase.submit.order import Order, plain_variables, secrets_of
from rephrase.submit.shipped import shipped
from rephrase.submit.spark_settings import read_settings, settings_for
from rephrase.submit.targets.spark_submit import spark_home

_IMAGE = "/opt/rephrase"
_MAP = "rephrase-run"  # what infra/kubernetes/driver-pod.yaml mounts
_TEMPLATES = ("driver", "executor")


def kubernetes(order: Order) -> list[Step]:
    """Commands for a cluster of Kubernetes, on which the driver runs too."""
    if not order.master.startswith("k8s://"):
        raise order.needed("the cluster's address", "--master", "k8s://https://host:443")
    if not order.image:
        raise order.needed("the image, which infra/Dockerfile makes,", "--image", "registry.example.org/rephrase:0.2.0")
    if order.archive:
        raise UserError("the image holds the environment already", where="--archive", cure="leave it out")
    name = os.path.basename(order.config)
    options = [("--master", order.master), ("--deploy-mode", "cluster"), *conf(_settings(order))]
    return [
        *_secret(order),
        Command(
            ("kubectl", "create", "configmap", _MAP),
            [(f"--from-file={name}={order.config}", "--dry-run=client", "--output=yaml")],
            reader=Command(("kubectl", "apply", "--filename=-")),
        ),
        Command(
            (str(spark_home() / "bin" / "spark-submit"),),
            options,
            (f"local://{_IMAGE}/jobs/{order.stage}.py", f"{_IMAGE}/run/{name}", *order.replaced, "--set", "spark.master=null"),
        ),
    ]


def _settings(order: Order) -> dict[str, Word]:
    settings: dict[str, Word] = {**settings_for(order), **read_settings(shipped("infra/kubernetes/spark.conf"))}
    settings["spark.kubernetes.container.image"] = order.image
    for kind in _TEMPLATES:
        settings[f"spark.kubernetes.{kind}.podTemplateFile"] = str(shipped(f"infra/kubernetes/{kind}-pod.yaml"))
    for name in secrets_of(order.run):
        settings |= {f"spark.kubernetes.{kind}.secretKeyRef.{name}": f"{order.keys_in}:{name}" for kind in _TEMPLATES}
    for name in plain_variables():
        for start in ("spark.kubernetes.driverEnv.", "spark.executorEnv."):
            settings[start + name] = Given(f"{start}{name}=", name)
    return {**settings, **order.settings}


def _secret(order: Order) -> list[Step]:
    names = secrets_of(order.run)
    if not names:
        return []
    made = f"kubectl create secret generic {order.keys_in} --from-env-file=FILE"
    return [Note(f"once, with lines NAME=VALUE in FILE for {', '.join(names)}: {made}")]
