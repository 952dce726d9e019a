"""Originals beside rewrites, near duplicates, and benchmarks in the texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rephrase.report.diversity import MEASURES, compared_by
from rephrase.report.page import Part, Section
from rephrase.report.wording import count, percent, short_number

if TYPE_CHECKING:
    from rephrase.report.contamination import Overlap
    from rephrase.report.facts import RecipeFacts
    from rephrase.report.figures import RunFigures

_MEANINGS = {
    "distinct_1": "share of words that differ from all others",
    "distinct_2": "the same of pairs of words",
    "distinct_3": "of three",
    "distinct_4": "of four",
    "compression": "how often smaller zlib makes the texts: repeats within 32 KB",
    "far_compression": "the same by zstd: repeats anywhere",
    "self_bleu": "how much of a text stands in the others",
    "mtld": "words until the vocabulary repeats itself",
    "tail_kept": "of the rare words of other originals",
    "embedding_spread": "how far the meanings lie apart",
}


def texts(figures: RunFigures, diversity: Sequence[Mapping[str, Any]], why_not: str, facts: Mapping[str, RecipeFacts]) -> Section:
    """Originals beside rewrites: how varied they are, and what rewrites made of facts."""
    parts = [_diversity(diversity) if diversity else Part("Diversity", says=f"No data, because {why_not}.")]
    if facts:
        columns = (
            "recipe",
            "#rows",
            "#numbers kept",
            "#names kept",
            "#with an invented number",
            "#new numbers",
            "#new names",
            "#word for word",
        )
        rows = [
            (
                name,
                count(f.rows),
                percent(f.kept_numbers),
                percent(f.kept_names),
                percent(f.invented),
                short_number(f.new_numbers),
                short_number(f.new_names),
                percent(f.overlap),
            )
            for name, f in facts.items()
        ]
        notes = [
            "Of the kept rows of the explorer's sample. Numbers and names are found by their spelling alone.",
            "New: what the passage lacks, a rewrite. Word for word: the median share of a rewrite's words in runs of eight of its passage.",
        ]
        parts.append(Part("Facts, and what was copied", columns=columns, rows=rows, notes=notes))
    else:
        parts.append(Part("Facts, and what was copied", says="No data, because no kept rewrite has a passage."))
    parts.append(_duplicates(figures))
    return Section("texts", "Texts", "Originals beside rewrites", parts)


def _diversity(measured: Sequence[Mapping[str, Any]]) -> Part:
    names = [str(figures["name"]) for figures in measured]
    rows = []
    for measure, (label, direction) in MEASURES.items():
        values = [figures.get(measure) for figures in measured]
        if any(value is not None for value in values):
            rows.append((label, *map(short_number, values), direction, _MEANINGS[measure]))
    notes = [
        f"Measured {compared_by(measured[0])}: as much as all of these have. `rephrase compare` takes other amounts and has other figures.",
        "The originals' share of rare words kept is that of a sample that lost nothing.",
    ]
    return Part("Diversity", columns=("", *(f"#{name}" for name in names), "in a collapse", "what it is"), rows=rows, notes=notes)


def _duplicates(figures: RunFigures) -> Part:
    title = "Near duplicates"
    if figures.duplicates is None:
        return Part(title, says="Not looked for: the config has no `dedup`.")
    rows = [
        (recipe.name, count(recipe.kept), count(recipe.duplicates), percent(recipe.duplicates / recipe.kept if recipe.kept else None))
        for recipe in figures.recipes
    ]
    documents = figures.duplicate_documents
    notes = [f"Among documents: {count(documents)} of {count(figures.documents.documents)}."] if documents is not None else []
    by_meaning = figures.duplicates_by_meaning
    notes += [f"Of all these, {count(by_meaning)} say the same as a text that stays in other words."] if by_meaning else []
    return Part(title, columns=("recipe", "#kept", "#near duplicates", "#share"), rows=rows, notes=notes)


def contamination(overlaps: Sequence[Overlap]) -> Section:
    """What benchmarks stand in the texts."""
    title = "Benchmarks in the texts"
    if not overlaps:
        says = "Not looked for: no check of this run is `contamination`."
        return Section("contamination", "Benchmarks", title, [Part(says=says)])
    columns = ("benchmark", "table", "#items", "#searched", "#rows with an item", "#items met")
    rows = [(o.benchmark, o.table, count(o.items), count(o.searched), count(o.rows), count(len(o.found))) for o in overlaps]
    examples = [
        f"{o.table} {example['id']} holds {percent(example['ratio'])} of item {example['item']} of {o.benchmark}: "
        f"{' '.join(example['excerpt'].split())}"
        for o in overlaps
        for example in o.examples
    ]
    return Section("contamination", "Benchmarks", title, [Part(columns=columns, rows=rows, notes=examples)])
