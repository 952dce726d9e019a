"""Tokens without Hugging Face's encoder, which takes several times as long as the extraction of a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PROBES = (
    "",
    " ",
    "The keeper's lamp, lit in 1784, can't be SEEN; we'll see... it's 12345.67 m\n\n\nhigh!\r\n\tEnd  of   text ",
    "Señor Müller’s naïve café — cafe\u0301, ﬁne ſ ß İ K",
    "Маяк на скале 日本語の文章。 한국어 문장 ภาษาไทย العربية ١٢٣ हिन्दी",
    "😀👨\u200d👩\u200d👧 \U0001f1e9\U0001f1ea \u00a0\u3000\u2028\x85\x0b\x1f\ufffd",
    "<|endoftext|> <|im_start|>user\n[INST] <s></s> <pad> <unk>",
    "def f(x):\n    return {'a': [x**2, 0x1F]}  # note\n" * 3,
    "a" * 500 + " " * 300 + "\n" * 30 + "=" * 100,
)


def fast_encoder(tokenizer: Any) -> Callable[[str], NDArray[np.uint32]] | None:
    """A function that gives a text's token ids just as the given `tokenizers.Tokenizer` without special tokens does, many times as fast.

    None where gigatoken is not installed, does not know this kind of tokenizer, or encodes any of a set of odd texts otherwise.
    """
    try:
        import gigatoken
        from gigatoken.gigatoken_rs import BPETokenizer
    except ImportError:
        return None
    settings = json.loads(tokenizer.to_str())
    # Without them, what looks like a control token in a text is taken as the letters that it is made of.
    settings["added_tokens"] = [token for token in settings["added_tokens"] if not token["special"]]
    settings["post_processor"] = None
    try:
        inner = gigatoken.Tokenizer.from_json(json.dumps(settings))
        # Its other kind, for SentencePiece's vocabularies, has not been compared.
        if not isinstance(inner.backend, BPETokenizer):
            return None
    except Exception:  # noqa: BLE001  # whatever it says: the other tokenizer counts
        return None
    encode: Callable[[str], NDArray[np.uint32]] = inner.encode
    right = all(np.array_equal(encode(text), tokenizer.encode(text, add_special_tokens=False).ids) for text in _PROBES)
    return encode if right else None
