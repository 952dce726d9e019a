"""Entities by GLiNER (Zaratiana et al. 2024, arXiv 2311.08526), for any kinds. Nothing else imports it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from classifiers.entities.spans import Recognised, pieces
from rephrase.errors import UserError

_PIECE = 192  # words: some encoders have 512 places, which hold fewer of the words of some languages than models say they read
_TOGETHER = 16  # pieces that the model takes at a time


class ByGliner:
    """Recognises what the kinds name, each in its own words, on the CPU.

    A model reads as many words as it was made for, 384 as a rule, and drops the rest: longer texts are read in pieces.
    """

    def __init__(self, folder: str, kinds: Sequence[str], min_score: float) -> None:
        self._model = _model(folder)
        self._kinds, self._min_score = list(kinds), min_score

    def __call__(self, texts: Sequence[str]) -> list[list[Recognised]]:
        """The spans of each text."""
        splitter, most = self._model.data_processor.words_splitter, min(self._model.config.max_len, _PIECE)
        parts = [
            (number, start, end)
            for number, text in enumerate(texts)
            for start, end in pieces(text, [(first, last) for _, first, last in splitter(text)], most)
        ]
        parts.sort(key=lambda part: part[1] - part[2])  # a batch is as long as its longest
        spans: list[list[Recognised]] = [[] for _ in texts]
        if not parts:  # it takes no empty list
            return spans
        results = self._model.inference(
            [texts[number][start:end] for number, start, end in parts],
            self._kinds,
            threshold=self._min_score,
            batch_size=_TOGETHER,
        )
        for (number, at, _), result in zip(parts, results, strict=True):
            spans[number] += [Recognised(at + one["start"], at + one["end"], one["label"], one["score"]) for one in result]
        return spans


def _model(folder: str) -> Any:
    from gliner import GLiNER

    _refuse_code(folder)
    logging.getLogger("gliner").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return GLiNER.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # each broken file fails in its own way
        cure = "give the folder of a GLiNER model: gliner_config.json, its weights and its tokenizer"
        raise UserError(f"GLiNER cannot load the model: {error}", where=folder, cure=cure) from error


def _refuse_code(folder: str) -> None:
    """Raise a `UserError` where the model is Python code beside its weights: GLiNER would run it unasked."""
    for path in sorted(Path(folder).rglob("*.json")):
        try:
            config = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            continue  # GLiNER tells what it cannot read
        if _names_code(config):
            what = "the model names Python code that lies beside it (`auto_map`), which is never run"
            raise UserError(what, where=str(path), cure="take a model of an architecture that transformers has itself")


def _names_code(value: Any) -> bool:
    if isinstance(value, dict):
        return "auto_map" in value or any(map(_names_code, value.values()))
    return isinstance(value, list) and any(map(_names_code, value))
