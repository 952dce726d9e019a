"""Texts in twelve languages whose sentences are marked by hand: one a line, paragraphs apart, in tests/data/languages."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "data" / "languages"
TWELVE = ("zh", "ja", "ko", "ar", "hi", "th", "ru", "de", "fr", "es", "pt", "tr")
_WITHOUT_SPACES = ("zh", "ja")  # between sentences


def paragraphs_of(language: str) -> list[list[str]]:
    """The sentences of each paragraph."""
    return [paragraph.split("\n") for paragraph in (_FOLDER / f"{language}.txt").read_text("utf-8").strip().split("\n\n")]


def text_of(language: str) -> str:
    """The paragraphs as they would stand in a document."""
    gap = "" if language in _WITHOUT_SPACES else " "
    return "\n\n".join(gap.join(sentences) for sentences in paragraphs_of(language))


def sentence_ends(language: str) -> list[int]:
    """Where sentences end in `text_of`, in characters, in order."""
    text, ends, at = text_of(language), [], 0
    for sentence in (sentence for sentences in paragraphs_of(language) for sentence in sentences):
        at = text.index(sentence, at) + len(sentence)
        ends.append(at)
    return ends
