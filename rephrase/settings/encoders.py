"""Encoder classifiers named in a config: sequence-classification models of Hugging Face transformers."""

from __future__ import annotations

from pydantic import Field

from rephrase.settings.paths import EncoderModel
from rephrase.settings.section import Section

SCHEDULING = ("batch",)
"""Settings that change how fast an encoder is, and not what it gives."""


class EncoderReading(Section):
    """What an encoder reads of a text."""

    max_tokens: int | None = Field(default=None, ge=8)
    """Longer texts are read to here. Default: as many as the model was made for, 512 in most; more cannot be set."""
    windows: int = Field(default=1, ge=1)
    """So many stretches of `max_tokens`, one after the other from the beginning, are read of a long text; its score is their mean, each
    weighing as many tokens as it has."""
    batch: int = Field(default=256, ge=1)
    """Texts that go through the model at once, at most; fewer where they are long."""
    revision: str | None = None
    """Of a hub id: a branch, a tag or a commit."""


class EncoderOptions(EncoderReading):
    """What an encoder reads of a text, and what becomes its score."""

    label: str | None = None
    """The label whose probability is the score, by its name in the model's config.json. A model with a single output, as FineWeb-Edu's,
    needs none: its score is that number as it is."""


class Encoder(EncoderOptions):
    """An encoder classifier."""

    encoder: EncoderModel
    """A folder at the same path on all machines, or a hub id."""
