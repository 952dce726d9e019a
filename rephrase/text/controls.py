"""Control tokens in texts: what counts as one, and how a text that spells one is cut so that it stays plain letters."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any


def is_control(token: Any) -> bool:
    """Whether an added token of a Hugging Face tokenizer is special, or looks like it (`<…>`, `[…]`, `|…|`)."""
    content = token.content.strip()
    looks = len(content) > 2 and content[0] in "<[|" and content[-1] in ">]|"
    return len(content) > 1 and (token.special or looks)


def harmless_parts(encode: Callable[[str], Any], control_ids: Container[int], text: str) -> list[str]:
    """The text in parts none of which yields a control token when encoded alone.

    `encode` gives a `tokenizers.Encoding` with offsets. The tokenizer itself says where it sees control tokens, so that those count too
    that only its normalization makes.
    """
    harmless: list[str] = []
    pending = [text]
    while pending:
        part = pending.pop()
        encoding = encode(part)
        cuts = [0]
        for number, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if number in control_ids:
                blank = len(part[start:end]) - len(part[start:end].lstrip())  # some tokens swallow the space before them
                cuts.append(start + blank + 1)
        pieces = [part[a:b] for a, b in zip(cuts, [*cuts[1:], len(part)], strict=True) if b > a]
        if len(pieces) <= 1:
            harmless.append(part)
        else:
            pending.extend(reversed(pieces))  # cutting one occurrence can bare another that overlapped it
    return harmless
