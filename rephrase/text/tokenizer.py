"""The tokenizer that counts, and that encodes for exports: shares, passage limits and statistics are in its tokens everywhere."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rephrase.errors import UserError
from rephrase.records import content_id
from rephrase.text.controls import harmless_parts, is_control
from rephrase.text.counting import fast_encoder, fast_starts
from rephrase.text.hub import ask_hub, is_cached
from rephrase.text.panics import panics_as_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray


TOKENIZER_FILE = "tokenizer.json"


class Tokenizer:
    """A Hugging Face tokenizer used on documents. Text is only ever text: `<|endoftext|>` in it is taken letter by letter.

    >>> tokenizer = Tokenizer.load("examples/tokenizer.json")
    >>> tokenizer.count(["The tide rises.", ""])
    [4, 0]
    """

    def __init__(self, inner: Any, name: str) -> None:
        self._inner, self.name = inner, name
        inner.no_truncation()
        inner.no_padding()
        inner.encode_special_tokens = True
        self._encode_fast = fast_encoder(inner)
        unknown = _unknown_id(inner)  # what stands for characters outside the vocabulary is no control token
        added = inner.get_added_tokens_decoder().items()
        self._control_ids = np.array([number for number, token in added if is_control(token) and number != unknown], np.uint32)

    @functools.cached_property
    def _fast_starts(self) -> Callable[[str], list[int] | None] | None:
        return fast_starts(self._inner, self._encode_fast) if self._encode_fast else None

    @staticmethod
    def load(name: str) -> Tokenizer:
        """From a tokenizer.json, a folder that holds one, or a hub id. Loaded once a process. Raises `UserError`."""
        return _load(name)

    # A text that the library does not take raises an Exception, whatever the library does, so that guards of single texts see it.

    @panics_as_errors()
    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text."""
        if self._encode_fast:
            return [len(self._encode_fast(text)) for text in texts]
        # Offsets are not needed to count, and leaving them out makes encoding a quarter faster.
        return [len(encoding) for encoding in self._inner.encode_batch_fast(list(texts), add_special_tokens=False)]

    @panics_as_errors()
    def encode(self, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
        """The token ids of each text, shape (tokens,), without any special tokens; none of them is a control token."""
        if self._encode_fast:
            ids = [np.asarray(self._encode_fast(text), np.uint32) for text in texts]
        else:
            encodings = self._inner.encode_batch_fast(list(texts), add_special_tokens=False)
            ids = [np.array(encoding.ids, np.uint32) for encoding in encodings]
        # Special tokens that are no pieces of the model are safe by now; others, and those that only look like control tokens, are not.
        parts = zip(texts, ids, strict=True)
        return [self._encode_parts(text) if np.isin(tokens, self._control_ids).any() else tokens for text, tokens in parts]

    def _encode_parts(self, text: str) -> NDArray[np.uint32]:
        controls = set(self._control_ids.tolist())
        parts = harmless_parts(lambda part: self._inner.encode(part, add_special_tokens=False), controls, text)
        encoded = self._inner.encode_batch_fast(parts, add_special_tokens=False)
        return np.array([number for encoding in encoded for number in encoding.ids], np.uint32)

    @panics_as_errors()
    def decode(self, tokens: NDArray[np.uint32]) -> str:
        """The text that token ids spell, control tokens by their names."""
        text: str = self._inner.decode(tokens.tolist(), skip_special_tokens=False)
        return text

    def control_id(self, token: str) -> int | None:
        """The id of a control token, one that `encode` never gives; None where there is none of this name."""
        number: int | None = self._inner.token_to_id(token)
        return number if number in self._control_ids else None

    @property
    def vocabulary_size(self) -> int:
        """The largest token id and one, added tokens included."""
        return int(max(self._inner.get_vocab(with_added_tokens=True).values())) + 1

    @property
    def fingerprint(self) -> str:
        """Names the tokenizer by all of its settings and pieces, wherever it was loaded from."""
        return content_id(self._inner.to_str())

    @panics_as_errors()
    def token_starts(self, text: str) -> list[int]:
        """The character at which each token of the text starts."""
        places = self._fast_starts(text) if self._fast_starts else None
        return places if places is not None else [start for start, _ in self._inner.encode(text, add_special_tokens=False).offsets]


def count_each(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int | None]:
    """The number of tokens of each text; None for one that the tokenizer does not take."""
    try:
        with panics_as_errors():
            return [*tokenizer.count(texts)]
    except Exception:  # noqa: BLE001  # the library raises anything over a text
        return [None] if len(texts) == 1 else [count for text in texts for count in count_each(tokenizer, [text])]


def is_hub_id(name: str) -> bool:
    """Whether a tokenizer is asked of the hub: what is no path, and no folder here."""
    return not (os.path.exists(name) or name.startswith((".", "/", "~")) or name.endswith(".json"))


def _unknown_id(inner: Any) -> int | None:
    token = getattr(inner.model, "unk_token", None)
    number: int | None = inner.token_to_id(token) if token else getattr(inner.model, "unk_id", None)
    return number


@functools.lru_cache(maxsize=4)
def _load(name: str) -> Tokenizer:
    # Spark runs one task a core: threads inside each of them would only compete.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer as Inner

    path = os.path.join(name, TOKENIZER_FILE) if os.path.isdir(name) else name
    local = os.path.isfile(path)
    if not local and not is_hub_id(name):
        raise UserError("there is no tokenizer here", where=name, cure="give a tokenizer.json, a folder with one, or a hub id")
    if not local and not is_cached(name, TOKENIZER_FILE):
        ask_hub(name, None, files=TOKENIZER_FILE)
    try:
        inner = Inner.from_file(path) if local else Inner.from_pretrained(name)
    except Exception as error:  # the Rust library raises bare Exception for unreadable files and failed downloads alike
        raise UserError(
            f"the tokenizer does not load: {error}", where=name, cure="give a tokenizer.json, a folder with one, or a hub id"
        ) from error
    return Tokenizer(inner, name)
