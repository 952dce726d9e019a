"""An encoder's judgement at the speed of fastText: the encoder labels a sample of a corpus, and a fastText model learns from it.

FineWeb-Edu (Penedo et al. 2024, arXiv 2406.17557) went the same way one size up, from a language model to an encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field

from classifiers.encoder.folder import encoder_digest
from classifiers.encoder.model import load_encoder
from classifiers.encoder.taught import LabelledSample, Row
from classifiers.fasttext.card import Card, encode_card
from classifiers.fasttext.card_page import describe_card
from classifiers.fasttext.model import load_model
from classifiers.fasttext.settings import TrainSettings
from classifiers.fasttext.teacher import Agreement, LabelAgreement, Teacher, agreement_of_labels, agreement_of_scores
from classifiers.fasttext.train import Report, train
from rephrase import storage
from rephrase.errors import UserError
from rephrase.records import content_id
from rephrase.settings.encoders import Encoder

_LEAST = 20  # texts on each side of the bound: with fewer there is nothing to measure on
_SCORED_BY = ("label", "max_tokens", "windows", "revision")


class DistilSettings(Encoder):
    """The encoder, and which of its judgements the fastText model learns."""

    min: float | None = None
    """Texts whose score is at least so high are good. Default: 0.5 for a probability; a number has no natural bound. Where all labels are
    learnt: texts whose likeliest label is less probable are left out."""
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

    An encoder of three labels and more gives a model of all of them, or with `settings.label` one of two classes. Stores what `train`
    stores, with the teacher on the card, and the labelled texts, as `<output>.labels.jsonl` and `<output>.held_out.jsonl`: begun again, it
    asks the encoder for none of them twice. `told` is called with the texts done and all texts, again and again.

    All sampled texts are in memory at once. Raises `UserError` for faults of the data and the encoder, for an encoder of two labels without
    `settings.label`, and where one side of the bound has no texts; and like `train`.
    """
    base = output.removesuffix(".bin").rstrip("/")
    encoder = load_encoder(settings.encoder, settings)
    bound = _bound(settings, encoder.label_names)
    by = content_id(encoder_digest(settings.encoder) or settings.encoder, *(str(getattr(settings, name)) for name in _SCORED_BY))

    def judged(texts: Sequence[str]) -> list[tuple[str | int, float]]:
        if bound is None:
            names, probabilities = encoder.labels(texts)
            return [(str(name), float(value)) for name, value in zip(names, probabilities, strict=True)]
        return [(int(score >= bound), float(score)) for score in encoder.scores(texts)]

    sample = LabelledSample(base, by, corpus, settings.sample, settings.text_field)
    asked = sample.label(judged, told)
    least = settings.min if bound is None and settings.min is not None else -np.inf
    rows = [row if bound is None else replace(row, label=int(row.score >= bound)) for row in sample.rows if row.score >= least]
    held_out = sample.store(rows)
    if bound is not None:
        _check_both(rows, bound, settings)
    report = train(sample.paths[0], base, training)
    teacher = Teacher(
        encoder=settings.encoder,
        digest=encoder_digest(settings.encoder),
        label=settings.label,
        min=settings.min if bound is None else bound,
        texts=len(sample.rows),
        agreement=_agreement(report.model, report.card, held_out, bound),
    )
    card = report.card.model_copy(update={"teacher": teacher})
    storage.put(report.card_markdown, describe_card(card, storage.name_of(base)).encode())
    storage.put(report.card_json, encode_card(card))
    return Distilled(replace(report, card=card), teacher, sample.paths, asked)


def _bound(settings: DistilSettings, labels: Sequence[str]) -> float | None:
    """The score from which texts are good; None where all labels are learnt."""
    if len(labels) == 1 and settings.min is None:
        cure = "set `min` (--min): 3 of FineWeb-Edu's scores from 0 to 5"
        raise UserError("the encoder gives a number, and nothing says from which on texts are good", where=settings.encoder, cure=cure)
    if len(labels) == 2 and settings.label is None:  # of which one is the absence of the other
        cure = f"name the label to learn: `label` (--label) {labels[0]} or {labels[1]}"
        raise UserError("the encoder has two labels", where=settings.encoder, cure=cure)
    if len(labels) > 1 and settings.label is None:
        return None
    return 0.5 if settings.min is None else settings.min


def _check_both(rows: Sequence[Row], bound: float, settings: DistilSettings) -> None:
    good = sum(row.label == 1 for row in rows)
    if min(good, len(rows) - good) >= _LEAST:
        return
    scores = [row.score for row in rows]
    what = f"of {len(rows):,} texts {good:,} have a score of {bound:g} or more"
    spread = f"; the scores go from {min(scores):.3g} to {max(scores):.3g}" if scores else ""
    cure = f"set another `min` (--min), or give more texts: {_LEAST} of each are the least"
    raise UserError(what + spread, where=settings.encoder, cure=cure)


def _agreement(model: str, card: Card, held_out: Sequence[Row], bound: float | None) -> Agreement | LabelAgreement:
    texts = [row.text for row in held_out]
    if bound is None:
        names, _ = load_model(model).labels(texts)
        pairs = [(str(row.label), name) for row, name in zip(held_out, names, strict=True) if name is not None]
        return agreement_of_labels([teacher for teacher, _ in pairs], [student for _, student in pairs])
    assert card.label is not None, "a model of two classes has a label"
    student, teacher = load_model(model).scores(texts, card.label), np.array([row.score for row in held_out])
    known = ~np.isnan(student)
    return agreement_of_scores(teacher[known], bound, student[known], card.threshold)
