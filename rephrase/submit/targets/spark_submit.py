"""Standalone clusters and YARN: spark-submit on this machine, with the archive of the environment."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from rephrase.errors import UserError
from rephrase.submit.command import Command, Note, Step, Word, conf
from rephrase.submit.order import Order, plain_variables, secrets_of
from rephrase.submit.shipped import shipped
from rephrase.submit.spark_settings import for_standalone, settings_for

PYTHON = "./environment/bin/python"
"""Of an executor that has unpacked the archive."""
_LESS_TALK = {"spark.log.level": "WARN"}  # the driver's lines stand among those of the run
_ARCHIVE = "dist/rephrase-….tar.gz"


def spark_home() -> Path:
    """The Spark whose spark-submit is used: SPARK_HOME, or that in the package pyspark. Raises `UserError` where it has no jars."""
    if home := os.environ.get("SPARK_HOME"):
        place, where = Path(home), "SPARK_HOME"
    else:
        spec = find_spec("pyspark")
        place, where = Path(spec.origin or "").parent if spec else Path(), "pyspark"
    if not any((place / "jars").glob("spark-core_*.jar")):
        raise UserError(f"there is no Spark in {place}", where=where, cure="set SPARK_HOME to a Spark of the cluster's version")
    return place


def standalone(order: Order) -> list[Step]:
    """Commands for a standalone cluster. Its driver runs here: Spark refuses to run one in Python on a worker."""
    if order.cluster_mode:
        cure = "leave --deploy-mode out: the driver runs where the command does; or use yarn or k8s"
        raise UserError("Spark runs no Python driver on a standalone cluster", where="--deploy-mode cluster", cure=cure)
    _check(order, "spark://", "spark://head:7077")
    return [_driven_here(order, order.master, for_standalone(order))]


def yarn(order: Order) -> list[Step]:
    """Commands for YARN, whose driver runs here or, in cluster mode, on the cluster."""
    _check(order, "", "")
    if not order.cluster_mode:
        return [_driven_here(order, "yarn", settings_for(order))]
    why = "is not handed on: the driver's machine needs it, or a role instead"
    notes: list[Step] = [Note(f"{name} {why}") for name in secrets_of(order.run)]
    config = os.path.basename(order.config)
    options = on_yarn(order, order.archive, f"{order.config}#{config}")
    arguments = (str(shipped(f"jobs/{order.stage}.py")), config, *order.replaced)
    return [*notes, Command((str(spark_home() / "bin" / "spark-submit"),), options, arguments)]


def on_yarn(order: Order, archive: str, config: str) -> list[tuple[Word, ...]]:
    """Options of spark-submit where the driver is a container of YARN, which has archive and config in its folder."""
    settings: dict[str, str] = {
        "spark.yarn.appMasterEnv.PYSPARK_PYTHON": PYTHON,
        "spark.executorEnv.PYSPARK_PYTHON": PYTHON,
        **settings_for(order),
        **order.settings,
    }
    start = [("--master", "yarn"), ("--deploy-mode", "cluster"), ("--archives", f"{archive}#environment"), ("--files", config)]
    return [*start, *(tuple(option) for option in conf(settings))]


def _driven_here(order: Order, master: str, settings: dict[str, str]) -> Command:
    options = [("--master", master), ("--deploy-mode", "client"), ("--archives", f"{order.archive}#environment")]
    handed = [*secrets_of(order.run), *plain_variables()]
    names = [name for name in handed if name not in order.run.spark.executor_env]
    added = ("--set", f"spark.executor_env=[{', '.join([*order.run.spark.executor_env, *names])}]") if names else ()
    alone = ("--set", "spark.master=null") if order.run.spark.master else ()  # the command's master is the one that counts
    return Command(
        (str(spark_home() / "bin" / "spark-submit"),),
        [*options, *(tuple(option) for option in conf({**settings, **_LESS_TALK, **order.settings}))],
        (str(shipped(f"jobs/{order.stage}.py")), order.config, *order.replaced, *added, *alone),
        {"PYSPARK_PYTHON": PYTHON, "PYSPARK_DRIVER_PYTHON": sys.executable},
    )


def _check(order: Order, scheme: str, example: str) -> None:
    if scheme and not order.master.startswith(scheme):
        if order.master:
            cure = f"for example --master {example}"
            raise UserError(f"`{order.master}` is no address of such a cluster", where="--master", cure=cure)
        raise order.needed("the master's address", "--master", example)
    if not order.archive:
        raise order.needed("the archive of the environment, which `make package` makes,", "--archive", _ARCHIVE)
    if order.image:
        raise UserError("only Kubernetes takes an image", where="--image", cure="leave it out")
