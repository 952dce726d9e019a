"""Personal data gives way to stand-ins: by patterns first, then by a model on what they left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from classifiers.entities.models import recogniser
from classifiers.entities.spans import Span, replaced, settled
from classifiers.pii import edit
from rephrase.readers.settings import StandIns
from rephrase.text.embeddings import clean


def scrub(texts: Sequence[str], settings: StandIns) -> tuple[list[str], list[dict[str, int]]]:
    """The texts without personal data, and for each the replacements by kind; a kind that did not occur has no entry.

    A kind has one stand-in, so that a name gets the same one wherever it stands. Raises `UserError` as `recogniser` does.
    """
    edited = [edit(text, settings) for text in texts]
    counts = [text.counts() for text in edited]
    scrubbed = [text.text for text in edited]
    if settings.entities is None:
        return scrubbed, counts
    stand_ins = settings.entities.kinds
    spans = entities_in(scrubbed, settings)
    for row, own in enumerate(spans):
        scrubbed[row] = replaced(scrubbed[row], [(span.start, span.end, stand_ins[span.kind]) for span in own])
        counts[row] = dict(Counter(counts[row]) + Counter(span.kind for span in own))
    return scrubbed, counts


def entities_in(texts: Sequence[str], settings: StandIns) -> list[list[Span]]:
    """What the model finds in each text, in its order and without overlaps; no stand-in is touched."""
    if settings.entities is None:
        return [[] for _ in texts]
    patterns = [settings.emails, settings.ipv4, settings.ipv6, settings.phones]
    stand_ins = [stand_in for stand_in in (*patterns, *settings.entities.kinds.values()) if stand_in]
    recognised = recogniser(settings.entities)([clean(text) for text in texts])
    return [settled(text, spans, stand_ins) for text, spans in zip(texts, recognised, strict=True)]


def personal_data_in(texts: Sequence[str], settings: StandIns) -> list[list[Span]]:
    """Where all that `scrub` replaces stands in the texts as they are given, in its order."""
    edited = [edit(text, settings) for text in texts]
    entities = entities_in([text.text for text in edited], settings)
    return [sorted([*text.spans(), *map(text.original, own)]) for text, own in zip(edited, entities, strict=True)]
