"""EMR on EC2 and Databricks: files into the cloud's store, then a job by the vendor's own command."""

from __future__ import annotations

import json
import os

from rephrase.errors import UserError
from rephrase.submit.command import Command, Note, Step
from rephrase.submit.order import Order, secrets_of
from rephrase.submit.shipped import shipped
from rephrase.submit.spark_settings import settings_for
from rephrase.submit.targets.spark_submit import on_yarn

_VOLUME = "/Volumes/"
# What the size and the start of a cluster of Databricks decide; its Python daemon starts before the wheel is there.
_THEIRS = ("spark.executor.", "spark.dynamicAllocation.", "spark.python.")


def emr(order: Order) -> list[Step]:
    """Commands for EMR on EC2: a step that runs spark-submit on the cluster. Keys of S3 come from the machines' role."""
    _check(order, "s3://", "s3://bucket/rephrase", "j-2AXXXXXXGAPLF", "the archive of the environment", ".tar.gz")
    archive, steps = _staged(order, order.archive, ("aws", "s3", "cp"))
    script, copied = _staged(order, str(shipped(f"jobs/{order.stage}.py")), ("aws", "s3", "cp"))
    config, also = _staged(order, order.config, ("aws", "s3", "cp"))
    name = os.path.basename(order.config)
    options = [word for option in on_yarn(order, archive, f"{config}#{name}") for word in option]
    step = {
        "Type": "CUSTOM_JAR",
        "Name": f"rephrase {order.stage}",
        "ActionOnFailure": "CONTINUE",
        "Jar": "command-runner.jar",
        "Args": ["spark-submit", *options, script, name, *order.replaced, "--set", "spark.master=null"],
    }
    return [
        *_kept_back(order, "the machines' role gives keys of S3; another key needs its place in the cluster's own configuration"),
        *steps,
        *copied,
        *also,
        Command(("aws", "emr", "add-steps", "--cluster-id", order.cluster), [("--steps", json.dumps([step]))]),
    ]


def databricks(order: Order) -> list[Step]:
    """Commands for a cluster of Databricks, which installs the wheel; its variables and settings are the cluster's own."""
    _check(order, _VOLUME, f"{_VOLUME}main/default/rephrase", "0923-164208-meows279", "the wheel", ".whl")
    wheel, steps = _staged(order, order.archive, ("databricks", "fs", "cp", "--overwrite"), "dbfs:")
    config, copied = _staged(order, order.config, ("databricks", "fs", "cp", "--overwrite"), "dbfs:")
    task = {
        "task_key": "rephrase",
        "existing_cluster_id": order.cluster,
        "libraries": [{"whl": wheel}],
        "python_wheel_task": {
            "package_name": "rephrase",
            "entry_point": "rephrase",
            "parameters": [order.stage, config, *order.replaced, "--set", "spark.master=null"],
        },
    }
    job = {"run_name": f"rephrase {order.stage}", "tasks": [task]}
    settings = {**settings_for(order), **order.settings}
    settings = {name: value for name, value in settings.items() if not name.startswith(_THEIRS)}
    variables = {name: f"{{{{secrets/{order.keys_in}/{name}}}}}" for name in secrets_of(order.run)}
    return [
        Note(f"the cluster's spark_conf: {json.dumps(settings)}"),
        *([Note(f"the cluster's spark_env_vars: {json.dumps(variables)}")] if variables else []),
        *steps,
        *copied,
        Command(("databricks", "jobs", "submit"), [("--json", json.dumps(job))]),
    ]


def _staged(order: Order, path: str, copy: tuple[str, ...], scheme: str = "") -> tuple[str, list[Step]]:
    """Where a file is for the cluster, and what brings it there."""
    if path.startswith(("s3://", _VOLUME)):
        return path, []
    target = f"{order.staging.rstrip('/')}/{os.path.basename(path)}"
    return target, [Command((*copy, path, f"{scheme}{target}"))]


def _kept_back(order: Order, why: str) -> list[Step]:
    names = secrets_of(order.run)
    return [Note(f"{', '.join(names)}: not handed on; {why}")] if names else []


def _check(order: Order, start: str, staging: str, cluster: str, what: str, ending: str) -> None:
    if not order.archive.endswith(ending):
        raise order.needed(f"{what} of `make package`", "--archive", f"dist/rephrase-….{ending.lstrip('.')}")
    if not order.staging.startswith(start):
        raise order.needed("a place for files that the cluster reads", "--staging", staging)
    if not order.cluster:
        raise order.needed("the cluster's id", "--cluster", cluster)
    if order.image:
        raise UserError("only Kubernetes takes an image", where="--image", cure="leave it out")
