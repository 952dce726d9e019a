"""What a translation has word for word from its source: what must stay as it is, and what should have been translated."""

from __future__ import annotations

import math
import re

from classifiers.facts import facts_of
from rephrase.text.code.fences import fences_of
from rephrase.text.languages import script_of
from rephrase.text.sentences import sentence_spans

# URLs end at white space, brackets and quotation marks of any script; mail addresses and code between back ticks.
_FIXED = re.compile(
    r"(?:https?://|www\.)[^\s<>()\[\]{}\"'“”„«»、。，；！？（）「」،؛؟।]+|[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+|`[^`\n]{1,400}`"
)
_END = ".,;:!?…"
_LEAST_BYTES = 24  # of the letters of a sentence that is copied: a name may be the same


def kept_share(text: str, source: str) -> float:
    """The share of the source's URLs, addresses and code that stand in the translation; NaN where there are none."""
    fences = [fence.inside.strip() for fence in fences_of(source)]
    fixed = {match.rstrip(_END) for match in _FIXED.findall(without_fences(source))} | {inside for inside in fences if inside}
    return sum(each in text for each in fixed) / len(fixed) if fixed else math.nan


def untranslated_share(text: str, source: str, language: str | None, source_language: str | None) -> float:
    """The share of the translation's letters in sentences that the source has, but for code and addresses; NaN without letters.

    Sentences are compared by their letters alone, in any case, as bicleaner-hardrules compares (`no_identical`).
    """
    shown = {sentence for sentence in _sentences(source, source_language) if len(sentence.encode()) >= _LEAST_BYTES}
    shares = []
    for rules in (language, source_language):  # what was not translated ends where sentences of the source do
        written = _sentences(text, rules)
        letters = sum(map(len, written))
        shares.append(sum(len(sentence) for sentence in written if sentence in shown) / letters if letters else math.nan)
    return max(shares)


def names_kept(text: str, source: str, language: str | None, source_language: str | None) -> tuple[int, float]:
    """How many names the source has, and the share of them that the translation has, by their first letters.

    Only where both are written in one script; else, and where capitals do not mark names, the share is NaN.
    """
    if not language or not source_language or script_of(language) != script_of(source_language):
        return 0, math.nan
    names = facts_of(source).names
    if not names:
        return 0, math.nan
    return len(names), len(names & facts_of(text).stems) / len(names)


def without_fixed(text: str) -> str:
    """The text without what a translation leaves as it is: URLs, addresses, code."""
    return _FIXED.sub(" ", without_fences(text))


def _sentences(text: str, language: str | None) -> list[str]:
    plain = without_fixed(text)
    sentences = ("".join(filter(str.isalpha, plain[start:end])).casefold() for start, end in sentence_spans(plain, language))
    return [sentence for sentence in sentences if sentence]


def without_fences(text: str) -> str:
    """The text without its code fences."""
    parts, end = [], 0
    for fence in fences_of(text):
        parts.append(text[end : fence.start])
        end = fence.end
    return "\n".join([*parts, text[end:]])
