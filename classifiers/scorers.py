"""What gives a score of a text by its settings: fastText models, or an encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from classifiers.batch import Scores
from classifiers.encoder.model import load_encoder
from classifiers.fasttext.combined import Combined
from rephrase.settings.encoders import Encoder
from rephrase.settings.models import Scorer


def scorer(settings: Scorer) -> Callable[[Sequence[str | None]], Scores]:
    """A function from texts to scores, NaN where a text has none. Models are loaded when it is first called, once a process.

    Raises `UserError` like `Combined`; the function raises it where a model does not load.
    """
    if isinstance(settings, Encoder):
        return lambda texts: load_encoder(settings.encoder, settings).scores(texts)
    return Combined(settings).scores
