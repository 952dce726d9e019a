"""Classifiers named in a config."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo

from rephrase.settings.encoders import Encoder
from rephrase.settings.paths import FastTextModel
from rephrase.settings.section import Section
from rephrase.settings.validation import nested


class Models(Section):
    """fastText classifiers, and how their scores become one."""

    models: list[FastTextModel] = Field(min_length=1)
    """Paths or `s3://` URLs."""
    combine: Literal["max", "mean"] = "max"
    of: Literal["bucket", "score"] = "bucket"
    """`bucket`: the twentieth of a corpus that the text falls into, from 0 to 19, 19 the best. Models whose scores spread differently
    then weigh alike. The corpus is that of `classifier calibrate --keep-rate`. `score`: the probability, from 0 to 1."""


Scorer = Models | Encoder
"""What gives a score of a text."""

ONE_MODEL = {"type": "string", "pattern": r"\S"}
"""What `as_scorer` takes instead, as JSON schema."""


def as_scorer(value: Any, info: ValidationInfo) -> Any:
    """One path as the settings of a single fastText model, keys with `encoder` among them as those of an encoder; for `BeforeValidator`."""
    if isinstance(value, str):
        value = {"models": [value], "of": "score"}
    if not isinstance(value, dict):
        return value
    section = Encoder if "encoder" in value else Models
    try:
        return section.model_validate(value, context=info.context)
    except ValidationError as failure:
        raise nested(failure, section) from None
