"""The card of a trained classifier: `<model>.json` for programs, `<model>.md` for people, beside `<model>.bin`."""

from __future__ import annotations

import os

import orjson
from pydantic import Field

from classifiers.fasttext.metrics import Line
from classifiers.fasttext.settings import TrainSettings
from classifiers.fasttext.teacher import Teacher, describe_teacher
from rephrase import storage
from rephrase.errors import UserError
from rephrase.settings.section import Section
from rephrase.settings.validation import validate

_TUNED = ("learning_rate", "dim", "epoch", "min_count", "word_ngrams")  # settings that stand in the card as autotune left them


class DataCounts(Section):
    """The labelled rows, and what became of them."""

    files: tuple[str, ...]
    labels: dict[str, int]
    positive: str
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

    auc: float
    threshold_line: Line
    model_bytes: int


class Card(Section):
    """What a model is, what it was made of, and how good it is."""

    digest: str
    """Of data and settings: training again with the same ones has nothing to do."""
    settings: TrainSettings
    data: DataCounts
    auc: float
    """On the held-out rows, like all measures here."""
    accuracy: float
    """At a threshold of 0.5."""
    hold_out: tuple[Line, ...]
    """The chosen threshold, and those that keep a tenth to nine tenths of the held-out rows."""
    threshold: float
    threshold_rule: str
    threshold_line: Line | None
    """None where `calibrate` has put the threshold elsewhere: the held-out rows are not at hand then."""
    label: str
    """The fastText label whose probability is the score."""
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


def describe_card(card: Card, name: str) -> str:
    """The card as Markdown."""
    data = card.data
    labels = ", ".join(f"`{label}` {count:,}" for label, count in data.labels.items())
    hidden = _TUNED if card.tuned else ()
    rows = {key: value for key, value in card.settings.model_dump().items() if value is not None and key not in hidden}
    search = f", {card.settings.hold_out:.0%} of which only served the search for settings" if card.tuned else ""
    rows |= {f"autotuned {name}": f"{value:g}" for name, value in (card.tuned or {}).items()}
    settings = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    lines = "\n".join(
        f"| {line.threshold:.6f}{' (chosen)' if line == card.threshold_line else ''} "
        f"| {line.kept:.1%} | {line.precision:.3f} | {line.recall:.3f} | {line.f1:.3f} |"
        for line in card.hold_out
    )
    return f"""# {name}

A fastText classifier of two classes. Its score is the probability of `{card.label}`, from 0 to 1; texts that score at least
**{card.threshold:.6f}** count as good ({card.threshold_rule}).

{_describe_sources(card)}Texts are prepared as in training by `classifiers.fasttext.model`: stripped, lines joined by spaces, nothing else.

## Held-out rows

{data.held_out_good:,} good and {data.held_out_bad:,} bad rows that the model has not seen.
AUC **{card.auc:.3f}**, accuracy at 0.5 **{card.accuracy:.3f}**.

| threshold | kept | precision | recall | F1 |
|---|---|---|---|---|
{lines}

"Kept" is a share of the held-out rows. A corpus has another mix of classes, and there the share and the precision differ.

{_describe_quantised(card)}{describe_teacher(card.teacher) if card.teacher else ""}## Data

Files: {", ".join(f"`{file}`" for file in data.files)}. Rows by label: {labels}; positive: `{data.positive}`.
Trained on {data.trained_good:,} good and {data.trained_bad:,} bad rows{search}. Left out: {data.blank:,} blank rows,
{data.duplicates:,} duplicates, and {data.conflicting:,} rows of texts with both classes. Digest of the data: `{data.digest}`.

## Settings

| setting | value |
|---|---|
{settings}
| buckets of the model | {card.buckets} |
| fastText | {card.fasttext_version} |
"""


def _describe_sources(card: Card) -> str:
    if not card.source_thresholds:
        return ""
    lines = "\n".join(f"| {source} | {threshold:.6f} |" for source, threshold in card.source_thresholds.items())
    return f"""Texts of these sources (field `{card.source_field}`) have thresholds of their own:

| source | threshold |
|---|---|
{lines}

"""


def _describe_quantised(card: Card) -> str:
    if not card.quantised:
        return ""
    line, size = card.quantised.threshold_line, card.quantised.model_bytes / card.model_bytes
    return f"""The quantised model (`.ftz`) has {size:.0%} of the bytes. On the same rows: AUC **{card.quantised.auc:.3f}**; at
{line.threshold:.6f} precision {line.precision:.3f}, recall {line.recall:.3f}.

"""
