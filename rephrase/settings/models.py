"""Classifiers named in a config."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rephrase.settings.paths import FastTextModel
from rephrase.settings.section import Section


class Models(Section):
    """fastText classifiers, and how their scores become one."""

    models: list[FastTextModel] = Field(min_length=1)
    """Paths or `s3://` URLs."""
    combine: Literal["max", "mean"] = "max"
    of: Literal["bucket", "score"] = "bucket"
    """`bucket`: the twentieth of a corpus that the text falls into, from 0 to 19, 19 the best. Models whose scores spread differently
    then weigh alike. The corpus is that of `classifier calibrate --keep-rate`. `score`: the probability, from 0 to 1."""


ONE_MODEL = {"type": "string", "pattern": r"\S"}
"""What `as_models` takes instead, as JSON schema."""


def as_models(value: Any) -> Any:
    """One path as the settings of a single model; for `BeforeValidator`."""
    return {"models": [value], "of": "score"} if isinstance(value, str) else value
