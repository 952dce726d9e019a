"""The card of a trained classifier as a page, in Markdown."""

from __future__ import annotations

from classifiers.fasttext.card import Card, ManyClasses
from classifiers.fasttext.classes import ClassReport, most_confused
from classifiers.fasttext.teacher import describe_teacher

_TUNED = ("learning_rate", "dim", "epoch", "min_count", "word_ngrams")  # settings that stand in the card as autotune left them


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
    positive = f"; positive: `{data.positive}`" if data.positive is not None else ""
    teacher = describe_teacher(card.teacher) if card.teacher else ""
    return f"""# {name}

{_describe_many(card, card.classes) if card.classes else _describe_two(card)}

{_describe_sources(card)}Texts are prepared as in training by `classifiers.fasttext.model`: stripped, lines joined by spaces, nothing else.

## Held-out rows

{_describe_hold_out(card)}

| threshold | kept | precision | recall | F1 |
|---|---|---|---|---|
{lines}

"Kept" is a share of the held-out rows. A corpus has another mix of classes, and there the share and the precision differ.

{_describe_classes(card.classes.report) if card.classes else ""}{_describe_quantised(card)}{teacher}## Data

Files: {", ".join(f"`{file}`" for file in data.files)}. Rows by label: {labels}{positive}.
Trained on {_trained(card)}{search}. Left out: {data.blank:,} blank rows,
{data.duplicates:,} duplicates, and {data.conflicting:,} rows of texts with several classes{_rare(card.classes)}.
Digest of the data: `{data.digest}`.

## Settings

| setting | value |
|---|---|
{settings}
| buckets of the model | {card.buckets} |
| fastText | {card.fasttext_version} |
"""


def _describe_two(card: Card) -> str:
    return f"""A fastText classifier of two classes. Its score is the probability of `{card.label}`, from 0 to 1; texts that score at least
**{card.threshold:.6f}** count as good ({card.threshold_rule})."""


def _describe_many(card: Card, classes: ManyClasses) -> str:
    return f"""A fastText classifier that gives a text one of {len(classes.report.lines)} labels: the likeliest, where its probability is
at least **{card.threshold:.6f}** ({card.threshold_rule}), else none. Probabilities are calibrated by a temperature of
**{classes.temperature:.3f}** (temperature scaling, Guo et al. 2017, arXiv 1706.04599), fitted on the held-out rows."""


def _describe_hold_out(card: Card) -> str:
    data, classes = card.data, card.classes
    if classes is None:
        return f"""{data.held_out_good:,} good and {data.held_out_bad:,} bad rows that the model has not seen.
AUC **{card.auc or 0:.3f}**, accuracy at 0.5 **{card.accuracy:.3f}**.
"""
    report, calibration = classes.report, classes.calibration
    return f"""{sum(line.texts for line in report.lines):,} rows that the model has not seen. Of these **{card.accuracy:.1%}** are given the
right label; macro-F1 **{report.macro_f1:.3f}**. Expected calibration error {calibration.error_before:.3f} before the temperature and
{calibration.error_after:.3f} after it, each half of the rows by the temperature of the other. Below, "precision" is the share of right
labels among those given, where less probable ones are left out.
"""


def _describe_classes(report: ClassReport) -> str:
    rows = "\n".join(
        f"| {place} | {line.label} | {line.texts:,} | {line.given:,} | {_share(line.precision)} | {_share(line.recall)} | {line.f1:.3f} |"
        for place, line in enumerate(report.lines, 1)
    )
    heads = " | ".join(str(place) for place in range(1, len(report.lines) + 1))
    matrix = "\n".join(
        f"| {place} {line.label} | {' | '.join(str(count) if count else '' for count in counts)} |"
        for place, (line, counts) in enumerate(zip(report.lines, report.confusion, strict=True), 1)
    )
    pairs = "; ".join(f"{own} as {given} ({count:,})" for own, given, count in most_confused(report, 10))
    return f"""## Labels

| | label | rows | given | precision | recall | F1 |
|---|---|---|---|---|---|---|
{rows}

Rows by the label that they have, and by the one that they are given:

| | {heads} |
|---|{"---|" * len(report.lines)}
{matrix}

Most often mistaken: {pairs or "none"}.

"""


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _trained(card: Card) -> str:
    if card.classes is None:
        return f"{card.data.trained_good:,} good and {card.data.trained_bad:,} bad rows"
    counts = card.classes.trained
    return f"{sum(counts.values()):,} rows ({', '.join(f'{name} {count:,}' for name, count in counts.items())})"


def _rare(classes: ManyClasses | None) -> str:
    names = ", ".join(f"`{name}`" for name in classes.rare) if classes else ""
    return f"; of labels too, which one text at most has: {names}" if names else ""


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
    return f"""The quantised model (`.ftz`) has {size:.0%} of the bytes. On the same rows: AUC **{card.quantised.auc or 0:.3f}**; at
{line.threshold:.6f} precision {line.precision:.3f}, recall {line.recall:.3f}.

"""
