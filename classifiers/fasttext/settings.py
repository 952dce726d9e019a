"""Settings of the training, evaluation and calibration of fastText classifiers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rephrase.settings.section import Section


class DataSettings(Section):
    """Which fields of labelled rows hold what."""

    text_field: str = "text"
    """The JSON field of the text; a dot goes into an object."""
    label_field: str = "label"
    """The JSON field of the label: a string, a number or a boolean."""
    positive: str | None = None
    """The label of good texts, or a bound on numeric labels such as `>=3`. Default: 1, true, good, hq, high, positive, yes or keep."""


class TrainSettings(DataSettings):
    """How a classifier is trained and where its threshold goes.

    The defaults of the learner are those of DCLM's quality classifier (Li et al. 2024, arXiv 2406.11794): fastText's own
    with 2-grams of words.

    >>> TrainSettings(keep_rate=0.1, epoch=25).word_ngrams
    2
    """

    balance: bool = False
    """Train on equally many rows of both classes (DCLM: about 200,000 each) by leaving out rows of the larger."""
    hold_out: float = Field(default=0.1, gt=0, lt=1)
    """The share of each class that is kept from training and measured on."""
    keep_rate: float | None = Field(default=None, gt=0, le=1)
    """Put the threshold where this share of the texts is kept (DCLM keeps a tenth of the raw web)."""
    precision: float | None = Field(default=None, gt=0, le=1)
    """Put the threshold where at least this share of the kept texts is good, and as many as possible are kept."""
    learning_rate: float = Field(default=0.1, gt=0)
    dim: int = Field(default=100, ge=1)
    window: int = Field(default=5, ge=1)
    epoch: int = Field(default=5, ge=1)
    min_count: int = Field(default=1, ge=1)
    word_ngrams: int = Field(default=2, ge=1)
    loss: Literal["softmax", "ns", "hs", "ova"] = "softmax"
    buckets: int | None = Field(default=None, ge=1)
    """Hash buckets of the n-grams; a model takes 4 * dim bytes for each. Default: fastText's 2,000,000, or twice the
    words of the training texts where these are fewer."""
    threads: int = Field(default=1, ge=1)
    """More than one is faster, but fastText then gives another model each time."""
    seed: int = 0
    autotune: int | None = Field(default=None, ge=1)
    """Seconds for which fastText searches for better settings of the learner than its defaults, on a share of the training rows as large
    as the hold-out; settings that are given stay as they are. The search is bounded by time, so that it gives another model each time."""
    quantise: bool = False
    """Also write a quantised model (product quantisation; Joulin et al. 2016, arXiv 1612.03651), several times smaller, as `.ftz`."""

    @model_validator(mode="after")
    def _one_rule(self) -> TrainSettings:
        if self.keep_rate is not None and self.precision is not None:
            raise ValueError("`keep_rate` and `precision` both set the threshold; give one of them")
        return self


class EvaluateSettings(DataSettings):
    """How a model is evaluated."""

    label: str | None = None
    """The fastText label whose probability is the score. Default: that of the card, or `__label__good`."""
    threshold: float | None = Field(default=None, ge=0, le=1)
    """What counts as wrong in the examples. Default: the card's, or 0.5."""


class CalibrateSettings(DataSettings):
    """Where a new threshold of a model goes: exactly one of `keep_rate` and `precision` says so."""

    keep_rate: float | None = Field(default=None, gt=0, le=1)
    """Keep this share of unlabelled texts."""
    precision: float | None = Field(default=None, gt=0, le=1)
    """Keep as many of the labelled texts as possible while at least this share of the kept is good."""
    per_source: bool = False
    """One threshold for each source, beside the one of all texts."""
    source_field: str = "source"
    min_texts: int = Field(default=50, ge=1)
    """Sources with fewer texts get no threshold of their own: the one of all texts stands for them."""

    @model_validator(mode="after")
    def _one_rule(self) -> CalibrateSettings:
        if (self.keep_rate is None) == (self.precision is None):
            raise ValueError("give exactly one of `keep_rate` and `precision`")
        return self
