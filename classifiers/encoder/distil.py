"""An encoder's judgement at the speed of fastText: the encoder labels a sample of a corpus, and a fastText model learns from it.

FineWeb-Edu (Penedo et al. 2024, arXiv 2406.17557) went the same way one size up, from a language model to an encoder.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
from pydantic import Field

from classifiers.encoder.folder import encoder_digest
from classifiers.encoder.model import load_encoder
from classifiers.fasttext.card import describe_card, encode_card
from classifiers.fasttext.model import load_model
from classifiers.fasttext.settings import TrainSettings
from classifiers.fasttext.teacher import Teacher, agreement
from classifiers.fasttext.train import Report, train
from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers.plain_rows import field_of, rows_of
from rephrase.records import content_id
from rephrase.settings.encoders import Encoder

_HELD_OUT = 10  # one text of so many is kept from the training, to measure the agreement on
_AT_ONCE = 1024  # texts labelled between two calls of `told`
_STORED_EVERY = 20  # of these parts: what has been labelled is kept for a run that begins again
_LEAST = 20  # texts on each side of the bound: with fewer there is nothing to measure on
_SCORED_BY = ("label", "max_tokens", "windows", "revision")


class DistilSettings(Encoder):
    """The encoder, and which of its judgements the fastText model learns."""

    min: float | None = None
    """Texts whose score is at least so high are good. Default: 0.5 for a probability; a number has no natural bound."""
    sample: int = Field(default=100_000, ge=100)
    """Distinct texts that the encoder labels, drawn by hashes of the texts: the same ones wherever they stand in the files."""
    text_field: str = "text"
    """The JSON field of the text; a dot goes into an object."""


@dataclass(frozen=True, slots=True)
class Distilled:
    """What `distil` did."""

    report: Report
    teacher: Teacher
    labels: tuple[str, str]
    """The files of the labels: those of the training, and the tenth that was kept from it."""
    asked: int
    """Texts that the encoder labelled now; the others had been labelled before."""


def distil(
    corpus: Sequence[str],
    output: str,
    settings: DistilSettings,
    training: TrainSettings | None = None,
    told: Callable[[int, int], None] = lambda done, texts: None,  # noqa: ARG005  # nobody wants to know
) -> Distilled:
    """Train a fastText classifier on what an encoder says of a sample of JSONL or Parquet files, and measure how far both agree.

    Stores what `train` stores, with the teacher on the card, and the labelled texts, as `<output>.labels.jsonl` and
    `<output>.held_out.jsonl`: begun again, it asks the encoder for no text twice. `told` is called with the texts done and all texts,
    again and again.

    All sampled texts are in memory at once. Raises `UserError` for faults of the data and the encoder, for an encoder of several labels
    without `settings.label`, and where one side of the bound has no texts; and like `train`.
    """
    base = output.removesuffix(".bin").rstrip("/")
    paths = (f"{base}.labels.jsonl", f"{base}.held_out.jsonl")
    encoder = load_encoder(settings.encoder, settings)
    bound = _bound(settings, encoder.label_names)
    texts = _sampled(corpus, settings)
    by = content_id(encoder_digest(settings.encoder) or settings.encoder, *(str(getattr(settings, name)) for name in _SCORED_BY))
    known = _known(paths, by)

    def row_of(text: str) -> dict[str, Any]:
        return {"text": text, "label": int(known[text] >= bound), "score": known[text], "by": by}

    missing = [text for text in texts if text not in known]
    for at in range(0, len(missing), _AT_ONCE):
        part = missing[at : at + _AT_ONCE]
        known |= zip(part, map(float, encoder.scores(part)), strict=True)
        told(at + len(part), len(missing))
        if (at // _AT_ONCE + 1) % _STORED_EVERY == 0:
            _store(paths[0], [row_of(text) for text in texts if text in known])
    rows = [row_of(text) for text in texts]
    held_out = rows[::_HELD_OUT]
    _store(paths[1], held_out)
    _store(paths[0], [row for number, row in enumerate(rows) if number % _HELD_OUT])
    _check_both(rows, bound, settings)
    report = train(paths[0], base, training)
    teacher = _measured(report, held_out, bound, len(rows), settings)
    card = report.card.model_copy(update={"teacher": teacher})
    storage.put(report.card_markdown, describe_card(card, storage.name_of(base)).encode())
    storage.put(report.card_json, encode_card(card))
    return Distilled(replace(report, card=card), teacher, paths, len(missing))


def _bound(settings: DistilSettings, labels: Sequence[str]) -> float:
    if settings.min is not None:
        return settings.min
    if len(labels) == 1:
        cure = "set `min` (--min): 3 of FineWeb-Edu's scores from 0 to 5"
        raise UserError("the encoder gives a number, and nothing says from which on texts are good", where=settings.encoder, cure=cure)
    return 0.5


def _sampled(corpus: Sequence[str], settings: DistilSettings) -> list[str]:
    """The texts with the lowest hashes, in their order, which is random but for the texts themselves."""
    chosen: list[tuple[int, str, str]] = []  # the highest hash comes first, as a heap of the negative ones
    there: set[str] = set()
    for place, record in rows_of(corpus):
        text = field_of(record, settings.text_field, place, "name the field with --text-field")
        if not isinstance(text, str):
            raise UserError(f"`{settings.text_field}` is not a string but {text!r}", where=place, cure="leave the row out")
        key = content_id("distil", text)
        if text.isspace() or not text or key in there or (len(chosen) == settings.sample and -int(key, 16) < chosen[0][0]):
            continue
        heapq.heappush(chosen, (-int(key, 16), key, text))
        there.add(key)
        if len(chosen) > settings.sample:
            there.discard(heapq.heappop(chosen)[1])
    return [text for _, _, text in sorted(chosen, reverse=True)]


def _known(paths: Sequence[str], by: str) -> dict[str, float]:
    """The scores of texts that the same encoder has labelled with the same options."""
    there = [path for path in paths if storage.exists(path)]
    return {record["text"]: record["score"] for _, record in rows_of(there) if record.get("by") == by}


def _store(path: str, rows: Sequence[Mapping[str, Any]]) -> None:
    storage.put(path, b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))


def _check_both(rows: Sequence[Mapping[str, Any]], bound: float, settings: DistilSettings) -> None:
    good = sum(row["label"] for row in rows)
    if min(good, len(rows) - good) >= _LEAST:
        return
    scores = [row["score"] for row in rows]
    what = f"of {len(rows):,} texts {good:,} have a score of {bound:g} or more"
    spread = f"; the scores go from {min(scores):.3g} to {max(scores):.3g}" if scores else ""
    raise UserError(
        what + spread, where=settings.encoder, cure=f"set another `min` (--min), or give more texts: {_LEAST} of each are the least"
    )


def _measured(report: Report, held_out: Sequence[Mapping[str, Any]], bound: float, texts: int, settings: DistilSettings) -> Teacher:
    student = load_model(report.model).scores([row["text"] for row in held_out], report.card.label)
    scored = ~np.isnan(student)
    teacher = np.array([row["score"] for row in held_out])
    return Teacher(
        encoder=settings.encoder,
        digest=encoder_digest(settings.encoder),
        label=settings.label,
        min=bound,
        texts=texts,
        agreement=agreement(teacher[scored], bound, student[scored], report.card.threshold),
    )
