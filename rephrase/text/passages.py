"""Documents cut into passages: whole sentences or definitions, never above a number of tokens, as spans of the document's text."""

from __future__ import annotations

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
    outline = _outline(text, tokenizer, max_tokens, language)
    indented = outline is not None
    spans = _within_limit(text, outline or sentence_spans(text, language), tokenizer, max_tokens, indented=indented)
    counts = _counts([text[start:end] for start, end in spans], tokenizer)
    passages: list[Passage] = []
    first, left = 0, sum(counts)
    while first < len(spans):
        goal = left / math.ceil(left / max_tokens) if left else 0
        last, total = first + 1, counts[first]
        while last < len(spans) and total + counts[last] <= max_tokens and total + counts[last] / 2 <= goal:
            total += counts[last]
            last += 1
        # Tokens of the joined text can differ from the sum over sentences: the limit holds for what is sent.
        passage = _passage(text, spans[first][0], spans[last - 1][1], tokenizer, indented=indented)
        while passage.n_tokens > max_tokens and last > first + 1:
            last = max(last - _step(passage.n_tokens - max_tokens), first + 1)
            passage = _passage(text, spans[first][0], spans[last - 1][1], tokenizer, indented=indented)
        if passage.end > passage.start:
            passages.append(passage)
        left -= sum(counts[first:last])
        first = last
    return passages


def _outline(text: str, tokenizer: Tokenizer, max_tokens: int, language: str | None) -> list[Span] | None:
    """The pieces of a program or a notebook; None for other texts, and where the syntax cannot be told."""
    if language == NOTEBOOK:
        return cell_spans(text)
    program = language_named(language)
    if program is None:
        return None
    return definition_spans(text, program, lambda piece: tokenizer.count([_sent(piece, indented=True)])[0] <= max_tokens)


def _passage(text: str, start: int, end: int, tokenizer: Tokenizer, *, indented: bool) -> Passage:
    piece = text[start:end]
    sent = _sent(piece, indented=indented)
    start += piece.find(sent)
    return Passage(start, start + len(sent), tokenizer.count([sent])[0] if sent else 0)


def _sent(piece: str, *, indented: bool) -> str:
    """A piece without the white space at its ends, which is not sent, and may be a saving."""
    return _BLANK_LINES.sub("", piece, count=1).rstrip() if indented else piece.strip()


def _counts(pieces: Sequence[str], tokenizer: Tokenizer) -> list[int]:
    """The tokens of each piece; many are the same where a text is little but line breaks."""
    distinct = list(dict.fromkeys(pieces))
    tokens = dict(zip(distinct, tokenizer.count(distinct), strict=True))
    return [tokens[piece] for piece in pieces]


def _within_limit(text: str, spans: list[Span], tokenizer: Tokenizer, max_tokens: int, *, indented: bool) -> list[Span]:
    pieces: list[Span] = []
    for span, count in zip(spans, _sent_counts(text, spans, tokenizer, indented=indented), strict=True):
        if count <= max_tokens:
            pieces.append(span)
            continue
        lines = list(pairwise(accumulate(map(len, text[slice(*span)].splitlines(keepends=True)), initial=span[0])))
        for line, tokens in zip(lines, _sent_counts(text, lines, tokenizer, indented=indented), strict=True):
            pieces.extend([line] if tokens <= max_tokens else _cut(text, line, tokens, tokenizer, max_tokens))
    return pieces


def _sent_counts(text: str, spans: Sequence[Span], tokenizer: Tokenizer, *, indented: bool) -> list[int]:
    return _counts([_sent(text[start:end], indented=indented) for start, end in spans], tokenizer)


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
