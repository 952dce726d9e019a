"""Documents cut into passages: whole sentences or definitions, never above a number of tokens, as spans of the document's text."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from rephrase.text.code.languages import language_named
from rephrase.text.code.notebooks import NOTEBOOK, cell_spans
from rephrase.text.code.outline import definition_spans
from rephrase.text.sentences import Span, sentence_spans
from rephrase.text.tokenizer import Tokenizer

_SPACE = re.compile(r"\s*")
_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*+\n)*+")
_MARGIN = 16  # tokens or characters beyond a piece, so that the end of what is looked at is not that of its last word


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters `start` to `end` of a document, without white space at the ends, and their number of tokens.

    Programs keep the indentation of their first line.
    """

    start: int
    end: int
    n_tokens: int


def split_passages(text: str, tokenizer: Tokenizer, max_tokens: int, language: str | None = None) -> list[Passage]:
    """Cut a text into passages of at most `max_tokens` tokens that end where sentences end, or definitions of a program.

    A single sentence above the limit is cut where its lines end, as lists have no full stops, then between words, or inside a word where
    there is no other way; a definition first where what it holds begins: a method of a class, a statement of a function. The text is
    spread evenly over as few passages as the limit allows: packing each to the brim would leave a short rest that makes a poor prompt.
    Text that is only white space gives none. `language`: any tag or name of it, or the name of a programming language.
    """
    passages = _cut_passages(text, tokenizer, max_tokens, language)
    return [Passage(*span, tokenizer.count([text[slice(*span)]])[0] if count is None else count) for span, count in passages]


def passage_spans(text: str, tokenizer: Tokenizer, max_tokens: int, language: str | None = None) -> list[Span]:
    """Start and end of each of these passages: takes less than to count their tokens, too."""
    return [span for span, _ in _cut_passages(text, tokenizer, max_tokens, language)]


@functools.lru_cache(maxsize=4)  # recipes that work side by side ask for the passages of the same document, one after the other
def _cut_passages(text: str, tokenizer: Tokenizer, max_tokens: int, language: str | None) -> tuple[tuple[Span, int | None], ...]:
    """The passages, with the tokens of those that had to be counted."""
    outline = _outline(text, tokenizer, max_tokens, language)
    indented = outline is not None
    counts = _Counts(tokenizer)
    spans = _within_limit(text, outline or sentence_spans(text, language), counts, max_tokens, indented=indented)
    sizes = counts.of([text[start:end] for start, end in spans])
    passages: list[tuple[Span, int | None]] = []
    first, left = 0, sum(sizes)
    while first < len(spans):
        goal = left / math.ceil(left / max_tokens) if left else 0
        last, total = first + 1, sizes[first]
        while last < len(spans) and total + sizes[last] <= max_tokens and total + sizes[last] / 2 <= goal:
            total += sizes[last]
            last += 1
        start, end = _sent_span(text, spans[first][0], spans[last - 1][1], indented=indented)
        # Tokens of the joined text can differ from the sum over sentences, if not by half: the limit holds for what is sent.
        count = None if total <= max_tokens // 2 else counts.once(text[start:end])
        while count is not None and count > max_tokens and last > first + 1:
            last = max(last - _step(count - max_tokens), first + 1)
            start, end = _sent_span(text, spans[first][0], spans[last - 1][1], indented=indented)
            count = counts.once(text[start:end])
        if end > start:
            passages.append(((start, end), count))
        left -= sum(sizes[first:last])
        first = last
    return tuple(passages)


def _outline(text: str, tokenizer: Tokenizer, max_tokens: int, language: str | None) -> list[Span] | None:
    """The pieces of a program or a notebook; None for other texts, and where the syntax cannot be told."""
    if language == NOTEBOOK:
        return cell_spans(text)
    program = language_named(language)
    if program is None:
        return None
    return definition_spans(text, program, lambda piece: tokenizer.count([_sent(piece, indented=True)])[0] <= max_tokens)


class _Counts:
    """The tokens of the pieces of a text, each counted once: many are the same where it is little but line breaks."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._known: dict[str, int] = {"": 0}

    def of(self, pieces: Sequence[str]) -> list[int]:
        """The tokens of each piece."""
        new = [piece for piece in dict.fromkeys(pieces) if piece not in self._known]
        if new:
            self._known.update(zip(new, self.tokenizer.count(new), strict=True))
        return [self._known[piece] for piece in pieces]

    def once(self, piece: str) -> int:
        """The tokens of a piece that is not asked for again."""
        return self._known[piece] if piece in self._known else self.tokenizer.count([piece])[0]


def _sent_span(text: str, start: int, end: int, *, indented: bool) -> Span:
    piece = text[start:end]
    sent = _sent(piece, indented=indented)
    start += piece.find(sent)
    return (start, start + len(sent))


def _sent(piece: str, *, indented: bool) -> str:
    """A piece without the white space at its ends, which is not sent, and may be a saving."""
    return _BLANK_LINES.sub("", piece, count=1).rstrip() if indented else piece.strip()


def _within_limit(text: str, spans: list[Span], counts: _Counts, max_tokens: int, *, indented: bool) -> list[Span]:
    pieces: list[Span] = []
    for span, count in zip(spans, counts.of([text[start:end] for start, end in spans]), strict=True):
        # White space is left out of what is sent, and takes tokens rather than saves them: what is short with it is so without it.
        if count <= max_tokens // 2 or _sent_counts(text, [span], counts, indented=indented)[0] <= max_tokens:
            pieces.append(span)
            continue
        lines = list(pairwise(accumulate(map(len, text[slice(*span)].splitlines(keepends=True)), initial=span[0])))
        for line, tokens in zip(lines, _sent_counts(text, lines, counts, indented=indented), strict=True):
            pieces.extend([line] if tokens <= max_tokens else _cut(text, line, tokens, counts.tokenizer, max_tokens))
    return pieces


def _sent_counts(text: str, spans: Sequence[Span], counts: _Counts, *, indented: bool) -> list[int]:
    return counts.of([_sent(text[start:end], indented=indented) for start, end in spans])


def _cut(text: str, span: Span, count: int, tokenizer: Tokenizer, max_tokens: int) -> list[Span]:
    """A line of `count` tokens in pieces. Looks little farther than a piece at a time: a long line costs no more than many short ones."""
    start, end = span
    pieces: list[Span] = []
    ahead = max_tokens * (end - start) // count + _MARGIN
    while (start := _SPACE.match(text, start, end).end()) < end:  # type: ignore[union-attr]  # it matches anywhere
        stop = min(start + ahead, end)
        starts = tokenizer.token_starts(text[start:stop])
        while stop < end and len(starts) <= max_tokens + _MARGIN:
            stop = min(start + 2 * (stop - start), end)
            starts = tokenizer.token_starts(text[start:stop])
        if stop == end and tokenizer.count([text[start:end].strip()])[0] <= max_tokens:
            pieces.append((start, end))
            break
        cut = _piece_end(text, start, starts, tokenizer, max_tokens)
        pieces.append((start, cut))
        ahead = (cut - start) * 3 // 2 + _MARGIN
        start = cut
    return pieces


def _piece_end(text: str, start: int, starts: Sequence[int], tokenizer: Tokenizer, max_tokens: int) -> int:
    """Where the piece that begins at `start` ends. starts: of the tokens from there on, more than `max_tokens`."""
    size = min(max_tokens, len(starts) - 1)
    while True:
        stop = start + max(starts[size], 1)
        space = max(text.rfind(" ", start, stop), text.rfind("\n", start, stop))
        cut = space + 1 if space > start + (stop - start) // 2 else stop
        # A cut inside a character or a word can change its tokens: step back until the piece itself is within the limit.
        excess = tokenizer.count([text[start:cut].strip()])[0] - max_tokens
        if size <= 1 or excess <= 0:
            return cut
        size = max(size - _step(excess), 1)


def _step(excess: int) -> int:
    """How much to take back where something has so many tokens too many: one at a time, unless that would be a long way."""
    return max(1, excess // _MARGIN)
