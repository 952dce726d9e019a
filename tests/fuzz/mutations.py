"""Damage: bytes and texts changed a little, by a seed."""

from __future__ import annotations

import random

AWKWARD = [
    " ",
    "\n",
    "\t",
    "\0",
    "*",
    "_",
    "#",
    "`",
    "```\n",
    "[",
    "{",
    "}",
    "(",
    '"',
    "'",
    "\\",
    "\\boxed{",
    "\\frac{",
    "####",
    "1",
    "1e999",
    "-1",
]
AWKWARD += [
    "answer: ",
    "Question: ",
    "Answer: ",
    "<think>",
    "</think>",
    "<div>",
    "<!--",
    "\ue000",
    "\ufffe",
    "\ud83d",
    "\u202e",
    "e\u0301",
    "İ",
    "ı",
    "ﬁ",
]
AWKWARD += [
    "10**10**10",
    "9" * 400,
    "null",
    "NaN",
    "[[",
    ",",
    ":",
    "：",
    "| a |",
    "<|im_end|>",
    "天地。",
    "สวัสดี",
    "😀",
    "!!python/object:x ",
    "&a [*a]",
    "- ",
]


def bytes_like(data: bytes, dice: random.Random) -> bytes:
    """The bytes with one to four bits, bytes or stretches changed, cut out, doubled or put elsewhere."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(changed) + 1)
        end = min(len(changed), at + dice.choice([1, 2, 8, 64, 1024]))
        kind = dice.randrange(6)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            changed[at:end] = dice.randbytes(end - at)
        elif kind == 2:
            del changed[at:end]
        elif kind == 3:
            changed[at:at] = changed[at:end]
        elif kind == 4:
            changed[at:at] = bytes(dice.choice([1, 16, 300]))
        elif kind == 5:
            del changed[at:]
    return bytes(changed)


def text_like(text: str, dice: random.Random) -> str:
    """The text with one to six stretches left out, doubled, or replaced by something awkward, now and then many times."""
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(text) + 1)
        end = min(len(text), at + dice.choice([0, 1, 4, 20, 200]))
        put = dice.choice(["", text[at:end] * 2, dice.choice(AWKWARD), dice.choice(AWKWARD) * dice.choice([2, 50, 2000])])
        text = text[:at] + put + text[end:]
    return text
