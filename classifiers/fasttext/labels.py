"""Labelled texts from JSONL files."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from classifiers.fasttext.model import normalise
from rephrase.errors import UserError
from rephrase.readers.plain_rows import field_of, rows_of
from rephrase.records import content_id

GOOD, BAD = "good", "bad"
"""The names of two classes."""
_POSITIVE = ("1", "true", "good", "hq", "high", "positive", "yes", "keep", "__label__1", "__label__good", "__label__hq")
_BOUND = re.compile(r"(>=|>|<=|<|==)\s*(-?\d+(?:\.\d+)?)")
_COMPARE = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt, "==": operator.eq}
_FIELDS = "name the fields with --text-field, --label-field and --source-field"


@dataclass(frozen=True, slots=True)
class SourcedTexts:
    """Texts as a corpus has them, duplicates too, each with the name of its source. All lists are equally long."""

    texts: list[str]
    sources: list[str]
    classes: list[str]
    """GOOD or BAD, or each text's label; empty where no labels were asked for."""


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Distinct texts with their class, and what was left out. There are two classes, GOOD and BAD, or one for each of many labels."""

    texts: list[str]
    """Normalised for fastText, in an order that is random but depends on nothing but the texts."""
    classes: list[str]
    names: tuple[str, ...]
    """Of the classes: GOOD and BAD, or the labels in their order."""
    labels: dict[str, int]
    """Rows of each label, as read."""
    positive: str | None
    """The label of good texts; None where each label is a class."""
    blank: int
    """Rows left out for a text without words."""
    duplicates: int
    """Rows left out for a text that stood there before, with the same class."""
    conflicting: int
    """Rows left out for a text that has several classes."""
    digest: str

    @property
    def good(self) -> list[bool]:
        """Whether each text is good, of two classes."""
        return [name == GOOD for name in self.classes]

    @property
    def is_of_many(self) -> bool:
        """Whether each label is a class."""
        return self.positive is None

    def rows_of(self, name: str) -> list[int]:
        """The numbers of a class's texts."""
        return [row for row, own in enumerate(self.classes) if own == name]


def read_labelled(
    paths: Sequence[str], text_field: str, label_field: str, positive: str | None, of_many: bool | None = None
) -> LabelledTexts:
    """Read all rows of the files, folders or globs.

    `of_many`: whether each label is a class; by default where there are more than two and no positive one is named. Raises `UserError`,
    with file and row, for missing files, bad JSON, missing fields and values of the wrong type; and for data that is empty, of a single
    class, or leaves open which label is the positive one.
    """
    rows: list[tuple[str, str]] = []
    for place, record in rows_of(paths):
        label = _label(field_of(record, label_field, place, _FIELDS), label_field, place)
        rows.append((_text(field_of(record, text_field, place, _FIELDS), text_field, place), label))
    where = ", ".join(paths)
    if not rows:
        raise UserError("there are no rows", where=where, cure=f'give JSON lines such as {{"{text_field}": "…", "{label_field}": 1}}')
    labels = Counter(label for _, label in rows)
    of_many = _are_many(labels, positive, where) if of_many is None else of_many
    positive_label = None if of_many else positive or _guess(labels, where)
    if positive_label is None:
        class_of_label = {label: label for label in labels}
    else:
        class_of_label = {label: GOOD if _is_good(label, positive_label, where) else BAD for label in labels}
    if of_many and len(labels) == 1:
        raise UserError(f"all rows have the label {next(iter(labels))}", where=where, cure="give texts of several labels")
    if positive_label is not None and len(set(class_of_label.values())) == 1:
        listing = ", ".join(f"{label} ({count})" for label, count in labels.most_common(8))
        which = "positive" if GOOD in class_of_label.values() else "negative"
        cure = "a classifier needs texts of both classes" if positive is None else f"--positive takes one of the labels, not `{positive}`"
        raise UserError(f"all rows are {which}; labels: {listing}", where=where, cure=cure)
    classes: dict[str, set[str]] = {}
    for text, label in rows:
        if text:
            classes.setdefault(text, set()).add(class_of_label[label])
    class_of_text = {text: next(iter(text_classes)) for text, text_classes in classes.items() if len(text_classes) == 1}
    ordered = sorted((content_id(text), text) for text in class_of_text)
    blank = sum(1 for text, _ in rows if not text)
    conflicting = sum(1 for text, _ in rows if text and text not in class_of_text)
    return LabelledTexts(
        texts=[text for _, text in ordered],
        classes=[class_of_text[text] for _, text in ordered],
        names=tuple(sorted(labels)) if of_many else (GOOD, BAD),
        labels=dict(labels.most_common()),
        positive=positive_label,
        blank=blank,
        duplicates=len(rows) - blank - conflicting - len(class_of_text),
        conflicting=conflicting,
        digest=content_id(*(part for key, text in ordered for part in (key, _digested(class_of_text[text], of_many=of_many)))),
    )


def _digested(name: str, *, of_many: bool) -> str:
    """A class in the digest of data, where two classes have always been True and False."""
    return name if of_many else str(name == GOOD)


def _are_many(labels: Counter[str], positive: str | None, where: str) -> bool:
    if positive is not None or len(labels) <= 2:
        return False
    if all(_is_number(label) for label in labels):
        listing = ", ".join(f"{label} ({count})" for label, count in labels.most_common(8))
        cure = "say which grades are good, for example --positive '>=3'; or name the labels by words"
        raise UserError(f"the labels are numbers: {listing}", where=where, cure=cure)
    return True


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


def read_texts(paths: Sequence[str], text_field: str) -> list[str]:
    """The texts of unlabelled JSONL files, normalised, without blank ones. Raises `UserError` like `read_labelled`."""
    texts = [_text(field_of(record, text_field, place, _FIELDS), text_field, place) for place, record in rows_of(paths)]
    texts = [text for text in texts if text]
    if not texts:
        raise UserError("there are no texts", where=", ".join(paths), cure="give JSON lines with texts")
    return texts


def read_sourced(
    paths: Sequence[str], text_field: str, source_field: str | None, labels: tuple[str, str | None] | None, *, of_many: bool = False
) -> SourcedTexts:
    """The texts of JSONL files, normalised, without blank ones. Raises `UserError` like `read_labelled`.

    `labels` are the label field and the positive label (None: to be guessed); None leaves labels unread, and the field absent.
    Without a `source_field` all sources are "". `of_many`: each label is a class.
    """
    texts, sources, row_labels = [], [], []
    for place, record in rows_of(paths):
        text = _text(field_of(record, text_field, place, _FIELDS), text_field, place)
        if not text:
            continue
        texts.append(text)
        sources.append(_label(field_of(record, source_field, place, _FIELDS), source_field, place) if source_field else "")
        if labels:
            row_labels.append(_label(field_of(record, labels[0], place, _FIELDS), labels[0], place))
    where = ", ".join(paths)
    if not texts:
        raise UserError("there are no texts", where=where, cure="give JSON lines with texts")
    if not labels:
        return SourcedTexts(texts, sources, [])
    if of_many:
        return SourcedTexts(texts, sources, row_labels)
    counts = Counter(row_labels)
    positive = labels[1] or _guess(counts, where)
    is_good = {label: _is_good(label, positive, where) for label in counts}
    return SourcedTexts(texts, sources, [GOOD if is_good[label] else BAD for label in row_labels])


def _text(value: Any, field: str, place: str) -> str:
    if not isinstance(value, str):
        raise UserError(f"`{field}` is not a string but {value!r}", where=place, cure="give the text as a string, or leave the row out")
    return normalise(value).strip()


def _label(value: Any, field: str, place: str) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float) or (isinstance(value, str) and value.strip()):
        return str(value).strip()
    raise UserError(f"`{field}` is not a label but {value!r}", where=place, cure="give a string, a number, true or false")


def _guess(labels: Counter[str], where: str) -> str:
    candidates = [label for label in labels if label.lower() in _POSITIVE]
    if len(candidates) == 1 or len(labels) == 1:
        return (candidates or list(labels))[0]
    listing = ", ".join(f"{label} ({count})" for label, count in labels.most_common(8))
    cure = "set `positive` (--positive), for example --positive good or --positive '>=3'"
    raise UserError(f"which label is the positive one? {listing}", where=where, cure=cure)


def _is_good(label: str, positive: str, where: str) -> bool:
    bound = _BOUND.fullmatch(positive.strip())
    if not bound:
        return label == positive
    try:
        return bool(_COMPARE[bound[1]](float(label), float(bound[2])))
    except ValueError as error:
        raise UserError(f"`positive` is {positive}, but the label `{label}` is no number", where=where, cure="name a label") from error
