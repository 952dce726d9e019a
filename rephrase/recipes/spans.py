"""The parts of a document that prompts show."""

from __future__ import annotations

from collections.abc import Iterator

from rephrase.records import Document
from rephrase.text.passages import passage_spans, split_passages
from rephrase.text.tokenizer import Tokenizer


def spans_of(
    document: Document,
    tokenizer: Tokenizer,
    *,
    passage_tokens: int | None,
    fewest_tokens: int = 0,
    only_first: bool = False,
    first_characters: int | None = None,
) -> Iterator[tuple[int, int]]:
    """Start and end of each part, in characters: passages of at most `passage_tokens`, or all of the document where that is None.

    fewest_tokens: shorter parts are left out. only_first: of the passages. first_characters: of a whole document, up to the end of a word.
    """
    if passage_tokens is None:
        whole = (0, _word_end(document.text, first_characters or len(document.text)))
        if not fewest_tokens or tokenizer.count([document.text[: whole[1]]])[0] >= fewest_tokens:
            yield whole
        return
    if fewest_tokens:
        passages = split_passages(document.text, tokenizer, passage_tokens, document.language)[: 1 if only_first else None]
        yield from ((passage.start, passage.end) for passage in passages if passage.n_tokens >= fewest_tokens)
    else:
        yield from passage_spans(document.text, tokenizer, passage_tokens, document.language)[: 1 if only_first else None]


def beginning_of(document: Document, limit: int | None, tokenizer: Tokenizer) -> str:
    """The beginning of a document, as long as a passage of so many tokens; all of it where that is None."""
    if limit is None:
        return document.text
    return document.text[slice(*passage_spans(document.text, tokenizer, limit, document.language)[0])]


def _word_end(text: str, most: int) -> int:
    """Where the last word ends that lies within the first characters; `most` where it is one long word."""
    if len(text) <= most or text[most].isspace():
        return min(len(text), most)
    return next((place for place in range(most, 0, -1) if text[place - 1].isspace()), most)
