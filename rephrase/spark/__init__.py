"""The Spark side: stages over a runtime, and the same work on DataFrames of the user's own.

    run      the whole pipeline of a run.yaml
    rewrite  a column of texts by a recipe and an engine
    judge    a verdict and scores for what was rewritten
    mix      originals and what was kept, by token shares and shuffled

Nothing of it, nor pyspark itself, is imported before it is asked for.
"""

from typing import TYPE_CHECKING

from rephrase.lazy import attach

if TYPE_CHECKING:
    from rephrase.spark.frames.judge import judge
    from rephrase.spark.frames.mix import mix
    from rephrase.spark.frames.rewrite import rewrite
    from rephrase.spark.whole_run import run

__all__ = ["judge", "mix", "rewrite", "run"]

_HOMES = {
    "judge": "rephrase.spark.frames.judge",
    "mix": "rephrase.spark.frames.mix",
    "rewrite": "rephrase.spark.frames.rewrite",
    "run": "rephrase.spark.whole_run",
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = attach(__name__, _HOMES)
