"""The settings of infra/spark-defaults.conf, as far as a run and its cluster want them."""

from __future__ import annotations

import re
from pathlib import Path

from rephrase.submit.order import Order
from rephrase.submit.shipped import IN_ARCHIVE, shipped

_GPU = "spark.executor.resource.gpu."
_DISCOVERY = f"{_GPU}discoveryScript"
_PYTHON = "spark.pyspark.python"
_OVERHEAD = "spark.executor.memoryOverhead"
_WITHOUT_ENGINE = "8g"  # ours: Python workers that hold row groups of documents and fastText models, two gigabytes for each of four cores


def read_settings(path: Path) -> dict[str, str]:
    """A file of Spark properties: names and values, without what stands in comments."""
    lines = (re.split(r"\s+#", line.strip(), maxsplit=1)[0].split(maxsplit=1) for line in path.read_text().splitlines())
    return {words[0]: words[1].strip() for words in lines if len(words) == 2 and not words[0].startswith("#")}


def settings_for(order: Order) -> dict[str, str]:
    """The defaults for a cluster whose executors have the order's archive, or an image with the same; without the user's own."""
    settings = read_settings(shipped("infra/spark-defaults.conf"))
    del settings[_PYTHON]  # a variable names it where there is an archive, the image where not
    asks_for_its_own = order.run.rewrite.executor is not None
    if asks_for_its_own:
        settings["spark.dynamicAllocation.enabled"] = "true"
    if not order.holds_devices or asks_for_its_own:
        settings = {name: value for name, value in settings.items() if not name.startswith(_GPU)}
        settings[_OVERHEAD] = _WITHOUT_ENGINE
    elif order.archive:
        settings[_DISCOVERY] = f"{IN_ARCHIVE}/infra/gpu-discovery.sh"
    return settings


def for_standalone(order: Order) -> dict[str, str]:
    """The same where workers say what they have: one executor a worker takes all of its cores, unless GPUs part them."""
    settings = settings_for(order)
    left_out = {"spark.executor.instances", _OVERHEAD, _DISCOVERY, f"{_GPU}vendor"}
    if f"{_GPU}amount" not in settings:
        left_out.add("spark.executor.cores")
    return {name: value for name, value in settings.items() if name not in left_out}
