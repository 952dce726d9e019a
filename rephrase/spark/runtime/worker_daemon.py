"""Spark's Python daemon, which forks the workers of an executor, with four differences from Spark's own.

- The run's fastText models are loaded before it forks, so that the workers share their memory.
- What every stage imports is imported before it forks, and not from Spark's zip files where the same packages are installed: a zipped
  module is compiled at each start, and its directory read anew before each task.
- A worker collects garbage after each task, which would walk all modules. What is there at its first task's end is left out of that.
- A worker whose executor has hung up, as it does when a task is cancelled, ends without a traceback.

For short tasks the first three are most of their time. Spark starts it as `spark.python.daemon.module`; the models come in the environment
variable REPHRASE_MODELS, a JSON list of paths.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import json
import os
import sys
import traceback
import zipfile
from importlib.machinery import PathFinder
from pathlib import Path

from rephrase.spark.runtime.pyspark_internals import daemon_with_hooks

MODELS = "REPHRASE_MODELS"
_PRELOADED = [
    "pandas",
    "pyarrow.compute",
    "pyarrow.parquet",
    "rephrase.spark.runtime.units",
]  # pandas, as Spark and pyarrow import it by themselves


def leave_zips() -> None:
    """Take Spark's zip files off the module path where the same version of their package is installed beside them."""
    others = [path for path in sys.path if not path.endswith(".zip")]
    for path in [path for path in sys.path if path.endswith(".zip")]:
        package = Path(path).name.removesuffix(".zip").split("-")[0]
        spec = PathFinder.find_spec(package, others)
        with contextlib.suppress(OSError, KeyError):
            if spec and spec.origin and _version(Path(path), package) == Path(spec.origin).with_name("version.py").read_bytes():
                sys.path.remove(path)
                sys.path_importer_cache.pop(path, None)


def _version(path: Path, package: str) -> bytes:
    with zipfile.ZipFile(path) as file:
        return file.read(f"{package}/version.py")


def preload() -> None:
    """Load the models, and have S3's calls wait for it from the first one on.

    A model that does not load, or whose store forbids it here, is left to the task that needs it: errors reach the user.
    """
    from classifiers.fasttext.model import load_model
    from rephrase import storage
    from rephrase.errors import UserError
    from rephrase.storage.s3_patience import expect_answers

    expect_answers()  # the driver has had them
    for path in json.loads(os.environ.get(MODELS, "[]")):
        with contextlib.suppress(UserError, OSError):
            if storage.store_of(path).survives_fork:
                load_model(path)
    gc.freeze()  # the collector would write into what is shared


def _print_error() -> None:
    """Print what ends a worker, unless that is an executor that has hung up: before the worker's first byte, or before its last."""
    if not isinstance(sys.exception(), ConnectionError):  # a task's own errors do not come here: its executor has them
        traceback.print_exc()


def main() -> None:
    """Serve the executor until it ends."""
    leave_zips()
    tasks = itertools.count()

    def after_task() -> None:
        if next(tasks) == 0:
            gc.collect()
            gc.freeze()

    serve = daemon_with_hooks(after_task, _print_error)
    for name in _PRELOADED:
        importlib.import_module(name)
    preload()
    serve()


if __name__ == "__main__":
    main()
