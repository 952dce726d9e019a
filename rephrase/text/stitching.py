"""Several texts joined into long ones of at most so many tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rephrase.records import content_id
from rephrase.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Stitched:
    """A text, the places of its pieces among those that were given, in its order, and its tokens."""

    text: str
    pieces: tuple[int, ...]
    n_tokens: int


def drawn_order(names: Sequence[str], *salt: str) -> list[int]:
    """The places of some names in an order that depends on them and the salt alone."""
    return sorted(range(len(names)), key=lambda place: content_id(*salt, names[place]))


def stitch(pieces: Sequence[str], tokenizer: Tokenizer, most: int, joints: Sequence[str], *salt: str) -> list[Stitched]:
    """The pieces in their order as few texts of at most `most` tokens, each joint drawn from `joints`.

    A piece that alone has more is a text by itself: pieces stay whole.

    >>> tokenizer = Tokenizer.load("examples/tokenizer.json")
    >>> [(text.text, text.pieces) for text in stitch(["The tide rises.", "The sea falls."], tokenizer, 100, [" * "])]
    [('The tide rises. * The sea falls.', (0, 1))]
    """
    counts, joint_counts = tokenizer.count(list(pieces)), dict(zip(joints, tokenizer.count(list(joints)), strict=True))
    drawn = [joints[int(content_id(*salt, str(place)), 16) % len(joints)] for place in range(len(pieces))]
    texts: list[Stitched] = []
    first = 0
    while first < len(pieces):
        last, total = first + 1, counts[first]
        while last < len(pieces) and total + joint_counts[drawn[last]] + counts[last] <= most:
            total += joint_counts[drawn[last]] + counts[last]
            last += 1
        text, n_tokens = _joined(pieces, drawn, first, last, tokenizer)
        while n_tokens > most and last > first + 1:  # tokens of a joined text can differ from the sum of its pieces
            last -= 1
            text, n_tokens = _joined(pieces, drawn, first, last, tokenizer)
        texts.append(Stitched(text, tuple(range(first, last)), n_tokens))
        first = last
    return texts


def _joined(pieces: Sequence[str], joints: Sequence[str], first: int, last: int, tokenizer: Tokenizer) -> tuple[str, int]:
    text = pieces[first] + "".join(joints[place] + pieces[place] for place in range(first + 1, last))
    return text, tokenizer.count([text])[0]
