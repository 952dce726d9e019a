"""The mix stage on a Spark cluster of this machine, timed."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any


def cluster(executors: int, cores: int) -> Any:
    from rephrase.config.run import Spark
    from rephrase.spark.runtime.session import LazySession

    return LazySession(Spark(conf={"spark.executor.memory": "2g"}), f"local-cluster[{executors},{cores},2048]")


def mix_again(run: Any, session: Any) -> float:
    """Seconds of the stage, from nothing to its manifest."""
    from rephrase.spark.stages.mix.stage import mix

    shutil.rmtree(Path(run.output) / "mixture", ignore_errors=True)
    start = time.perf_counter()
    mix(run, session)
    return time.perf_counter() - start
