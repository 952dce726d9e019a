"""Documents cut into passages: whole sentences, never above a number of tokens, as spans of the document's text."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rephrase.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters `start` to `end` of a document, without white space at the ends, and their number of tokens."""

    start: int
    end: int
    n_tokens: int


def sentence_spans(text: str, language: str | None = None) -> list[tuple[int, int]]:
    """Start and end of each sentence, in characters; together they cover the text."""
    import sentencex

    starts = [boundary["start_index"] for boundary in sentencex.get_sentence_boundaries(language or "en", text)]
    starts = [0, *starts[1:]]  # white space that the library leaves out belongs to the sentence before it
    return [(start, end) for start, end in zip(starts, [*starts[1:], len(text)], strict=True) if end > start]


def split_passages(text: str, tokenizer: Tokenizer, max_tokens: int, language: str | None = None) -> list[Passage]:
    """Cut a text into passages of at most `max_tokens` tokens that end where sentences end.

    A single sentence above the limit is cut between words, or inside a word where there is no other way. The text is spread evenly over as
    few passages as the limit allows: packing each to the brim would leave a short rest that makes a poor prompt. Text that is only white
    space gives none.
    """
    spans = _within_limit(text, sentence_spans(text, language), tokenizer, max_tokens)
    counts = tokenizer.count([text[start:end] for start, end in spans])
    passages: list[Passage] = []
    first, left = 0, sum(counts)
    while first < len(spans):
        goal = left / math.ceil(left / max_tokens) if left else 0
        last, total = first + 1, counts[first]
        while last < len(spans) and total + counts[last] <= max_tokens and total + counts[last] / 2 <= goal:
            total += counts[last]
            last += 1
        # Tokens of the joined text can differ from the sum over sentences: the limit holds for what is sent.
        passage = _passage(text, spans[first][0], spans[last - 1][1], tokenizer)
        while passage.n_tokens > max_tokens and last > first + 1:
            last -= 1
            passage = _passage(text, spans[first][0], spans[last - 1][1], tokenizer)
        if passage.end > passage.start:
            passages.append(passage)
        left -= sum(counts[first:last])
        first = last
    return passages


def _passage(text: str, start: int, end: int, tokenizer: Tokenizer) -> Passage:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    piece = piece.strip()
    return Passage(start, start + len(piece), tokenizer.count([piece])[0] if piece else 0)


def _within_limit(text: str, spans: list[tuple[int, int]], tokenizer: Tokenizer, max_tokens: int) -> list[tuple[int, int]]:
    counts = tokenizer.count([text[start:end].strip() for start, end in spans])  # white space at the ends is not sent, and may be a saving
    pieces: list[tuple[int, int]] = []
    for (start, end), count in zip(spans, counts, strict=True):
        pieces.extend([(start, end)] if count <= max_tokens else _cut(text, start, end, tokenizer, max_tokens))
    return pieces


def _cut(text: str, start: int, end: int, tokenizer: Tokenizer, max_tokens: int) -> list[tuple[int, int]]:
    pieces = []
    while start < end:
        start += len(text[start:end]) - len(text[start:end].lstrip())
        starts = tokenizer.token_starts(text[start:end])
        if tokenizer.count([text[start:end].strip()])[0] <= max_tokens:
            pieces.append((start, end))
            break
        size = min(max_tokens, len(starts) - 1)
        while True:
            stop = start + max(starts[size], 1)
            space = max(text.rfind(" ", start, stop), text.rfind("\n", start, stop))
            cut = space + 1 if space > start + (stop - start) // 2 else stop
            # A cut inside a character or a word can change its tokens: step back until the piece itself is within the limit.
            if size <= 1 or tokenizer.count([text[start:cut].strip()])[0] <= max_tokens:
                break
            size -= 1
        pieces.append((start, cut))
        start = cut
    return pieces
