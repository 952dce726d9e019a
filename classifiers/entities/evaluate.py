"""Precision and recall of scrubbing on labelled texts: by patterns alone, by the model alone, and by both."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from classifiers.entities.scrub import entities_in, personal_data_in
from classifiers.entities.spans import Span
from rephrase.errors import UserError
from rephrase.readers.plain_rows import field_of, rows_of
from rephrase.readers.settings import StandIns

_CURE = 'give JSON lines such as {"text": "Ask Ada", "spans": [{"start": 4, "end": 7, "kind": "person"}]}'
_SAME_KIND = {"email": "emails", "email address": "emails", "phone": "phones", "phone number": "phones"}
_ENOUGH = 0.5  # of the characters that either of two spans has

ANY_KIND = "any kind"


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and where personal data stands in it: in order, without overlaps."""

    text: str
    spans: Sequence[Span]


@dataclass(slots=True)
class Figures:
    """Of one kind. A span is right where a labelled one of its kind shares half or more of the characters that either of them has."""

    labelled: int = 0
    given: int = 0
    """Spans that would be replaced."""
    right: int = 0
    characters: int = 0
    """Of the labelled spans."""
    left: int = 0
    """Of these characters those that no span of whatever kind covers: they would stay in the text."""

    @property
    def precision(self) -> float | None:
        """Right of given; None where nothing was given."""
        return self.right / self.given if self.given else None

    @property
    def recall(self) -> float | None:
        """Right of labelled; None where nothing is labelled."""
        return self.right / self.labelled if self.labelled else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both; None where neither is known."""
        return 2 * self.right / (self.labelled + self.given) if self.labelled + self.given else None

    @property
    def left_share(self) -> float | None:
        """Of the labelled characters the share that would stay."""
        return self.left / self.characters if self.characters else None

    def to_json(self) -> dict[str, Any]:
        """The counts, and what follows from them."""
        return {**asdict(self), "precision": self.precision, "recall": self.recall, "f1": self.f1, "left_share": self.left_share}


@dataclass(slots=True)
class Way:
    """One way to find personal data, measured."""

    kinds: dict[str, Figures] = field(default_factory=dict)
    """By kind, and `any kind`: spans that are right whatever kind they were taken for."""
    characters_per_second: float = 0.0


def read_labelled(path: str) -> list[LabelledText]:
    """The texts of JSON lines. Raises `UserError`, with file and row, for what is not of the form, overlaps, or lies outside its text."""
    texts = [
        LabelledText(text, _spans(row, text, place)) for place, row in rows_of([path]) for text in [field_of(row, "text", place, _CURE)]
    ]
    if not texts:
        raise UserError("there are no texts", where=path, cure=_CURE)
    return texts


def _spans(row: Any, text: Any, place: str) -> list[Span]:
    entries = field_of(row, "spans", place, _CURE)
    if not isinstance(text, str) or not isinstance(entries, list):
        raise UserError("`text` should be text and `spans` a list", where=place, cure=_CURE)
    spans = []
    for entry in entries:
        start, end, kind = (field_of(entry, name, place, _CURE) for name in ("start", "end", "kind"))
        if type(start) is not int or type(end) is not int or not isinstance(kind, str):
            raise UserError("`start` and `end` should be numbers and `kind` text", where=place, cure=_CURE)
        if not 0 <= start < end <= len(text):
            cure = "count characters of the text from 0; `end` is that of the first one behind"
            raise UserError(f"the span {start} to {end} is none of a text of {len(text)} characters", where=place, cure=cure)
        spans.append(Span(start, end, _kind(kind)))
    spans.sort()
    for one, other in itertools.pairwise(spans):
        if other.start < one.end:
            raise UserError(f"two spans overlap at character {other.start}", where=place, cure="label each character once")
    return spans


def _kind(name: str) -> str:
    plain = name.strip().lower().replace("_", " ")
    return _SAME_KIND.get(plain, plain)


def evaluate(labelled: Sequence[LabelledText], settings: StandIns) -> dict[str, Way]:
    """How well these settings find what is labelled: `patterns`, and where there is a model also `entities` and `both`.

    The model alone reads the texts as they are; with the patterns, what these leave. Raises `UserError` as `recogniser` does.
    """
    texts = [text.text for text in labelled]
    without = settings.model_copy(update={"entities": None})
    ways = {"patterns": _measured(labelled, lambda: personal_data_in(texts, without))}
    if settings.entities is not None:
        entities_in(texts[:1], settings)  # the model is loaded before the clock starts
        ways["entities"] = _measured(labelled, lambda: entities_in(texts, settings))
        ways["both"] = _measured(labelled, lambda: personal_data_in(texts, settings))
    return ways


def to_json(labelled: Sequence[LabelledText], ways: Mapping[str, Way]) -> dict[str, Any]:
    """The figures as one JSON object."""
    return {
        "texts": len(labelled),
        "ways": {
            name: {
                "characters_per_second": round(way.characters_per_second),
                "kinds": {kind: figures.to_json() for kind, figures in way.kinds.items()},
            }
            for name, way in ways.items()
        },
    }


def _measured(labelled: Sequence[LabelledText], find: Callable[[], list[list[Span]]]) -> Way:
    started = time.perf_counter()
    given = find()
    seconds = max(time.perf_counter() - started, 1e-9)
    way = Way(characters_per_second=sum(len(text.text) for text in labelled) / seconds)
    for text, spans in zip(labelled, given, strict=True):
        _count(way.kinds, text.spans, [Span(span.start, span.end, _kind(span.kind)) for span in spans])
    whole = way.kinds.pop(ANY_KIND, Figures())
    way.kinds = {**dict(sorted(way.kinds.items())), ANY_KIND: whole}
    return way


def _count(kinds: dict[str, Figures], labelled: Sequence[Span], given: Sequence[Span]) -> None:
    for span in given:
        _add(kinds, span.kind, given=1)
    for span in labelled:
        left = (span.end - span.start) - sum(_shared(span, other) for other in given)
        _add(kinds, span.kind, labelled=1, characters=span.end - span.start, left=left)
    of_kind = [one.kind for one, other in _pairs(labelled, given) if one.kind == other.kind]
    for kind in of_kind:
        kinds[kind].right += 1
    if labelled or given:
        kinds[ANY_KIND].right += len({one for one, _ in _pairs(labelled, given)})


def _add(kinds: dict[str, Figures], kind: str, **counts: int) -> None:
    for name in (kind, ANY_KIND):
        figures = kinds.setdefault(name, Figures())
        for key, count in counts.items():
            setattr(figures, key, getattr(figures, key) + count)


def _pairs(labelled: Sequence[Span], given: Sequence[Span]) -> Iterable[tuple[Span, Span]]:
    """Each labelled span with the given one that shares enough of its characters, at most one."""
    for one in labelled:
        for other in given:
            shared = _shared(one, other)
            if shared and shared / (one.end - one.start + other.end - other.start - shared) >= _ENOUGH:
                yield one, other
                break


def _shared(one: Span, other: Span) -> int:
    return max(0, min(one.end, other.end) - max(one.start, other.start))
