"""Right answers made wrong: one word, digit or letter of them is another one."""

from __future__ import annotations

import re

_OPPOSITES = [("True", "False"), ("true", "false"), ("yes", "no"), ("Yes", "No"), ("YES", "NO"), ("knight", "knave")]


def perturbed(answer: str) -> str:
    """The answer with a word turned into its opposite, or else its first digit or letter into the next."""
    for pair in (*_OPPOSITES, *((second, first) for first, second in _OPPOSITES)):
        if re.search(rf"\b{pair[0]}\b", answer):
            return re.sub(rf"\b{pair[0]}\b", pair[1], answer, count=1)
    sign = re.search(r"\d", answer) or re.search(r"[A-Za-z]", answer)
    if sign is None:
        return f"{answer}1"
    last = {"9": "1", "z": "a", "Z": "A"}
    return answer[: sign.start()] + last.get(sign[0], chr(ord(sign[0]) + 1)) + answer[sign.end() :]
