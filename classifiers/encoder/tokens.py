"""Texts as batches of tokens of like length, and what networks gave as outputs of the texts again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifiers.encoder.network import Tokens

_CHARACTERS_A_TOKEN = 32  # of a text so many are read for each token that it may have: far more than any text's tokens have


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a text as a network takes it."""

    text: int
    """Which of the texts."""
    ids: Sequence[int]
    segments: Sequence[int]


def windows_of(tokenizer: Any, texts: Sequence[str], tokens: int, windows: int) -> list[Window]:
    """The first stretches of each text. `tokenizer`: of the library `tokenizers`, which cuts at so many `tokens`."""
    most = tokens * windows * _CHARACTERS_A_TOKEN
    encodings = tokenizer.encode_batch([text[:most] for text in texts])
    parts = ((number, part) for number, encoding in enumerate(encodings) for part in [encoding, *encoding.overflowing][:windows])
    return [Window(number, part.ids, part.type_ids) for number, part in parts]


def batches(windows: Sequence[Window], most: int, padded_tokens: int) -> Iterator[list[int]]:
    """Indices of the windows in the order of their length, the longest first: what does not fit into memory says so at once.

    A batch has `most` of them at most, and fewer where their tokens, with the padding, would be more than `padded_tokens`.
    """
    order = sorted(range(len(windows)), key=lambda index: -len(windows[index].ids))
    while order:
        size = max(min(most, padded_tokens // max(len(windows[order[0]].ids), 1)), 1)
        yield order[:size]
        order = order[size:]


def padded(windows: Sequence[Window], pad_id: int) -> tuple[Tokens, Tokens, Tokens]:
    """Ids, mask and segments of a batch, each of shape (windows, tokens of the longest)."""
    shape = (len(windows), max(len(window.ids) for window in windows))
    ids, mask, segments = np.full(shape, pad_id, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, window in enumerate(windows):
        size = len(window.ids)
        ids[row, :size], mask[row, :size], segments[row, :size] = window.ids, 1, window.segments
    return ids, mask, segments
