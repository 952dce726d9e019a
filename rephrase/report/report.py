"""The report of a run: all that is known of it, in one file."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rephrase import __version__, storage
from rephrase.errors import UserError
from rephrase.evidence.results import Row
from rephrase.evidence.results import read_rows as read_results
from rephrase.live.words import counted, span
from rephrase.mixing.shortfall import share_notes
from rephrase.notes import GenerationsNote, JudgedNote
from rephrase.recipes.missing import with_marks
from rephrase.report.contamination import Overlap, overlaps_of
from rephrase.report.cost import Cost, cost_of
from rephrase.report.diversity import diversity_of
from rephrase.report.events import events_of
from rephrase.report.explorer import as_script, explorer_data
from rephrase.report.facts import facts_by_recipe
from rephrase.report.figures import RunFigures, figures_of
from rephrase.report.findings import findings
from rephrase.report.page import page
from rephrase.report.provenance import provenance
from rephrase.report.realised import Realised, realised_of
from rephrase.report.rows import Reading, read_rows
from rephrase.report.sections.engines import engines
from rephrase.report.sections.evidence import evidence
from rephrase.report.sections.funnel import errors, funnel
from rephrase.report.sections.mixture import mixture
from rephrase.report.sections.recipes import by_recipe
from rephrase.report.sections.run import about
from rephrase.report.sections.texts import contamination, texts
from rephrase.report.wording import count, large, percent, short_number
from rephrase.report.work import Work, work_of
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.cut import about_cut, cut_answers
from rephrase.spark.stages.declarations.mix import REPLACES
from rephrase.spark.stages.mix.stage import is_of_another_config, plan_of
from rephrase.spark.stages.unit_notes import unit_notes

if TYPE_CHECKING:
    from rephrase.config.run import Run


@dataclass(frozen=True, slots=True)
class Written:
    """What `write_report` wrote."""

    path: str
    size: int
    """Bytes."""
    rows: int
    of_rows: int
    findings: list[str]
    figures: RunFigures
    cost: Cost
    work: Work | None
    realised: tuple[Realised, ...]
    results: tuple[tuple[str, Sequence[Row]], ...]
    """Figures of models that were trained on mixtures, with the paths of their files."""

    def to_json(self) -> dict[str, Any]:
        """All of it but the page itself as one JSON object."""
        return {
            "page": {"path": self.path, "bytes": self.size, "rows": self.rows, "of_rows": self.of_rows},
            "findings": self.findings,
            **self.figures.to_json(),
            "cost": self.cost.to_json(),
            "time": self.work.to_json() if self.work else None,
            "rates": [one.to_json() for one in self.realised],
            "evidence": [{"path": path, "rows": [asdict(row) for row in rows]} for path, rows in self.results],
        }


def write_report(
    run: Run,
    path: str,
    *,
    rows: int = 2000,
    seed: int = 0,
    benchmark: float | None = None,
    gpus: int | None = None,
    price: float | None = None,
    results: Sequence[str] = (),
) -> Written:
    """Write the report of a run, as far as it is, to an HTML file, local or s3://.

    `rows` are shown in the explorer, equally many of each recipe and verdict, drawn by `seed`. `benchmark`: tokens a second of a GPU,
    by default what `rephrase tune` measured or somebody has published. `price`: of a GPU hour, by default that of the run's budget; `gpus`
    tells the days for more of the same. `results`: files that `rephrase proxy` has written, by default that of the run's swarm. Raises
    `UserError` where no stage has run, and where tables that verdicts speak of are gone.
    """
    if rows < 1:
        raise UserError(f"{rows} rows are none to show", where="--rows", cure="1 or more")
    notes = unit_notes(run.output, Tables.GENERATIONS, GenerationsNote)
    figures = figures_of(run, notes)
    work, reading = work_of(notes), read_rows(run, rows, seed)
    cost, realised = cost_of(run, figures, notes, price, gpus), realised_of(run, notes, benchmark)
    facts = facts_by_recipe(reading.rows)
    diversity, why_not = _diversity(run, figures)
    told = findings(figures, work, facts, diversity, _cut(run, notes))
    known = provenance(run, figures)
    trained = _trained(run, results)
    is_current = not (figures.mixture and is_of_another_config(run))
    plan = plan_of(Tables.MIXTURE.folder(run.output)) if figures.mixture else None
    remarks = share_notes(run.mix, plan.components) if plan and run.mix else []
    if not is_current:
        remarks = [f"This is the mixture of an earlier config or version, not replaced: {REPLACES}"]
    name = "/".join(run.output.rstrip("/").split("/")[-2:])
    html = page(
        "report.html.j2",
        ("page.js", "explorer.js"),
        title=f"{name}: report",
        heading=name,
        made=f"{run.output}, told by rephrase {__version__} on {time.strftime('%d %B %Y, %H:%M UTC', time.gmtime())}",
        tiles=_tiles(figures, work, cost),
        findings=told,
        sections=[
            about(known),
            funnel(figures),
            by_recipe(figures, reading.measured, cost),
            engines(work, realised, events_of(run.output)),
            errors(figures, lambda cause: _in_words(cause, notes, run)),
            texts(figures, diversity, why_not, facts),
            contamination(_contamination(run, figures)),
            mixture(figures.mixture, run.mix if is_current else None, remarks),
            *filter(None, [evidence(trained)]),
        ],
        recipes=known.recipes,
        config=known.config,
        sample=_sample(reading, seed),
        data=as_script(explorer_data(reading, run.output)),
    ).encode()
    storage.put(path, html)
    return Written(path, len(html), len(reading.rows), reading.total, told, figures, cost, work, realised, trained)


def _trained(run: Run, results: Sequence[str]) -> tuple[tuple[str, Sequence[Row]], ...]:
    """The rows of files of results. Raises `UserError` for one that is named and not there."""
    swarm = storage.join(run.output, "swarm", "results.csv")
    for path in results:
        if not storage.exists(path):
            raise UserError("there is no such file", where=path, cure="`rephrase proxy` writes one; or leave --results out")
    paths = results or ([swarm] if storage.exists(swarm) else [])
    return tuple((path, read_results(path)) for path in paths)


def _in_words(cause: str, notes: Sequence[GenerationsNote], run: Run) -> str:
    return with_marks(cause, run.recipes, [(note.recipe, note.step) for note in notes if cause in note.causes])


def _cut(run: Run, notes: Sequence[GenerationsNote]) -> dict[str, str]:
    """By recipe, a clause on its answers that were cut."""
    answers = cut_answers(run, notes, unit_notes(run.output, Tables.JUDGED, JudgedNote))
    by_recipe = {name: {place: number for place, number in answers.items() if place[0] == name} for name, _ in answers}
    return {name: clause for name, own in by_recipe.items() if (clause := about_cut(run, own))}


def _tiles(figures: RunFigures, work: Work | None, cost: Cost) -> list[tuple[str, str]]:
    total = figures.total
    tiles = [(large(figures.documents.documents), "documents"), (large(total.generations), "generations")]
    if total.judged:
        tiles += [(percent(total.keep_rate), "kept by the checks"), (large(total.kept_tokens), "tokens kept")]
        tiles.append((short_number(total.written_per_kept), "written per kept token"))
    if figures.mixture:
        tiles.append((large(figures.mixture["tokens"]), "tokens in the mixture"))
    if work:
        tiles.append((span(work.seconds), f"of rewriting, on {counted(len(work.engines), 'engine' if work.servers else 'executor')}"))
    if cost.total.money_per_million is not None:
        tiles.append((short_number(cost.total.money_per_million), "money for a million kept"))
    elif cost.total.gpu_hours_per_million is not None:
        tiles.append((short_number(cost.total.gpu_hours_per_million), "GPU hours for a million kept"))
    return tiles


def _diversity(run: Run, figures: RunFigures) -> tuple[list[dict[str, Any]], str]:
    """Originals first, then kept rewrites and the mixture; or none of them, and why."""
    if not figures.documents.documents:
        return [], "there are no documents"
    if not figures.total.kept_tokens:
        return [], "no rewrite was kept"
    named = {"originals": Tables.DOCUMENTS, "rewrites": Tables.JUDGED} | ({"mixture": Tables.MIXTURE} if figures.mixture else {})
    measured = diversity_of([table.folder(run.output) for table in named.values()])
    return [{"name": name, **one} for name, one in zip(named, measured, strict=True)], ""


def _contamination(run: Run, figures: RunFigures) -> Sequence[Overlap]:
    return overlaps_of(run) if figures.total.judged else ()


def _sample(reading: Reading, seed: int) -> str:
    if not reading.rows:
        return "No rows, because nothing was judged yet: `rephrase run run.yaml` goes on."
    if len(reading.rows) == reading.total:
        return f"All {count(reading.total)} judged rows, each beside its passage."
    typical = statistics.median(reading.counts.values())
    return (
        f"{count(len(reading.rows))} of {count(reading.total)} judged rows, drawn by the seed {seed}: equally many of each of "
        f"{count(len(reading.counts))} pairs of a recipe and a verdict (half of which have {count(typical)} rows or more), so that rare "
        "verdicts are shown more often than they are. Each row tells how many it stands for."
    )
