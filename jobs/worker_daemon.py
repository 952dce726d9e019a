"""Spark's Python daemon, with the run's fastText models loaded before it forks: the workers of an executor share their memory.

Spark starts it as `spark.python.daemon.module`; the models come in the environment variable REPHRASE_MODELS, a JSON list of paths.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os

from classifiers.fasttext_model import load_model
from rephrase.errors import UserError

MODELS = "REPHRASE_MODELS"


def preload() -> None:
    """Load the models. One that does not load is left to the task that needs it, whose error reaches the user."""
    for path in json.loads(os.environ.get(MODELS, "[]")):
        with contextlib.suppress(UserError, OSError):
            load_model(path)
    gc.freeze()  # the collector would write into what is shared


if __name__ == "__main__":
    from pyspark.daemon import manager

    preload()
    manager()
