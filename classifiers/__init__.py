"""What judges text: fastText models (trained and applied here) and the cascade of checks of the filter stage.

    judge          a verdict and scores for what `rephrase.rewrite` wrote, as an Arrow table
    build_cascade  the checks that a config lists, as one object: `Cascade`
    Check          the base of a check of your own; it scores and decides on a `JudgeBatch`
    train          a fastText classifier from labels, with a measured threshold, by `TrainSettings`
    load_model     such a classifier, to score texts with

Nothing of it is imported before it is asked for.
"""

from typing import TYPE_CHECKING

from rephrase.lazy import attach

if TYPE_CHECKING:
    from classifiers.batch import Check, JudgeBatch
    from classifiers.cascade import Cascade, build_cascade
    from classifiers.fasttext.model import load_model
    from classifiers.fasttext.settings import TrainSettings
    from classifiers.fasttext.train import train
    from classifiers.judging import judge

__all__ = ["Cascade", "Check", "JudgeBatch", "TrainSettings", "build_cascade", "judge", "load_model", "train"]

_HOMES = {
    "Cascade": "classifiers.cascade",
    "Check": "classifiers.batch",
    "JudgeBatch": "classifiers.batch",
    "TrainSettings": "classifiers.fasttext.settings",
    "build_cascade": "classifiers.cascade",
    "judge": "classifiers.judging",
    "load_model": "classifiers.fasttext.model",
    "train": "classifiers.fasttext.train",
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = attach(__name__, _HOMES)
