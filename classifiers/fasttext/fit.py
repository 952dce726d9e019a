"""The learner: fastText on labelled texts, with settings that are given or searched for, and the quantised model."""

from __future__ import annotations

import os
from typing import Any

from classifiers.fasttext.labels import LabelledTexts
from classifiers.fasttext.model import POSITIVE, FastTextModel, as_label
from classifiers.fasttext.settings import TrainSettings
from rephrase.errors import UserError
from rephrase.records import content_id

_MAX_BUCKETS = 2_000_000
_NAMES = {  # settings that autotune may choose, by fastText's names
    "learning_rate": "lr",
    "dim": "dim",
    "epoch": "epoch",
    "min_count": "minCount",
    "word_ngrams": "wordNgrams",
    "window": "ws",
    "loss": "loss",
}
_CHOSEN = ("lr", "dim", "epoch", "wordNgrams", "minn", "maxn", "minCount")  # what autotune searches


def fit(data: LabelledTexts, rows: list[int], settings: TrainSettings, folder: str) -> tuple[FastTextModel, int, dict[str, float] | None]:
    """A model of these rows of the data, its hash buckets, and what autotune chose (fastText's names; None where it was not asked).

    With `settings.autotune`, a share `settings.hold_out` of the rows is kept from training for the search. Nothing else would leave the
    hold-out unseen, on which the card's numbers are measured. `folder` takes files of passage. Raises `UserError` where fastText cannot
    train.
    """
    import fasttext

    rows, tuning = _for_tuning(data, rows, settings) if settings.autotune else (rows, [])
    path = _write(data, rows, os.path.join(folder, "train.txt"))
    # Few texts have few n-grams: buckets beyond twice their number would only make the model large. Autotune tries those of characters too.
    n_words = sum(data.texts[row].count(" ") + 1 for row in rows)
    grams = 2 * sum(len(data.texts[row]) for row in rows) if settings.autotune else n_words * max(settings.word_ngrams - 1, 1)
    buckets = settings.buckets or min(_MAX_BUCKETS, 2 * grams)
    free = set(_NAMES) - settings.model_fields_set if settings.autotune else set()  # fastText tunes what it is not given
    options: dict[str, Any] = {name: getattr(settings, ours) for ours, name in _NAMES.items() if ours not in free}
    options |= {"bucket": buckets, "thread": settings.threads, "seed": settings.seed, "verbose": 0}
    if settings.autotune:
        options["autotuneValidationFile"] = _write(data, tuning, os.path.join(folder, "tune.txt"))
        options["autotuneDuration"] = settings.autotune
        options["autotuneMetric"] = "f1" if data.is_of_many else f"f1:{POSITIVE}"
    try:
        model = fasttext.train_supervised(path, **options)
    except (ValueError, RuntimeError, MemoryError) as error:
        cure = "lower the learning rate, min_count or buckets" + (", or search longer" if settings.autotune else "")
        raise UserError(f"fastText cannot train: {error}", where="settings", cure=cure) from error
    arguments = model.f.getArgs()
    tuned = {name: getattr(arguments, name) for name in _CHOSEN} if settings.autotune else None
    return FastTextModel(model, "the trained model"), int(arguments.bucket) if tuned else buckets, tuned


def file_bytes(model: FastTextModel, folder: str) -> bytes:
    """The model as the bytes of a file."""
    path = os.path.join(folder, "model.bin")
    model.save(path)
    with open(path, "rb") as file:
        return file.read()


def _for_tuning(data: LabelledTexts, rows: list[int], settings: TrainSettings) -> tuple[list[int], list[int]]:
    """The rows without those for the search, and these: the same share of each class, fixed by the texts and the seed."""
    tuning: set[int] = set()
    for name in dict.fromkeys(data.classes[row] for row in rows):
        own = sorted(
            (row for row in rows if data.classes[row] == name), key=lambda i: content_id("tune", str(settings.seed), data.texts[i])
        )
        if len(own) < 2:
            cure = "give more labels, or leave autotune out"
            raise UserError("autotune needs two training rows of each class", where="autotune", cure=cure)
        tuning.update(own[: min(max(round(len(own) * settings.hold_out), 1), len(own) - 1)])
    return [row for row in rows if row not in tuning], sorted(tuning)


def _write(data: LabelledTexts, rows: list[int], path: str) -> str:
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{as_label(data.classes[row])} {data.texts[row]}\n" for row in rows)
    return path
