"""What of a document is translated at a time, and how the translations are put together again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rephrase.recipes.prompts import flow_prompts
from rephrase.text.blocks import paragraph_spans
from rephrase.text.languages import script_of
from rephrase.text.passages import passage_spans
from rephrase.text.sentences import Span
from rephrase.text.tokenizer import Tokenizer


def chunk_spans(text: str, tokenizer: Tokenizer, max_tokens: int, language: str | None) -> list[Span]:
    """Start and end of each chunk, in characters: as many whole paragraphs as fit in so many tokens, or sentences of one that does not."""
    paragraphs = paragraph_spans(text)
    counts = tokenizer.count([text[start:end] for start, end in paragraphs])
    return list(_packed(text, zip(paragraphs, counts, strict=True), tokenizer, max_tokens, language))


def _packed(
    text: str, paragraphs: Iterator[tuple[Span, int]], tokenizer: Tokenizer, max_tokens: int, language: str | None
) -> Iterator[Span]:
    chunk: Span | None = None
    tokens = 0
    for (start, end), count in paragraphs:
        if chunk and tokens + 1 + count <= max_tokens:  # one for what stands between them
            chunk, tokens = (chunk[0], end), tokens + 1 + count
            continue
        if chunk:
            yield chunk
        chunk, tokens = (start, end), count
        if count > max_tokens:
            passages = passage_spans(text[start:end], tokenizer, max_tokens, language)
            yield from ((start + first, start + last) for first, last in passages)
            chunk = None
    if chunk:
        yield chunk


def with_gaps_of(source: str, spans: Sequence[Span], parts: Sequence[str], to: str) -> str:
    """The parts with what stands between these spans of the source; between sentences of a paragraph as the language has it."""
    joint = "" if script_of(to) in flow_prompts("translate")["unspaced"] else " "
    pieces = [parts[0]]
    for before, after, part in zip(spans, spans[1:], parts[1:], strict=False):
        gap = source[before[1] : after[0]]
        pieces += [gap if "\n" in gap else joint, part]
    return "".join(pieces)
