"""What the commands of `rephrase classifier` print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from classifiers.fasttext.calibrate import Calibration
from classifiers.fasttext.classes import ClassReport, most_confused
from classifiers.fasttext.cross_validate import CrossValidation
from classifiers.fasttext.evaluate import Evaluation, Example
from classifiers.fasttext.metrics import Line
from classifiers.fasttext.train import Report
from rephrase.live.plain_console import PlainConsole

if TYPE_CHECKING:
    from rich.console import Console

_SPREAD = 0.2  # between the lowest and the highest line of the table; a model that has learnt its labels spreads over most of 0 to 1
_MOST_COLUMNS = 12  # of a confusion matrix in a terminal; the card and the JSON have larger ones
_PAIRS = 8
_BAR = 40  # characters of the longest bar of a histogram


def print_report(report: Report) -> None:
    """Print the hold-out table of a training, the threshold, and where the files are."""
    card, data = report.card, report.card.data
    console = _console()
    if report.up_to_date:
        console.print("Up to date: there is a model of these labels and settings.")
    if card.classes:
        print_classes(card.classes.report, console)
        calibration = card.classes.calibration
        change = f"calibration error {calibration.error_before:.3f} before, {calibration.error_after:.3f} after"
        rows = sum(line.texts for line in card.classes.report.lines)
        console.print(f"temperature  {calibration.temperature:.3f}: {change}, on {rows:,} held-out rows")
        measured = "by the least probability that a label needs"
    else:
        measured = f"{data.held_out_good:,} good and {data.held_out_bad:,} bad held-out rows: AUC {_number(card.auc)}, "
        measured += f"accuracy {card.accuracy:.3f}"
    console.print(_lines(card.hold_out, measured, card.threshold))
    console.print(f"threshold  {card.threshold:.6f}: {card.threshold_rule}")
    if card.classes is None and card.hold_out[-1].threshold - card.hold_out[0].threshold < _SPREAD:
        console.print("note       the scores hardly differ, as they do after few steps on few labels; try --epoch 25 --lr 0.5")
    if card.tuned:
        console.print("autotuned  " + ", ".join(f"{name} {value:g}" for name, value in card.tuned.items()))
    if card.classes:
        console.print(f"trained    on {sum(card.classes.trained.values()):,} rows of {len(card.classes.trained)} labels")
        if card.classes.rare:
            console.print(f"left out   labels that one text at most has: {', '.join(card.classes.rare)}")
    else:
        console.print(f"trained    on {data.trained_good:,} good and {data.trained_bad:,} bad rows")
    console.print(f"model      {report.model} ({card.model_bytes / 1e6:,.1f} MB)")
    if card.quantised:
        path = report.model.removesuffix(".bin") + ".ftz"
        console.print(f"quantised  {path} ({card.quantised.model_bytes / 1e6:,.1f} MB), AUC {_number(card.quantised.auc)}")
    console.print(f"card       {report.card_markdown}, {report.card_json}")


def print_cross_validation(result: CrossValidation) -> None:
    """Print a line for each fold, and the means with their standard deviations."""
    table = Table("fold", "good", "bad", "threshold", "AUC", "F1")
    for number, fold in enumerate(result.folds, 1):
        table.add_row(f"{number}", f"{fold.good:,}", f"{fold.bad:,}", f"{fold.threshold:.6f}", _number(fold.auc), f"{fold.f1:.3f}")
    console = _console()
    console.print(table)
    console.print(f"AUC  {_number(result.auc_mean)} ± {_number(result.auc_deviation)}")
    console.print(f"F1   {result.f1_mean:.3f} ± {result.f1_deviation:.3f}")


def print_evaluation(report: Evaluation) -> None:
    """Print all parts of a report."""
    console = _console()
    if report.trained_on_these:
        console.print("note: these are the labels that the model was trained on; the numbers flatter it")
    if report.unscored:
        console.print(f"note: {report.unscored:,} texts left out, of which the model knows no word")
    names = ("good", "bad")
    if report.classes:
        print_classes(report.classes, console)
        names = ("rightly labelled", "wrongly labelled")
    counts = f"{report.good:,} {names[0]} and {report.bad:,} {names[1]} texts"
    console.print(_lines(report.lines, f"{counts}: AUC {_number(report.auc)}", report.threshold))
    best = report.best
    console.print(f"highest F1 {best.f1:.3f} at {best.threshold:.6f}: precision {best.precision:.3f}, recall {best.recall:.3f}")
    table = Table("score", "texts", "mean score", f"share {names[0]}", title=f"expected calibration error {report.calibration_error:.3f}")
    for part in report.reliability:
        values = ("" if value is None else f"{value:.3f}" for value in (part.mean_score, part.share_good))
        table.add_row(f"{part.low:.1f}-{part.high:.1f}", f"{part.texts:,}", *values)
    console.print(table)
    for name, bins in zip(names, (report.histogram_good, report.histogram_bad), strict=True):
        console.print(f"scores of {name} texts")
        console.print(histogram(bins))
    _print_examples(console, f"{names[1]} texts at or above {report.threshold:.6f}", report.bad_above)
    _print_examples(console, f"{names[0]} texts below {report.threshold:.6f}", report.good_below)


def print_classes(report: ClassReport, console: Console) -> None:
    """Print how well each of many labels is given, and the confusion matrix, of which large ones are wide."""
    table = Table("", "label", title=f"accuracy {report.accuracy:.3f}, macro-F1 {report.macro_f1:.3f}")
    for name in ("texts", "given", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for place, line in enumerate(report.lines, 1):
        row = (f"{line.texts:,}", f"{line.given:,}", _number(line.precision), _number(line.recall), f"{line.f1:.3f}")
        table.add_row(f"{place}", line.label, *row)
    console.print(table)
    if len(report.lines) <= _MOST_COLUMNS:
        matrix = Table("has \\ is given", title="texts by the label that they have and the one that they are given")
        for place in range(1, len(report.lines) + 1):
            matrix.add_column(f"{place}", justify="right")
        for place, (line, counts) in enumerate(zip(report.lines, report.confusion, strict=True), 1):
            matrix.add_row(f"{place} {line.label}", *(f"{count:,}" if count else "" for count in counts))
        console.print(matrix)
    pairs = "; ".join(f"{own} as {given} ({count:,})" for own, given, count in most_confused(report, _PAIRS))
    console.print(f"most often mistaken: {pairs or 'none'}")


def print_calibration(result: Calibration) -> None:
    """Print the old and the new threshold, and those of sources."""
    card = result.card
    console = _console()
    console.print(f"threshold  {card.threshold:.6f} (was {result.before:.6f}): {card.threshold_rule}")
    if result.texts:
        table = Table("source", "texts", "threshold")
        for source, texts in result.texts.items():
            own = card.source_thresholds.get(source)
            table.add_row(source, f"{texts:,}", f"{own:.6f}" if own is not None else "that of all: too few texts")
        console.print(table)


def histogram(counts: Sequence[int]) -> str:
    """Counts of bins of equal width from 0 to 1 as lines of text, each with a bar; the longest bar has 40 characters."""
    most = max([*counts, 1])
    bars = ("#" * (-(-count * _BAR // most)) for count in counts)  # rounded up, so that a single text still shows
    return "\n".join(
        f"{place / len(counts):.2f} {bar:<{_BAR}} {count:,}" for place, (bar, count) in enumerate(zip(bars, counts, strict=True))
    )


def _lines(lines: Sequence[Line], title: str, threshold: float) -> Table:
    table = Table(title=title)
    for name in ("threshold", "kept", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for line in lines:
        row = (f"{line.threshold:.6f}", f"{line.kept:.1%}", f"{line.precision:.3f}", f"{line.recall:.3f}", f"{line.f1:.3f}")
        table.add_row(*row, style="bold" if line.threshold == threshold else None)
    return table


def _print_examples(console: Console, title: str, examples: Sequence[Example]) -> None:
    console.print(title if examples else f"no {title}")
    for example in examples:
        console.print(f"  {example.score:.4f}  {example.text}")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _console() -> Console:
    return PlainConsole(soft_wrap=True)
