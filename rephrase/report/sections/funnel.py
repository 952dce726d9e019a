"""From records to the mixture, and what went wrong on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rephrase.engines.base import PROMPT_TOO_LONG
from rephrase.live.words import counted
from rephrase.recipes.base import TRUNCATED
from rephrase.report.charts import bars
from rephrase.report.page import Part, Section
from rephrase.report.sections.mixture import values_table
from rephrase.report.sections.personal_data import personal_data
from rephrase.report.wording import NOTHING, count, large, percent

if TYPE_CHECKING:
    from rephrase.report.figures import RunFigures

_SAME_AGAIN = (TRUNCATED, PROMPT_TOO_LONG)  # errors that the same limits bring again


def funnel(figures: RunFigures) -> Section:
    """From records to the mixture."""
    parts = []
    documents = list(_document_steps(figures))
    if documents:
        parts.append(Part("Documents", charts=[("", bars.bars(_falling(documents), "documents"))], notes=_dropped(figures)))
    for name, counts in figures.labels.items():
        parts.append(values_table(f"Documents by label: {name}", name, counts, figures.documents.tokens))
    if figures.documents.scrubbed or figures.scrubbing:
        parts.append(personal_data(figures.documents.scrubbed, figures.scrubbing))
    total = figures.total
    if total.generations:
        parts.append(
            Part(
                "Generations",
                charts=[("", bars.bars(_falling(list(_generation_steps(figures))), "generations", color="var(--series-3)"))],
            )
        )
        rows = [
            ("prompts read", large(total.prompt_tokens), NOTHING),
            ("tokens written", large(total.completion_tokens), "100%"),
            (
                "tokens kept",
                large(total.kept_tokens),
                percent(total.kept_tokens / total.completion_tokens if total.completion_tokens else None),
            ),
        ]
        if total.reasoning_tokens:
            rows.insert(
                2, ("of these, reasoning", large(total.reasoning_tokens), percent(total.reasoning_tokens / total.completion_tokens))
            )
        notes = ["Tokens kept are counted by the run's tokenizer, those written by the model's: where these differ, so do the counts."]
        parts.append(Part("Tokens", columns=("", "#tokens", "#of those written"), rows=rows, notes=notes))
    return Section(
        "funnel", "Funnel", "From the input to the mixture", parts or [Part(says="No data, because no stage has made a row yet.")]
    )


def _document_steps(figures: RunFigures) -> Iterator[tuple[str, int]]:
    documents = figures.documents
    if documents.records:
        yield "records of the input", documents.records
    if documents.documents:
        yield "documents", documents.documents
    if figures.screened is not None and figures.screened.screened:
        yield "kept by screening", figures.screened.kept
        if figures.duplicate_documents is not None:
            yield "without near duplicates", figures.screened.kept - figures.duplicate_documents
    elif figures.duplicate_documents is not None and documents.documents:
        yield "without near duplicates", documents.documents - figures.duplicate_documents


def _generation_steps(figures: RunFigures) -> Iterator[tuple[str, int]]:
    total = figures.total
    yield "generations", total.generations
    yield "without an error", total.generations - total.errors
    if total.judged:
        if total.judged < total.generations:
            yield "judged, without steps to others", total.judged
        yield "kept by the checks", total.kept
        if figures.duplicates is not None:
            yield "without near duplicates", total.kept - figures.duplicates
    if figures.mixture:
        synthetic = [entry["rows"] for entry in figures.mixture.get("counts", {}).get("origin", ()) if entry["value"] == "synthetic"]
        yield "in the mixture, repeats counted", sum(synthetic)


def _falling(steps: Sequence[tuple[str, int]]) -> list[tuple[str, float, str]]:
    first = steps[0][1] or 1
    return [
        (name, number, count(number) if place == 0 else f"{count(number)} ({percent(number / first)})")
        for place, (name, number) in enumerate(steps)
    ]


def _dropped(figures: RunFigures) -> list[str]:
    dropped = {name: number for name, number in figures.documents.dropped.items() if number}
    notes = []
    if dropped:
        notes.append("Records without a document: " + ", ".join(f"{name} {count(number)}" for name, number in dropped.items()) + ".")
    if figures.read_errors:
        notes.append(f"{count(figures.read_errors)} places of the input could not be read; they are listed in `errors`.")
    return notes


def errors(figures: RunFigures, in_words: Callable[[str], str]) -> Section:
    """Rows without a text, by cause. `in_words`: a cause, with what explains it."""
    causes = figures.total.causes
    again = _again(figures)
    if not causes:
        says = again or "every request was answered, and every answer could be read."
        return Section("errors", "Errors", "Errors by cause", [Part(says=f"No row has one: {says}")])
    shown = list(causes.items())[:20]
    total = max(figures.total.generations, 1)
    rows = [(in_words(name), float(number), f"{count(number)} ({percent(number / total)})") for name, number in shown]
    notes = [f"And {count(len(causes) - len(shown))} rarer causes."] if len(causes) > len(shown) else []
    notes += [f"{again[0].upper()}{again[1:]}"] if again else []
    caption = "Rows, and their share of all generations."
    if any(name not in _SAME_AGAIN for name in causes):
        but = " A limit would cut an answer again, and a prompt stays too long." if any(name in causes for name in _SAME_AGAIN) else ""
        caption += f" `rephrase rewrite run.yaml --retry-errors` asks for them again.{but}"
    return Section(
        "errors",
        "Errors",
        "Errors by cause",
        [Part(charts=[(caption, bars.bars(rows, "generations", color="var(--reject)"))], notes=notes)],
    )


def _again(figures: RunFigures) -> str:
    """What was asked for again, in a sentence; empty where nothing was."""
    total = figures.total
    if not total.retried:
        return ""
    share = percent(total.retried / max(total.requests, 1))
    times = f"{count(total.retried)} ({share}) {'was' if total.retried == 1 else 'were'}"
    return f"of {counted(total.requests, 'request')} {times} sent again, as the answer before could not be read."
