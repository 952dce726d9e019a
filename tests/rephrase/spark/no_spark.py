"""A session for what must end without Spark."""

from __future__ import annotations

from typing import Any

from rephrase.config.run import Spark
from rephrase.spark.runtime.session import LazySession


class NoSpark(LazySession):
    """Fails a test that starts Spark where there is nothing for it to do."""

    def __init__(self) -> None:
        super().__init__(Spark())

    def get(self) -> Any:
        raise AssertionError("Spark was started")
