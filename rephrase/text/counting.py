"""Tokens, and where they start, without Hugging Face's encoder, which takes several times as long as the extraction of a page."""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PROBES: tuple[str, ...] = (
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

_ASTRAL_WITHOUT_MARKS = ((0x1F000, 0x1FB00), (0x20000, 0x2F800), (0x30000, 0x32000))  # pictures and Han characters


def fast_encoder(tokenizer: Any, *, controls: bool = False) -> Callable[[str], NDArray[np.uint32]] | None:
    """A function that gives a text's token ids just as the given `tokenizers.Tokenizer` without special tokens does, many times as fast.

    `controls`: what spells a control token is that token, as in prompts; otherwise it is taken as the letters that it is made of.
    None where gigatoken is not installed, does not know this kind of tokenizer, or encodes any of a set of odd texts otherwise.
    """
    try:
        import gigatoken
        from gigatoken.gigatoken_rs import BPETokenizer
    except ImportError:
        return None
    settings = json.loads(tokenizer.to_str())
    probes = _PROBES
    if controls:
        names = [token["content"] for token in settings["added_tokens"]]
        probes += tuple(probe for name in names for probe in (f"{name}user\n Who?{name}\n\n{name}", f"a {name} é\t{name}{name}  x"))
    else:
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
    right = all(np.array_equal(encode(text), tokenizer.encode(text, add_special_tokens=False).ids) for text in probes)
    if not right:
        return None
    return _but_for_marks(encode, tokenizer) if settings["normalizer"] else encode


def _but_for_marks(encode: Callable[[str], NDArray[np.uint32]], tokenizer: Any) -> Callable[[str], NDArray[np.uint32]]:
    """Leaves texts to the tokenizer itself whose normal form depends on the version of Unicode that a library knows."""
    marks = _marks()

    def encode_any(text: str) -> NDArray[np.uint32]:
        if text.isascii() or not marks.search(text):
            return encode(text)
        return np.array(tokenizer.encode(text, add_special_tokens=False).ids, np.uint32)

    return encode_any


@functools.cache
def _marks() -> re.Pattern[str]:
    """Any character that a normal form may change or move, or one that this Python's Unicode does not know."""
    changed = [chr(code) for code in range(0x80, 0x10000) if not 0xD800 <= code < 0xE000 and _may_change(chr(code))]
    at, astral = 0x10000, []
    for start, end in [*_ASTRAL_WITHOUT_MARKS, (0x110000, 0x110000)]:
        astral.append(f"{chr(at)}-{chr(start - 1)}")
        at = end
    return re.compile(f"[{re.escape(''.join(changed))}{''.join(astral)}]")


def _may_change(character: str) -> bool:
    is_jamo = "\u1100" <= character < "\u1200" or "\ua960" <= character < "\ua980" or "\ud7b0" <= character < "\ud800"
    is_mark = unicodedata.category(character) in ("Mn", "Mc", "Me", "Cn")
    return is_jamo or is_mark or not unicodedata.is_normalized("NFC", character)


def fast_starts(tokenizer: Any, encode: Callable[[str], NDArray[np.uint32]]) -> Callable[[str], list[int] | None] | None:
    """A function that gives the character at which each token of a text starts, from what `fast_encoder` made of the given tokenizer.

    A byte-level vocabulary writes its pieces with one character for a byte, so that their lengths tell. The function gives None for a text
    of which the pieces are not as long as it, as where it was normalized. None where any of a set of odd texts comes out otherwise.
    """
    names = tokenizer.get_vocab(with_added_tokens=False)
    added = tokenizer.get_added_tokens_decoder()
    sizes = np.zeros(max([*names.values(), *added]) + 1, np.int64)
    blanks = sizes.copy()
    for name, number in names.items():
        sizes[number], blanks[number] = len(name), len(name) - len(name.lstrip("Ġ"))  # Ġ is a space
    for number, token in added.items():
        sizes[number], blanks[number] = len(token.content.encode()), len(token.content) - len(token.content.lstrip())
    first, *_, last = (start for start, _ in tokenizer.encode(" a a", add_special_tokens=False).offsets)
    blanks *= last == len(" a ")  # or else a space counts to the word after it

    def starts(text: str) -> list[int] | None:
        data = np.frombuffer(text.encode(), np.uint8)
        ids = encode(text)
        ends = np.cumsum(sizes[ids])
        if not len(ids) or ends[-1] != len(data):
            return None
        begins = np.minimum(ends - sizes[ids] + blanks[ids], ends)
        begins[0] *= first > 0
        characters = np.append(np.cumsum((data & 0xC0) != 0x80) - 1, len(text))  # that each byte belongs to
        places: list[int] = characters[begins].tolist()
        return places

    def agrees(text: str) -> bool:
        places = starts(text)
        return places is None or places == [start for start, _ in tokenizer.encode(text, add_special_tokens=False).offsets]

    return starts if all(agrees(text) for text in _PROBES) else None
