"""The tokenizer that counts: shares, passage limits and statistics are in its tokens everywhere."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

from rephrase.errors import UserError
from rephrase.text.counting import fast_counter


class Tokenizer:
    """A Hugging Face tokenizer used for counting. Text is only ever text: `<|endoftext|>` in it is counted letter by letter."""

    def __init__(self, inner: Any, name: str) -> None:
        self._inner, self.name = inner, name
        inner.no_truncation()
        inner.no_padding()
        inner.encode_special_tokens = True
        self._count_fast = fast_counter(inner)

    @staticmethod
    def load(name: str) -> Tokenizer:
        """From a tokenizer.json, a folder that holds one, or a hub id. Loaded once a process. Raises `UserError`."""
        return _load(name)

    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text."""
        if self._count_fast:
            return [self._count_fast(text) for text in texts]
        # Offsets are not needed to count, and leaving them out makes encoding a quarter faster.
        return [len(encoding) for encoding in self._inner.encode_batch_fast(list(texts), add_special_tokens=False)]

    def token_starts(self, text: str) -> list[int]:
        """The character at which each token of the text starts."""
        return [start for start, _ in self._inner.encode(text, add_special_tokens=False).offsets]


@functools.lru_cache(maxsize=4)
def _load(name: str) -> Tokenizer:
    # Spark runs one task a core: threads inside each of them would only compete.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer as Inner

    path = os.path.join(name, "tokenizer.json") if os.path.isdir(name) else name
    local = os.path.isfile(path)
    if not local and name.startswith((".", "/", "~")):
        raise UserError("there is no tokenizer here", where=name, cure="give a tokenizer.json, a folder with one, or a hub id")
    try:
        inner = Inner.from_file(path) if local else Inner.from_pretrained(name)
    except Exception as error:  # the Rust library raises bare Exception for unreadable files and failed downloads alike
        raise UserError(
            f"the tokenizer does not load: {error}", where=name, cure="give a tokenizer.json, a folder with one, or a hub id"
        ) from error
    return Tokenizer(inner, name)
