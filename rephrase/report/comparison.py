"""Runs side by side, as lines of a table and as a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rephrase import __version__
from rephrase.live.words import span
from rephrase.report.compare import Compared
from rephrase.report.cost import Cost
from rephrase.report.differences import Mark
from rephrase.report.diversity import MEASURES, compared_by
from rephrase.report.figures import RecipeFigures, RunFigures
from rephrase.report.page import page
from rephrase.report.rows import Row
from rephrase.report.wording import NOTHING, count, large, percent, short_number
from rephrase.report.work import Work


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a comparison: what it is about, and a value for each run."""

    name: str
    values: tuple[str, ...]
    is_number: bool = True


def tables_of(compared: Compared) -> Iterator[tuple[str, list[Line]]]:
    """All tables of a comparison with their titles; those without lines are left out."""
    models = tuple(" + ".join(model.model for model in one.models if model.model) or NOTHING for one in compared.figures)
    settings = {**({"models": models} if len(set(models)) > 1 else {}), **compared.settings}
    yield "What differs in the settings", [Line(key, values, is_number=False) for key, values in settings.items()]
    yield "What they made", [*_totals(compared)]
    yield "Keep-rate by recipe", _by_recipe(compared.figures, lambda recipe: percent(recipe.keep_rate))
    yield (
        "Tokens written for each that was kept, by recipe",
        _by_recipe(compared.figures, lambda recipe: short_number(recipe.written_per_kept)),
    )
    yield "GPU hours for a million kept tokens, by recipe", _costs(compared, "gpu_hours_per_million")
    yield "Money for a million kept tokens, by recipe", _costs(compared, "money_per_million")
    if compared.diversity:
        how = compared_by(compared.diversity[0])
        title = f"How varied the kept rewrites are, {how}: as much as all of these have, and so not as a report of one run measures"
        yield title, [*_diversity(compared.diversity)]


def _totals(compared: Compared) -> Iterator[Line]:
    figures: Sequence[RunFigures] = compared.figures

    def line(name: str, value: Callable[[RunFigures], str]) -> Line:
        return Line(name, tuple(value(one) for one in figures))

    yield line("documents", lambda one: count(one.documents.documents))
    yield line("generations", lambda one: count(one.total.generations))
    yield line("rows with an error", lambda one: percent(one.total.errors / one.total.generations if one.total.generations else None))
    yield line("judged", lambda one: count(one.total.judged))
    yield line("keep-rate", lambda one: percent(one.total.keep_rate))
    yield line("prompt tokens", lambda one: large(one.total.prompt_tokens))
    yield line("tokens written", lambda one: large(one.total.completion_tokens))
    yield line("tokens kept", lambda one: large(one.total.kept_tokens))
    yield line("written for each kept", lambda one: short_number(one.total.written_per_kept))
    yield line("near duplicates", lambda one: count(one.duplicates))
    yield line("tokens of the mixture", lambda one: large(one.mixture["tokens"] if one.mixture else None))
    seconds = [work.engine_seconds if work else None for work in compared.work]
    yield Line("engine time with starts and waiting", tuple(NOTHING if one is None else span(one) for one in seconds))
    yield Line(
        "of it generating", tuple(percent(work.shares()["generating"]) if work and work.servers else NOTHING for work in compared.work)
    )
    yield Line("tokens/s an engine at work", tuple(count(_rate(work)) if work and work.servers else NOTHING for work in compared.work))
    yield from _spent(compared.costs)


def _rate(work: Work) -> float:
    return sum(engine.tokens for engine in work.engines) / max(sum(engine.busy for engine in work.engines), 1e-9)


def _spent(costs: Sequence[Cost]) -> Iterator[Line]:
    """Without the lines that no run knows."""
    lines = [
        Line("GPU hours at work", tuple(short_number(one.gpu_hours) for one in costs)),
        Line("GPU hours for a million kept tokens", tuple(short_number(one.total.gpu_hours_per_million) for one in costs)),
        Line("money", tuple(short_number(one.money) for one in costs)),
        Line("money for a million kept tokens", tuple(short_number(one.total.money_per_million) for one in costs)),
        Line("days for a billion kept tokens", tuple(short_number(one.days_per_billion) for one in costs)),
    ]
    yield from (line for line in lines if set(line.values) != {NOTHING})


def _costs(compared: Compared, figure: str) -> list[Line]:
    """A figure by recipe; no line where no run knows it."""
    by_run = [{one.recipe: getattr(one, figure) for one in cost.recipes} for cost in compared.costs]
    names = sorted({name for one in by_run for name, value in one.items() if value is not None})
    return [Line(name, tuple(short_number(own.get(name)) for own in by_run)) for name in names]


def _by_recipe(figures: Sequence[RunFigures], value: Callable[[RecipeFigures], str]) -> list[Line]:
    names = sorted({recipe.name for one in figures for recipe in one.recipes})
    by_run = [{recipe.name: recipe for recipe in one.recipes} for one in figures]
    return [Line(name, tuple(value(own[name]) if name in own else NOTHING for own in by_run)) for name in names]


def _diversity(measured: Sequence[dict[str, Any]]) -> Iterator[Line]:
    original, *rewrites = measured
    for name, (label, direction) in MEASURES.items():
        if original.get(name) is not None:
            about = f"{label} (originals {short_number(original[name])}; {direction} in a collapse)"
            yield Line(about, tuple(short_number(one.get(name)) for one in rewrites))


def comparison_page(compared: Compared) -> str:
    """The comparison as one HTML file."""
    return page(
        "compare.html.j2",
        ("page.js",),
        title="runs side by side",
        heading=" beside ".join(compared.names),
        made=f"told by rephrase {__version__}",
        names=compared.names,
        tables=[(title, lines) for title, lines in tables_of(compared) if lines],
        passages=[_passage(rows, compared.names) for rows in compared.passages],
    )


def _passage(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Any]:
    first = rows[0]
    rewrites = [
        {"name": name, "verdict": row.verdict, "parts": _parts(row.text, row.differences.text)}
        for name, row in zip(names, rows, strict=True)
    ]
    return {
        "recipe": first.recipe,
        "document": first.about.get("url") or first.about["document_id"],
        "passage": first.passage,
        "rewrites": rewrites,
    }


def _parts(text: str, marks: Sequence[Mark]) -> list[tuple[str, str]]:
    """A text as pieces, each with what it is marked as."""
    parts, at = [], 0
    for start, end, kind in marks:
        parts += [("", text[at:start]), (kind, text[start:end])]
        at = end
    return [(kind, piece) for kind, piece in [*parts, ("", text[at:])] if piece]
