"""Encoder classifiers (Devlin et al. 2018, arXiv 1810.04805), applied to batches of texts."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.encoder.device import CPU, device
from classifiers.encoder.folder import TOKENIZER, EncoderFolder, encoder_files, encoder_folder
from classifiers.encoder.network import Network, load_network
from classifiers.encoder.tokens import batches, padded, windows_of
from rephrase.errors import UserError
from rephrase.settings.encoders import EncoderOptions
from rephrase.text.embeddings import clean
from rephrase.text.panics import panics_as_errors

_TEXTS = 4096  # tokenised at a time
_PADDED_TOKENS = {True: 16_384, False: 131_072}  # of a batch, on the CPU and on a GPU: more is no faster, and costs memory

Scores = npt.NDArray[np.float64]


class EncoderModel:
    """An encoder with the options by which it reads texts. Made by `load_encoder`."""

    def __init__(self, folder: EncoderFolder, network: Network, tokenizer: Any, options: EncoderOptions, *, on_cpu: bool) -> None:
        self._folder, self._network, self._tokenizer, self._options = folder, network, tokenizer, options
        self._padded_tokens = _PADDED_TOKENS[on_cpu]
        self.max_tokens = _bounded(options, folder)
        """What is read of a text in one stretch."""
        self.label_names = list(folder.labels)
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True  # text is only ever text: `[SEP]` in a page is no end of it
        tokenizer.enable_truncation(self.max_tokens)

    def scores(self, texts: Sequence[str | None]) -> Scores:
        """The probability of the options' label, or the number that a model with one output gives; NaN for None and blank texts.

        Raises `UserError` where the model has several labels and the options name none of them.
        """
        column = self._column()
        return self.outputs(texts)[:, column]

    def labels(self, texts: Sequence[str | None]) -> tuple[list[str | None], Scores]:
        """The likeliest label of each text, and its probability; None and NaN for None and blank texts.

        Raises `UserError` for a model that gives a number.
        """
        if len(self.label_names) == 1:
            raise UserError("the encoder gives a number, and no labels", where=self._folder.name, cure="name it under `scores`")
        outputs = self.outputs(texts)
        scored = ~np.isnan(outputs[:, 0])
        best = np.argmax(np.where(scored[:, None], outputs, 0), axis=1)
        names = [self.label_names[place] if is_scored else None for place, is_scored in zip(best, scored, strict=True)]
        return names, np.where(scored, outputs[np.arange(len(best)), best], np.nan)

    def outputs(self, texts: Sequence[str | None]) -> Scores:
        """Scores of all labels. Shape (texts, labels); rows of None and blank texts are NaN."""
        outputs = np.full((len(texts), len(self.label_names)), np.nan)
        rows = [row for row, text in enumerate(texts) if text and not text.isspace()]
        for at in range(0, len(rows), _TEXTS):
            part = rows[at : at + _TEXTS]
            outputs[part] = self._of_texts([clean(texts[row] or "") for row in part])
        return outputs

    @panics_as_errors()
    def _of_texts(self, texts: Sequence[str]) -> Scores:
        windows = windows_of(self._tokenizer, texts, self.max_tokens, self._options.windows)
        sums, weights = np.zeros((len(texts), len(self.label_names))), np.zeros(len(texts))
        for indices in batches(windows, self._options.batch, self._padded_tokens):
            batch = [windows[index] for index in indices]
            scores = _activated(self._network(*padded(batch, self._folder.pad_id)).astype(np.float64), self._folder.activation)
            for window, row in zip(batch, scores, strict=True):
                sums[window.text] += row * len(window.ids)
                weights[window.text] += len(window.ids)
        means: Scores = sums / weights[:, None]
        return means

    def _column(self) -> int:
        label, names = self._options.label, self.label_names
        if label is None and len(names) == 1:
            return 0
        if label not in names:
            listing = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
            what = f"the encoder has no label `{label}`" if label else f"the encoder has {len(names)} labels"
            raise UserError(what, where=self._folder.name, cure=f"set `label` to one of {listing}")
        return names.index(label)


def load_encoder(name: str, options: EncoderOptions | None = None) -> EncoderModel:
    """The encoder of a folder or hub id: loaded once a process and device, whatever the options. A folder that has changed is loaded again.

    Raises `UserError` where there is none, it does not load, or a package is missing.
    """
    return _with_options(name, options or EncoderOptions(), device(), encoder_files(name))


def _bounded(options: EncoderOptions, folder: EncoderFolder) -> int:
    if options.max_tokens and options.max_tokens > folder.max_tokens:
        cure = f"set at most {folder.max_tokens}, and `windows` to read more of a text"
        raise UserError(f"`max_tokens` is {options.max_tokens}, and the encoder takes {folder.max_tokens}", where=folder.name, cure=cure)
    return options.max_tokens or folder.max_tokens


@functools.lru_cache(maxsize=8)
def _with_options(name: str, options: EncoderOptions, device: str, files: tuple[tuple[str, int, int], ...]) -> EncoderModel:
    from tokenizers import Tokenizer

    folder, network = _loaded(name, options.revision, device, files)
    tokenizer = Tokenizer.from_file(os.path.join(folder.path, TOKENIZER))
    return EncoderModel(folder, network, tokenizer, options, on_cpu=device == CPU)


@functools.lru_cache(maxsize=4)
def _loaded(name: str, revision: str | None, device: str, _files: tuple[tuple[str, int, int], ...]) -> tuple[EncoderFolder, Network]:
    folder = encoder_folder(name, revision)
    return folder, load_network(folder, device)


def _activated(outputs: Scores, activation: str) -> Scores:
    if activation == "none":
        return outputs
    if activation == "sigmoid":
        sigmoids: Scores = 1 / (1 + np.exp(-outputs))
        return sigmoids
    exponents = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    shares: Scores = exponents / exponents.sum(axis=1, keepdims=True)
    return shares
