"""What a run made, as sections of a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rephrase.records import KEEP
from rephrase.report import charts
from rephrase.report.page import Part, Section
from rephrase.report.wording import NOTHING, count, large, percent, short_number

if TYPE_CHECKING:
    from markupsafe import Markup

    from rephrase.report.figures import RecipeFigures, RunFigures
    from rephrase.report.provenance import Provenance
    from rephrase.report.rows import Measured

_FEWEST = 5  # rows of which a chart of how they are spread still tells something
_SCORES = 12  # charts of scores that are shown
_OF_A_CHECK = 3  # of them: the measures of one check often go together


def about(known: Provenance) -> Section:
    """What the run was made of."""
    engines = [(one.name, one.kind, one.model, one.revision, one.version, one.license) for one in known.engines]
    licenses = [(name, large(tokens)) for name, tokens in known.licenses]
    parts = [
        Part("Models", columns=("engine", "kind", "model", "revision", "server", "licence"), rows=engines),
        Part("Input", columns=("files",), rows=[(path,) for path in known.sources])
        if known.sources
        else Part("Input", says="No documents: the recipes make rows of their own."),
        Part("Licences of the documents", columns=("licence", "#tokens of the mixture"), rows=licenses),
        Part("Checks, in their order", columns=("check", "settings"), rows=known.checks)
        if known.checks
        else Part("Checks", says="Those by default: `rephrase config checks` lists them with their reasons."),
        Part("Versions of rephrase", columns=("stage", "version"), rows=known.versions),
    ]
    return Section("run", "Run", "What this run is", parts)


def funnel(figures: RunFigures) -> Section:
    """From records to the mixture."""
    parts = []
    documents = list(_document_steps(figures))
    if documents:
        parts.append(Part("Documents", charts=[("", charts.bars(_falling(documents), "documents"))], notes=_dropped(figures)))
    total = figures.total
    if total.generations:
        parts.append(
            Part(
                "Generations",
                charts=[("", charts.bars(_falling(list(_generation_steps(figures))), "generations", color="var(--series-3)"))],
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
            yield "that are texts, not steps to one", total.judged
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


def by_recipe(figures: RunFigures, measured: Measured) -> Section:
    """What each recipe made, and what became of it."""
    if not figures.recipes:
        return Section("recipes", "Recipes", "By recipe", [Part(says="No data, because nothing was rewritten yet.")])
    columns = (
        "recipe",
        "#passages",
        "#generations",
        "#kept",
        "#keep-rate",
        "#tokens written",
        "#tokens kept",
        "#written per kept",
        "rejected most by",
    )
    rows = [_recipe_row(recipe) for recipe in figures.recipes]
    total = _recipe_row(figures.total) if len(rows) > 1 else None
    parts = [Part(columns=columns, rows=rows, total=total)]
    verdicts = {recipe.name: {KEEP: recipe.kept, **recipe.rejected} for recipe in figures.recipes if recipe.judged}
    parts.append(
        Part("Verdicts", charts=[("The first check that rejects a row gives its verdict.", charts.verdicts(verdicts))])
        if verdicts
        else Part("Verdicts", says="No data, because nothing was judged yet.")
    )
    return Section("recipes", "Recipes", "By recipe", [*parts, *_lengths(measured), _scores(measured)])


def _recipe_row(recipe: RecipeFigures) -> tuple[str, ...]:
    most = ", ".join(f"{name} {count(number)}" for name, number in list(recipe.rejected.items())[:3])
    return (
        recipe.name,
        count(recipe.passages),
        count(recipe.generations),
        count(recipe.kept),
        percent(recipe.keep_rate),
        large(recipe.completion_tokens),
        large(recipe.kept_tokens),
        short_number(recipe.written_per_kept),
        most or NOTHING,
    )


def _lengths(measured: Measured) -> Iterator[Part]:
    passages, texts = measured.of(measured.passage_characters), measured.of(measured.text_characters, kept=True)
    if len(texts) < _FEWEST:
        yield Part("Lengths", says="No data, because fewer than five rewrites were kept.")
        return
    groups = {"passages": passages, "kept rewrites": texts}
    yield Part(
        "Lengths",
        charts=[
            (
                f"Share of rows; those above the 99.5th percentile fall into the last bar. Of {count(len(measured.kept))} rows.",
                charts.histogram(groups, "characters"),
            )
        ],
    )
    ratios = {}
    for recipe in sorted(set(measured.recipe)):
        spans, own = (measured.of(column, recipe, kept=True) for column in (measured.passage_characters, measured.text_characters))
        if len(own) >= _FEWEST and len(own) == len(spans) and spans.min() > 0:
            ratios[recipe] = own / spans
    if ratios:
        caption = (
            "Bar: the middle half of kept rewrites; line: all but a tenth at each end; mark: the median. Dashed: as long as the passage."
        )
        yield Part("Length of a rewrite ÷ its passage", charts=[(caption, charts.intervals(ratios, "characters ÷ characters", at=1.0))])


def _scores(measured: Measured) -> Part:
    drawn: list[tuple[str, Markup]] = []
    for name in _telling(measured)[:_SCORES]:
        groups = {key: measured.of(measured.scores[name], kept=keep) for key, keep in (("kept", True), ("rejected", False))}
        groups = {key: numbers for key, numbers in groups.items() if len(numbers)}
        drawn.append((name, charts.histogram(groups, "", width=240, height=70, top=99)))
    if not drawn:
        return Part("Scores", says="No data, because no score of this run differs between rows.")
    says = (
        f"Green: kept rows; red: rejected ones, by any check; each as shares of their own. {count(len(measured.kept))} rows, drawn evenly."
    )
    return Part("Scores", says=says, charts=drawn)


def _telling(measured: Measured) -> list[str]:
    """Names of scores that differ between rows, those first that set kept rows apart from rejected ones."""
    apart: dict[str, float] = {}
    for name, column in measured.scores.items():
        kept, rejected = (measured.of(column, kept=keep) for keep in (True, False))
        both = np.concatenate([kept, rejected])
        if len(both) >= _FEWEST and (spread := float(both.std())) > 0 and len(np.unique(both)) > 2:
            apart[name] = abs(float(kept.mean()) - float(rejected.mean())) / spread if len(kept) and len(rejected) else 0.0
    ranked = sorted(apart, key=lambda name: -apart[name])
    checks = [name.split(".")[0] for name in ranked]
    return [name for place, name in enumerate(ranked) if checks[:place].count(checks[place]) < _OF_A_CHECK]


def errors(figures: RunFigures) -> Section:
    """Rows without a text, by cause."""
    causes = figures.total.causes
    if not causes:
        return Section(
            "errors", "Errors", "Errors by cause", [Part(says="None: every request was answered, and every answer could be read.")]
        )
    shown = list(causes.items())[:20]
    total = max(figures.total.generations, 1)
    rows = [(name, float(number), f"{count(number)} ({percent(number / total)})") for name, number in shown]
    notes = [f"And {count(len(causes) - len(shown))} rarer causes."] if len(causes) > len(shown) else []
    caption = "Rows, and their share of all generations. `rephrase rewrite run.yaml --retry-errors` asks for them again."
    return Section(
        "errors",
        "Errors",
        "Errors by cause",
        [Part(charts=[(caption, charts.bars(rows, "generations", color="var(--reject)"))], notes=notes)],
    )


def mixture(manifest: Mapping[str, Any] | None, remarks: Sequence[str]) -> Section:
    """The shares of the mixture against what was asked for, and what it is made of."""
    title = "The mixture"
    if manifest is None:
        return Section(
            "mixture", "Mixture", title, [Part(says="No data, because there is no finished mixture yet: `rephrase run run.yaml` goes on.")]
        )
    phases = max((component["phase"] for component in manifest["components"]), default=0)
    parts = []
    for phase in range(phases + 1):
        own = [component for component in manifest["components"] if component["phase"] == phase]
        whole = sum(component["tokens"] for component in own) or 1
        rows = [(component["name"], component["tokens"] / whole, component["share"]) for component in own]
        heading = f"Shares, phase {phase + 1}" if phases else "Shares"
        columns = ("component", "#rows", "#tokens", "#share", "#asked for", "#epochs", "#tokens there")
        cells = [
            (
                c["name"],
                count(c["rows"]),
                large(c["tokens"]),
                percent(c["tokens"] / whole),
                percent(c["share"]),
                short_number(c["epochs"]),
                large(c["available_tokens"]),
            )
            for c in own
        ]
        parts.append(Part(heading, charts=[("", charts.shares(rows))], columns=columns, rows=cells))
    parts[-1] = Part(parts[-1].title, charts=parts[-1].charts, columns=parts[-1].columns, rows=parts[-1].rows, notes=remarks)
    for name, label in (
        ("origin", "By origin"),
        ("source", "By source"),
        ("recipe", "By recipe"),
        ("language", "By language"),
        ("synthetic_depth", "By synthetic depth"),
        ("license", "By licence"),
    ):
        counts = manifest.get("counts", {}).get(name, [])
        if len(counts) > 1 or (counts and name == "origin"):
            parts.append(_counted(label, name, counts, manifest["tokens"]))
    return Section("mixture", "Mixture", title, parts)


def _counted(title: str, name: str, counts: Sequence[Mapping[str, Any]], tokens: int) -> Part:
    missing = "original" if name == "recipe" else "none"
    rows = [
        (str(missing if c["value"] is None else c["value"]), count(c["rows"]), large(c["tokens"]), percent(c["tokens"] / max(tokens, 1)))
        for c in counts[:20]
    ]
    notes = [f"And {count(len(counts) - 20)} more."] if len(counts) > 20 else []
    return Part(title, columns=(name.replace("_", " "), "#rows", "#tokens", "#share"), rows=rows, notes=notes)
