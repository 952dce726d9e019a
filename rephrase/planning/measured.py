"""What recipes wrote for the documents of a trial, or for the units that a run has done: the samples that a plan estimates from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rephrase.errors import UserError
from rephrase.generation.rows import rows_of
from rephrase.notes import GenerationsNote, JudgedNote
from rephrase.planning.estimate import Stratum
from rephrase.planning.prompts import Count, FirstPrompts
from rephrase.records import INTERMEDIATE, KEEP
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.rewrite.rows import Source, sources_of
from rephrase.spark.stages.trials import notes_of, strata_of, trial_named, trials_of
from rephrase.spark.stages.unit_notes import unit_notes
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.recipes.base import Recipe


_MOST = 50_000  # documents of a trial that is read row by row; of a larger one the run's own units tell enough


@dataclass
class Written:
    """What a step wrote for one cluster."""

    requests: float = 0
    prompt_tokens: float = 0
    output_tokens: float = 0


@dataclass
class Cluster:
    """A document of a trial, or a row group of a run: what is known of all such, and what came of it. Rows are those that are judged."""

    known: float = 0
    steps: dict[str, Written] = field(default_factory=dict)
    rows: float = 0
    kept: float = 0
    kept_tokens: float = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """The clusters of a recipe in their strata, each with the number of all of its kind.

    `known` is the field of `Count` that clusters know. Where `judged` is false, nothing tells what is kept.
    """

    strata: tuple[tuple[float, tuple[Cluster, ...]], ...]
    known: str
    judged: bool

    def has(self, step: str) -> bool:
        """Whether a step wrote anything."""
        return any(step in cluster.steps for _, clusters in self.strata for cluster in clusters)

    def of_step(self, step: str, name: str) -> list[Stratum]:
        """What is known of all, and a figure of a step."""
        return self._strata(lambda cluster: cluster.known, lambda cluster: getattr(cluster.steps.get(step, Written()), name))

    def kept(self) -> list[Stratum]:
        """Rows, and those that were kept."""
        return self._strata(lambda cluster: cluster.rows, lambda cluster: cluster.kept)

    def kept_tokens(self) -> list[Stratum]:
        """What is known of all, and the tokens that were kept."""
        return self._strata(lambda cluster: cluster.known, lambda cluster: cluster.kept_tokens)

    def spent(self, weights: Mapping[str, float]) -> list[Stratum]:
        """Output tokens, each step's times its weight, and the tokens that were kept."""
        return self._strata(
            lambda cluster: sum(written.output_tokens * weights.get(step, 0.0) for step, written in cluster.steps.items()),
            lambda cluster: cluster.kept_tokens,
        )

    def _strata(self, known: Callable[[Cluster], float], sought: Callable[[Cluster], float]) -> list[Stratum]:
        return [
            Stratum(round(size), np.array([known(c) for c in clusters], float), np.array([sought(c) for c in clusters], float))
            for size, clusters in self.strata
            if clusters
        ]


@dataclass(frozen=True, slots=True)
class Measured:
    """Samples by recipe, the notes of the units that they are of and of their verdicts, and who made them."""

    samples: dict[str, Sample]
    notes: tuple[GenerationsNote, ...]
    judged: tuple[JudgedNote, ...]
    told_by: str


def measured(run: Run, recipes: Sequence[Recipe], prompts: FirstPrompts) -> Measured | None:
    """The samples of the run's largest trial, pilots before others; else of the run itself as far as it is; None without any."""
    for trial in _trials(run):
        with contextlib.suppress(UserError, FileNotFoundError):  # of a trial of which parts are gone: another one tells
            if samples := _of_trial(trial, recipes, prompts):
                return Measured(samples, tuple(notes_of(trial)), _judged(trial), f"the trial {trial.output.rpartition('/')[2]}")
    units = list(tables.footers_there(tables.objects(Tables.GENERATIONS.folder(run.output)), GenerationsNote))
    notes = tuple(unit.note for unit in units)
    return Measured(_of_units(run, recipes, units), notes, _judged(run), "the units done so far") if units else None


def _judged(run: Run) -> tuple[JudgedNote, ...]:
    return tuple(unit_notes(run.output, Tables.JUDGED, JudgedNote))


def _trials(run: Run) -> list[Run]:
    """The trials of a run that tell something, the most telling first."""
    trials = [(trial.limit, trial) for name in trials_of(run) if (trial := trial_named(run, name)) and trial.limit]
    small = [(limit, trial) for limit, trial in trials if limit.documents <= _MOST]
    return [trial for _, trial in sorted(small, key=lambda pair: (not pair[0].stratified, -pair[0].documents))]


def _of_trial(trial: Run, recipes: Sequence[Recipe], prompts: FirstPrompts) -> dict[str, Sample]:
    samples = {}
    by_recipe = _clusters_of_rows(trial, recipes)
    for source in sources_of(trial, recipes):
        for index in source.recipes:
            recipe = recipes[index]
            clusters = by_recipe.get(recipe.name, {})
            known = _known(source, index, prompts)
            for key, count in known.items():
                clusters.setdefault(key, Cluster()).known = count.prompt_tokens
            drawn = strata_of(trial) if recipe.rows is None else None
            sizes = [(stratum.size, stratum.ids) for stratum in drawn] if drawn is not None else [(_size(recipe), tuple(known))]
            strata = tuple((size, tuple(clusters[key] for key in ids if key in known)) for size, ids in sizes)
            samples[recipe.name] = Sample(strata, "prompt_tokens", bool(tables.objects(Tables.JUDGED.folder(trial.output))))
    return samples


def _size(recipe: Recipe) -> int:
    assert recipe.rows is not None
    return sum(1 for _ in recipe.rows.documents())


def _known(source: Source, index: int, prompts: FirstPrompts) -> dict[str, Count]:
    """What a recipe's first step asks of each document, by its id."""
    known = {}
    for footer in source.footers:
        for group in tables.read_row_groups(footer.path):
            rows = rows_of(group, {})
            counts = prompts.of_each(rows, [index])[index]
            known.update({row.document.id: count for row, count in zip(rows, counts, strict=True)})
    return known


def _clusters_of_rows(trial: Run, recipes: Sequence[Recipe]) -> dict[str, dict[str, Cluster]]:
    """What the trial wrote for each recipe and document. Attempts in vain are in the notes alone: they are spread over the rows."""
    clusters: dict[str, dict[str, Cluster]] = {recipe.name: {} for recipe in recipes}
    sums: dict[tuple[str, str], Written] = {}
    for note in notes_of(trial):
        total = sums.setdefault((note.recipe, note.step), Written())
        total.requests += note.requests
        total.prompt_tokens += note.prompt_tokens
        total.output_tokens += note.completion_tokens
    columns = ["recipe", "step", "document_id", "prompt_tokens", "completion_tokens"]
    rows = Written()
    of_rows: dict[tuple[str, str], Written] = {}
    for path in tables.objects(Tables.GENERATIONS.folder(trial.output)):
        for row in tables.read(path, columns).to_pylist():
            cluster = clusters.setdefault(row["recipe"], {}).setdefault(row["document_id"], Cluster())
            for written in (cluster.steps.setdefault(row["step"], Written()), of_rows.setdefault((row["recipe"], row["step"]), Written())):
                written.requests += 1
                written.prompt_tokens += row["prompt_tokens"] or 0
                written.output_tokens += row["completion_tokens"] or 0
    for recipe, of_recipe in clusters.items():
        for cluster in of_recipe.values():
            for step, written in cluster.steps.items():
                total, rows = sums.get((recipe, step), Written()), of_rows[recipe, step]
                written.requests *= total.requests / max(1, rows.requests)
                written.prompt_tokens *= total.prompt_tokens / max(1, rows.prompt_tokens)
                written.output_tokens *= total.output_tokens / max(1, rows.output_tokens)
    for path in tables.objects(Tables.JUDGED.folder(trial.output)):
        for row in tables.read(path, ["recipe", "document_id", "verdict", "n_tokens"]).to_pylist():
            if row["verdict"] != INTERMEDIATE:
                cluster = clusters.setdefault(row["recipe"], {}).setdefault(row["document_id"], Cluster())
                cluster.rows += 1
                cluster.kept += row["verdict"] == KEEP
                cluster.kept_tokens += row["n_tokens"] or 0 if row["verdict"] == KEEP else 0
    return clusters


def _of_units(run: Run, recipes: Sequence[Recipe], units: Sequence[tables.Footer[GenerationsNote]]) -> dict[str, Sample]:
    clusters: dict[str, dict[tuple[str, int], Cluster]] = {recipe.name: {} for recipe in recipes}
    places = {}
    for unit in units:
        note = unit.note
        place = (note.rows_path, note.row_group)
        places[unit.path.rsplit("/", 1)[-1]] = place
        cluster = clusters.setdefault(note.recipe, {}).setdefault(place, Cluster())
        if note.earlier_steps == 0:
            cluster.known += note.passages
        written = cluster.steps.setdefault(note.step, Written())
        written.requests += note.requests
        written.prompt_tokens += note.prompt_tokens
        written.output_tokens += note.completion_tokens
    judged = tables.objects(Tables.JUDGED.folder(run.output))
    for footer in tables.footers(judged, JudgedNote):
        name, verdict = footer.path.rsplit("/", 1)[-1], footer.note
        if name in places:
            cluster = clusters[verdict.recipe][places[name]]
            cluster.rows += verdict.judged - verdict.verdicts.get(INTERMEDIATE, 0)
            cluster.kept += verdict.kept
            cluster.kept_tokens += verdict.kept_tokens
    sizes = {
        recipes[index].name: sum(len(footer.row_groups) for footer in source.footers)
        for source in sources_of(run, recipes)
        for index in source.recipes
    }
    samples = {}
    for recipe in recipes:
        last = recipe.steps[-1].name
        done = tuple(cluster for cluster in clusters[recipe.name].values() if last in cluster.steps)
        samples[recipe.name] = Sample(((max(sizes[recipe.name], len(done)), done),), "passages", bool(judged))
    return samples
