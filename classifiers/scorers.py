"""What gives a score or a label of a text by its settings: fastText models, or an encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from classifiers.batch import Scores
from classifiers.encoder.model import EncoderModel, load_encoder
from classifiers.fasttext.combined import Combined
from classifiers.fasttext.model import FastTextModel, load_model
from rephrase.settings.encoders import Encoder, EncoderOptions, EncoderReading
from rephrase.settings.labels import TextLabel
from rephrase.settings.models import Scorer


def scorer(settings: Scorer) -> Callable[[Sequence[str | None]], Scores]:
    """A function from texts to scores, NaN where a text has none. Models are loaded when it is first called, once a process.

    Raises `UserError` like `Combined`; the function raises it where a model does not load.
    """
    if isinstance(settings, Encoder):
        return lambda texts: load_encoder(settings.encoder, settings).scores(texts)
    return Combined(settings).scores


def label_model(settings: TextLabel) -> FastTextModel | EncoderModel:
    """What gives a label of a text, loaded once a process. Raises `UserError` where it does not load."""
    if settings.encoder is not None:
        return load_encoder(settings.encoder, EncoderOptions(**settings.model_dump(include=set(EncoderReading.model_fields))))
    assert settings.model is not None, "a label of a text is given by one of the two"
    return load_model(settings.model)
