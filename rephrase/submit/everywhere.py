"""All targets by the names that `--to` takes."""

from __future__ import annotations

from collections.abc import Callable

from rephrase.submit.command import Step
from rephrase.submit.order import Order
from rephrase.submit.targets.clouds import databricks, emr
from rephrase.submit.targets.kubernetes import kubernetes
from rephrase.submit.targets.spark_submit import standalone, yarn

TARGETS: dict[str, Callable[[Order], list[Step]]] = {
    "standalone": standalone,
    "k8s": kubernetes,
    "yarn": yarn,
    "emr": emr,
    "databricks": databricks,
}
