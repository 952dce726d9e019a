"""Held-out documents by domain: read, tokenised as the mixture is, and looked for in what is trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers import RawDocument, ReadError, read_documents
from rephrase.readers.settings import Input
from rephrase.records import content_id
from rephrase.settings.validation import validate
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WINDOW = 32  # tokens that have to be alike; two texts that were written apart seldom share so many
_SHARE = 0.5  # of a document's windows: so much of it in the mixture is the document in the mixture
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no power of it is 0


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The documents of a domain: their places in the file, their tokens without any end of document, and their bytes as UTF-8."""

    name: str
    path: str
    places: tuple[str, ...]
    tokens: tuple[NDArray[np.int64], ...]
    bytes: tuple[int, ...]

    @property
    def digest(self) -> str:
        """Names the documents by their tokens."""
        return content_id(self.name, *(tokens.tobytes().hex() for tokens in self.tokens))

    def without(self, numbers: Iterable[int]) -> HeldOut:
        """The same without some documents."""
        kept = sorted(set(range(len(self.tokens))) - set(numbers))
        return replace(
            self,
            places=tuple(self.places[number] for number in kept),
            tokens=tuple(self.tokens[number] for number in kept),
            bytes=tuple(self.bytes[number] for number in kept),
        )


def read_held_out(name: str, path: str, tokenizer: Tokenizer, most_tokens: int, text_field: str = "text") -> HeldOut:
    """The first documents of a file, folder or glob, in any format that the shard stage reads, up to so many tokens.

    Raises `UserError` where a part cannot be read, or there is no document.
    """
    config: Input = validate(Input, {"paths": [path], "fields": {"text": text_field}, "min_characters": 1}, f"--held-out {name}")
    places, tokens, sizes, total = [], [], [], 0
    for document in _documents(path, config):
        place, text = document
        [encoded] = tokenizer.encode([text])
        if not len(encoded):
            continue
        places.append(place)
        tokens.append(encoded.astype(np.int64))
        sizes.append(len(text.encode()))
        total += len(encoded)
        if total >= most_tokens:
            break
    if not tokens:
        raise UserError("there is no held-out document here", where=path, cure='each line is {"text": …}; --text names another field')
    return HeldOut(name, path, tuple(places), tuple(tokens), tuple(sizes))


def _documents(path: str, config: Input) -> Iterable[tuple[str, str]]:
    for file in storage.expand(path):
        for item in read_documents(file, config):
            if isinstance(item, ReadError):
                cure = "mend it or take it out: held-out figures are of whole sets"
                raise UserError(item.reason, where=f"{item.file}, {item.unit} {item.offset}", cure=cure)
            if isinstance(item, RawDocument):
                yield f"{file.path}, {item.unit} {item.offset}", item.text


def overlaps(held_out: Sequence[HeldOut], streams: Iterable[NDArray[np.int64]]) -> list[list[int]]:
    """For each set, the numbers of the documents of which at least half stands in the streams of tokens that are trained on.

    What is looked for are runs of 32 tokens, one after the other, anywhere in a stream. Shorter documents are looked for whole; those of
    fewer than 16 tokens are not looked for, as they may be alike by chance.
    """
    by_length: dict[int, list[tuple[int, int, NDArray[np.uint64]]]] = {}
    for number, held in enumerate(held_out):
        for index, tokens in enumerate(held.tokens):
            length = min(len(tokens), _WINDOW)
            if length >= _WINDOW // 2:  # fewer tokens may be alike by chance
                by_length.setdefault(length, []).append((number, index, _hashes(tokens, length)[::length]))
    wanted = {length: np.unique(np.concatenate([hashes for _, _, hashes in several])) for length, several in by_length.items()}
    there = {length: np.zeros(len(hashes), np.bool_) for length, hashes in wanted.items()}
    for stream in streams:
        for length, hashes in wanted.items():
            there[length] |= np.isin(hashes, _hashes(stream, length))
    inside: list[list[int]] = [[] for _ in held_out]
    for length, several in by_length.items():
        for number, index, hashes in several:
            if there[length][np.searchsorted(wanted[length], hashes)].mean() >= _SHARE:
                inside[number].append(index)
    return [sorted(numbers) for numbers in inside]


def _hashes(tokens: NDArray[np.int64], length: int) -> NDArray[np.uint64]:
    """A hash of each run of so many tokens. Shape: (tokens - length + 1,), or (0,) where there are fewer."""
    count = max(0, len(tokens) - length + 1)
    result = np.zeros(count, np.uint64)
    values = tokens.astype(np.uint64) + np.uint64(1)
    values = (values * _FACTOR) ^ (values >> np.uint64(7))
    for offset in range(length if count else 0):
        result = result * _FACTOR + values[offset : offset + count]
    return result
