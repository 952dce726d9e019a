"""The card of a trained classifier: `<model>.json` for programs, `<model>.md` for people, beside `<model>.bin`."""

from __future__ import annotations

import os

import orjson
from pydantic import Field

from classifiers.fasttext.classes import ClassReport, Temperature
from classifiers.fasttext.metrics import Line
from classifiers.fasttext.settings import TrainSettings
from classifiers.fasttext.teacher import Teacher
from rephrase import storage
from rephrase.errors import UserError
from rephrase.settings.section import Section
from rephrase.settings.validation import validate


class DataCounts(Section):
    """The labelled rows, and what became of them."""

    files: tuple[str, ...]
    labels: dict[str, int]
    positive: str | None
    """None where each label is a class; the counts of good and bad are 0 then, and those by label stand under `classes`."""
    blank: int
    duplicates: int
    conflicting: int
    trained_good: int
    trained_bad: int
    held_out_good: int
    held_out_bad: int
    digest: str


class QuantisedModel(Section):
    """The quantised model beside the `.bin`, measured on the same held-out rows."""

    auc: float | None
    threshold_line: Line
    model_bytes: int


class ManyClasses(Section):
    """Of a model that gives one of many labels: the labels, and how well each is given to the held-out rows."""

    trained: dict[str, int]
    """Rows by label."""
    rare: dict[str, int]
    """Labels that were left out, as one text alone has them."""
    report: ClassReport
    calibration: Temperature

    @property
    def temperature(self) -> float:
        """By which the model's logits are divided."""
        return self.calibration.temperature


class Card(Section):
    """What a model is, what it was made of, and how good it is."""

    digest: str
    """Of data and settings: training again with the same ones has nothing to do."""
    settings: TrainSettings
    data: DataCounts
    auc: float | None
    """On the held-out rows, like all measures here. Of many labels, by how well their probability tells right labels from wrong ones; None
    where all are right."""
    accuracy: float
    """At a threshold of 0.5; of many labels the share that is right."""
    hold_out: tuple[Line, ...]
    """The chosen threshold, and those that keep a tenth to nine tenths of the held-out rows."""
    threshold: float
    """Of the score. Of many labels: a text whose likeliest label is less probable has none."""
    threshold_rule: str
    threshold_line: Line | None
    """None where `calibrate` has put the threshold elsewhere: the held-out rows are not at hand then."""
    label: str | None
    """The fastText label whose probability is the score; None where there are many, and the likeliest is given."""
    buckets: int
    fasttext_version: str
    model_bytes: int
    tuned: dict[str, float] | None = None
    """What autotune chose, by fastText's names; the same keys of `settings` then mean nothing."""
    quantised: QuantisedModel | None = None
    quantiles: tuple[float, ...] = ()
    """Nineteen scores that cut the corpus sample of the last calibration by a keep-rate into twentieths; for the check `ensemble`."""
    source_field: str | None = None
    teacher: Teacher | None = None
    """The encoder that labelled the data of a distilled model."""
    source_thresholds: dict[str, float] = Field(default_factory=dict)
    """Thresholds of texts by their source; for all others `threshold` stands."""
    classes: ManyClasses | None = None
    """Of more than two labels, each is a class."""

    @property
    def temperature(self) -> float | None:
        """By which the logits of a model of many labels are divided."""
        return self.classes.temperature if self.classes else None


def card_path(model: str) -> str:
    """Where the card of a model is."""
    return os.path.splitext(model)[0] + ".json"


def read_card(model: str) -> Card | None:
    """The card of a model, or None if it has none. Raises `UserError` if the file is not a card."""
    path = card_path(model)
    try:
        data = orjson.loads(storage.read(path))
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError as error:
        raise UserError(f"not a model card: {error}", where=path, cure="remove the file, or train the model again") from error
    card: Card = validate(Card, data, path)
    return card


def card_digest(model: str) -> str | None:
    """The digest of a model's data and training settings, or None where it has no card. Raises `UserError` like `read_card`."""
    card = read_card(model)
    return card.digest if card else None


def encode_card(card: Card) -> bytes:
    """The card as JSON."""
    return orjson.dumps(card.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
