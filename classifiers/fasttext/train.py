"""Training of a quality classifier: labels in, a fastText model with a measured threshold and a card out.

The method is DCLM's (Li et al. 2024, arXiv 2406.11794): a fastText classifier of good and raw texts, whose score ranks a corpus. More
than two labels make a classifier that gives each text one of them, with its probability (see `outcome`).
The model is trained without the held-out rows, so that the numbers on its card are about this very model.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from classifiers.fasttext.card import Card, DataCounts, ManyClasses, QuantisedModel, card_path, encode_card, read_card
from classifiers.fasttext.card_page import describe_card
from classifiers.fasttext.fit import file_bytes, fit
from classifiers.fasttext.labels import LabelledTexts, read_labelled, read_texts
from classifiers.fasttext.metrics import Line, Scores, Truth, line_at, threshold_by_keep_rate
from classifiers.fasttext.model import POSITIVE
from classifiers.fasttext.outcome import Outcome, outcome_on, scores_of
from classifiers.fasttext.settings import TrainSettings
from classifiers.fasttext.threshold import choose_threshold
from rephrase import storage
from rephrase.errors import UserError
from rephrase.records import content_id

_LEAST = 2  # texts of a class: one to train on, one to measure on
_METHOD = "1"  # part of the digest: to be raised when the same data and settings come to mean another model
_TABLE = [n / 10 for n in range(1, 10)]  # keep-rates of the lines of the table


@dataclass(frozen=True, slots=True)
class Report:
    """What `train` did, and where the files are."""

    model: str
    card_json: str
    card_markdown: str
    card: Card
    up_to_date: bool
    """True: a model of this data and these settings was there already, and nothing was done."""


@dataclass(frozen=True, slots=True)
class _Split:
    train: list[int]
    held_out: list[int]


def train(
    labels: str | Sequence[str],
    output: str,
    settings: TrainSettings | None = None,
    *,
    keep_rate_of: str | Sequence[str] | None = None,
) -> Report:
    """Train a classifier on JSONL files (plain, .gz, .zst; paths, globs, `s3://`) and store `<output>.bin`, `.json` and `.md`.

    `settings.quantise` adds `<output>.ftz`. `output` is a path or `s3://` URL without extension (a final `.bin` is ignored).
    `keep_rate_of` names JSONL files of unlabelled texts, a sample of the corpus: the threshold of `settings.keep_rate` is then
    measured on them rather than on held-out rows.

    All texts are in memory at once. Raises `UserError` for faults of the data (with file and row), for data too small to hold rows out,
    and for a precision that no threshold reaches.

    >>> folder = tempfile.TemporaryDirectory()
    >>> report = train("examples/quality_labels.jsonl", f"{folder.name}/model", TrainSettings(dim=8, epoch=25, learning_rate=0.5))
    >>> report.card.auc > 0.8, report.up_to_date
    (True, False)
    """
    settings = settings or TrainSettings()
    paths = [labels] if isinstance(labels, str) else list(labels)
    corpus = [keep_rate_of] if isinstance(keep_rate_of, str) else list(keep_rate_of or ())
    if corpus and settings.keep_rate is None:
        raise UserError("a corpus sample is of use only with a keep-rate", where=", ".join(corpus), cure="set `keep_rate` (--keep-rate)")
    data = read_labelled(paths, settings.text_field, settings.label_field, settings.positive)
    sample = read_texts(corpus, settings.text_field) if corpus else []
    explicit_settings = sorted(settings.model_fields_set) if settings.autotune else []  # the others are autotune's to choose
    digest = content_id(_METHOD, settings.model_dump_json(), data.digest, content_id(*sample), *explicit_settings)
    base = output.removesuffix(".bin").rstrip("/")
    existing = read_card(f"{base}.bin")
    if existing and existing.digest == digest and _whole(existing, base):
        return _report(base, existing, up_to_date=True)
    trained = _trained(data, sample, settings, paths, digest)
    _store(trained, base, existing)
    return _report(base, trained.card, up_to_date=False)


@dataclass(frozen=True, slots=True)
class _Trained:
    """A model as it is stored, and what is known of it."""

    card: Card
    model: bytes
    quantised: bytes
    """Empty where the settings ask for none."""


def _trained(data: LabelledTexts, sample: list[str], settings: TrainSettings, paths: list[str], digest: str) -> _Trained:
    """Train on some rows and measure on the others. Raises `UserError` as `train` says."""
    split = _split(data, settings, paths)
    with tempfile.TemporaryDirectory() as folder:
        model, buckets, tuned = fit(data, split.train, settings, folder)
        outcome = outcome_on(model, data, split.held_out)
        truth, scores, fitted = outcome.truth, outcome.scores, outcome.temperature
        temperature = fitted.temperature if fitted else None
        of_sample = scores_of(model, sample, POSITIVE, temperature) if sample else None
        threshold, rule = choose_threshold(outcome, of_sample, settings, paths)
        content = file_bytes(model, folder)
        quantised, small = None, b""
        if settings.quantise:
            model.quantise()
            small = file_bytes(model, folder)
            rough = outcome_on(model, data, split.held_out, temperature)
            line = line_at(threshold, rough.truth, rough.scores)
            quantised = QuantisedModel(auc=rough.auc, threshold_line=line, model_bytes=len(small))
    card = Card(
        digest=digest,
        settings=settings,
        data=_counts(data, split, paths),
        auc=outcome.auc,
        accuracy=outcome.classes.accuracy if outcome.classes else float(((scores >= 0.5) == truth).mean()),
        hold_out=_table(threshold, truth, scores),
        threshold=threshold,
        threshold_rule=rule,
        threshold_line=line_at(threshold, truth, scores),
        label=None if data.is_of_many else POSITIVE,
        buckets=buckets,
        fasttext_version=_fasttext_version(),
        model_bytes=len(content),
        tuned=tuned,
        quantised=quantised,
        classes=_many_classes(data, split, outcome),
    )
    return _Trained(card, content, small)


def _store(trained: _Trained, base: str, existing: Card | None) -> None:
    """Put the model's files in place of those of an existing one; the card last, as it stands for a model that is whole."""
    storage.put(f"{base}.bin", trained.model)
    if trained.quantised:
        storage.put(f"{base}.ftz", trained.quantised)
    elif existing and existing.quantised:
        storage.delete(f"{base}.ftz")
    storage.put(f"{base}.md", describe_card(trained.card, storage.name_of(base)).encode())
    storage.put(card_path(f"{base}.bin"), encode_card(trained.card))


def _report(base: str, card: Card, *, up_to_date: bool) -> Report:
    return Report(f"{base}.bin", card_path(f"{base}.bin"), f"{base}.md", card, up_to_date)


def _split(data: LabelledTexts, settings: TrainSettings, paths: list[str]) -> _Split:
    """Rows to train on and rows to hold out, the same share of each class, both fixed by the texts and the seed."""
    train: list[list[int]] = []
    held_out: list[int] = []
    for name in data.names:
        rows = data.rows_of(name)
        if len(rows) < _LEAST and data.is_of_many:
            continue  # the card tells
        if len(rows) < _LEAST:
            cure = "two of each class are the least: one to train on, one to measure on"
            raise UserError(f"only {len(rows)} distinct {name} texts", where=", ".join(paths), cure=cure)
        rows.sort(key=lambda i: content_id("hold-out", str(settings.seed), data.texts[i]))
        count = min(max(round(len(rows) * settings.hold_out), 1), len(rows) - 1)
        held_out += rows[:count]
        train.append(rows[count:])
    if len(train) < _LEAST:
        cure = "give more rows: of a label two texts are the least, one to train on, one to measure on"
        raise UserError("only one label has two distinct texts", where=", ".join(paths), cure=cure)
    return _Split(order_to_train(data, train, settings), sorted(held_out))


def order_to_train(data: LabelledTexts, classes: list[list[int]], settings: TrainSettings) -> list[int]:
    """The rows of all classes, balanced where the settings say so, in an order fixed by the texts and the seed."""
    if settings.balance:
        least = min(map(len, classes))
        classes = [rows[:least] for rows in classes]
    return sorted((i for rows in classes for i in rows), key=lambda i: content_id("order", str(settings.seed), data.texts[i]))


def _table(threshold: float, truth: Truth, scores: Scores) -> tuple[Line, ...]:
    thresholds = {threshold_by_keep_rate(scores, rate) for rate in _TABLE} | {threshold}
    return tuple(line_at(value, truth, scores) for value in sorted(thresholds))


def _counts(data: LabelledTexts, split: _Split, paths: list[str]) -> DataCounts:
    def good(rows: list[int]) -> int:
        return sum(data.good[i] for i in rows)

    def bad(rows: list[int]) -> int:
        return 0 if data.is_of_many else len(rows) - good(rows)

    return DataCounts(
        files=tuple(paths),
        labels=data.labels,
        positive=data.positive,
        blank=data.blank,
        duplicates=data.duplicates,
        conflicting=data.conflicting,
        trained_good=good(split.train),
        trained_bad=bad(split.train),
        held_out_good=good(split.held_out),
        held_out_bad=bad(split.held_out),
        digest=data.digest,
    )


def _many_classes(data: LabelledTexts, split: _Split, outcome: Outcome) -> ManyClasses | None:
    if outcome.classes is None or outcome.temperature is None:
        return None
    trained = Counter(data.classes[row] for row in split.train)
    rare = {name: len(data.rows_of(name)) for name in data.names if name not in trained}
    return ManyClasses(trained=dict(sorted(trained.items())), rare=rare, report=outcome.classes, calibration=outcome.temperature)


def _whole(card: Card, base: str) -> bool:
    if card.quantised and _size(f"{base}.ftz") != card.quantised.model_bytes:
        return False
    return _size(f"{base}.bin") == card.model_bytes


def _size(path: str) -> int | None:
    try:
        return storage.expand(path)[0].size
    except UserError:
        return None


def _fasttext_version() -> str:
    for name in ("fasttext-community", "fasttext", "fasttext-wheel", "fasttext-numpy2-wheel"):
        try:
            return f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return "unknown"
