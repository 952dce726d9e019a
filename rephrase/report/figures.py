"""The figures of a run, from the footers of its objects and the manifest of its mixture: no row is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rephrase import storage
from rephrase.labels import ranked, summed
from rephrase.notes import DocumentsNote, DuplicatesNote, ErrorsNote, GenerationsNote, JudgedNote, ScreenedNote
from rephrase.records import INTERMEDIATE, KEEP
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.mix.manifest import is_complete, mixture_manifest
from rephrase.spark.stages.run_tables import check_begun
from rephrase.spark.stages.shard.personal_data import scrubbing_measured
from rephrase.spark.stages.unit_notes import sum_of_notes, unit_notes
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

_OF_NOTES = ("requests", "retried", "generations", "prompt_tokens", "completion_tokens", "reasoning_tokens", "errors")
"""Of `RecipeFigures`: sums over the notes of generations."""


@dataclass(slots=True)
class RecipeFigures:
    """What one recipe made. Tokens written are those of all its steps."""

    name: str
    passages: int = 0
    requests: int = 0
    """Sent, those sent again among them."""
    retried: int = 0
    """Sent again because the completion did not parse."""
    generations: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    errors: int = 0
    causes: dict[str, int] = field(default_factory=dict)
    judged: int = 0
    """Rows that have a verdict; without those that only prepare others."""
    kept: int = 0
    kept_tokens: int = 0
    """By the run's tokenizer, which need not be the model's."""
    duplicates: int = 0
    """Of the kept ones, those that went as near duplicates."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Rows by the first check that failed, the most first."""

    @property
    def keep_rate(self) -> float | None:
        """Kept of judged; None before anything is judged."""
        return self.kept / self.judged if self.judged else None

    @property
    def written_per_kept(self) -> float | None:
        """Tokens that the model wrote for each token that was kept; None where nothing was."""
        return self.completion_tokens / self.kept_tokens if self.kept_tokens else None

    def to_json(self) -> dict[str, Any]:
        """The figures, and what follows from them."""
        return {**asdict(self), "keep_rate": self.keep_rate, "written_per_kept": self.written_per_kept}


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """What one model wrote."""

    model: str
    steps: tuple[str, ...]
    generations: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What the stages of a run have made so far. Counts are 0 and mappings empty where a stage has not run."""

    output: str
    documents: DocumentsNote
    labels: dict[str, list[dict[str, Any]]]
    """Documents and tokens by label: each value, the most tokens first, and null for documents that lack it."""
    read_errors: int
    screened: ScreenedNote | None
    duplicate_documents: int | None
    recipes: tuple[RecipeFigures, ...]
    models: tuple[ModelFigures, ...]
    duplicates: int | None
    mixture: dict[str, Any] | None
    """The manifest of the finished mixture."""
    scrubbing: dict[str, Any] | None = None
    """Precision and recall on the labelled set of `input.scrub`, as `rephrase scrub eval --json` has them."""
    duplicates_by_meaning: int = 0
    """Of the near duplicates, documents and generations, those that say the same in other words."""

    @property
    def total(self) -> RecipeFigures:
        """All recipes together."""
        total = RecipeFigures("all")
        for recipe in self.recipes:
            for name in (
                "requests",
                "retried",
                "generations",
                "prompt_tokens",
                "completion_tokens",
                "reasoning_tokens",
                "errors",
                "judged",
                "kept",
            ):
                setattr(total, name, getattr(total, name) + getattr(recipe, name))
            total.kept_tokens += recipe.kept_tokens
            total.duplicates += recipe.duplicates
        total.passages = max((recipe.passages for recipe in self.recipes), default=0)
        total.causes = _ranked(recipe.causes for recipe in self.recipes)
        total.rejected = _ranked(recipe.rejected for recipe in self.recipes)
        return total

    def to_json(self) -> dict[str, Any]:
        """The figures as one JSON object. Keys stay what they are; what has not been made is null."""
        documents = asdict(self.documents)
        names = ("documents", "tokens", "records", "duplicates", "dropped_short", "dropped_long", "errors", "scrubbed")
        mixture = self.mixture and {
            name: self.mixture.get(name) for name in ("rows", "tokens", "components", "counts", "labels", "left_out")
        }
        return {
            "output": self.output,
            "documents": {name: documents[name] for name in names} | {"labels": self.labels},
            "scrubbing": self.scrubbing,
            "screened": None if self.screened is None else asdict(self.screened),
            "duplicate_documents": self.duplicate_documents,
            "recipes": [recipe.to_json() for recipe in self.recipes],
            "total": self.total.to_json(),
            "models": [asdict(model) for model in self.models],
            "duplicates": self.duplicates,
            "duplicates_by_meaning": self.duplicates_by_meaning,
            "mixture": mixture,
        }


def figures_of(run: Run, notes: Sequence[GenerationsNote] | None = None) -> RunFigures:
    """The figures of a run; `notes` are those of its generations, where they are at hand. Raises `UserError` where no stage has run."""
    check_begun(run.output)
    notes = unit_notes(run.output, Tables.GENERATIONS, GenerationsNote) if notes is None else notes
    of_documents = unit_notes(run.output, Tables.DOCUMENTS, DocumentsNote)
    documents = sum(of_documents, DocumentsNote())
    folder = Tables.MIXTURE.folder(run.output)
    searches = [sum_of_notes(run.output, table, DuplicatesNote)[1] for table in (Tables.DUPLICATE_DOCUMENTS, Tables.DUPLICATE_GENERATIONS)]
    duplicates = _duplicates(run) if Tables.DUPLICATE_GENERATIONS.is_on(run) else None
    return RunFigures(
        output=run.output,
        documents=documents,
        labels=ranked(summed(note.labels for note in of_documents), documents.documents, documents.tokens),
        read_errors=_read_errors(run.output),
        screened=sum_of_notes(run.output, Tables.SCREENED, ScreenedNote)[1] if Tables.SCREENED.is_on(run) else None,
        duplicate_documents=searches[0].duplicates if Tables.DUPLICATE_DOCUMENTS.is_on(run) else None,
        recipes=_by_recipe(run.output, notes, duplicates or {}),
        models=_by_model(notes),
        duplicates=None if duplicates is None else sum(duplicates.values()),
        mixture=mixture_manifest(folder) if is_complete(folder) else None,
        scrubbing=scrubbing_measured(Tables.DOCUMENTS.folder(run.output)),
        duplicates_by_meaning=sum(note.semantic for note in searches),
    )


def _by_recipe(output: str, notes: Sequence[GenerationsNote], duplicates: dict[str, int]) -> tuple[RecipeFigures, ...]:
    recipes: dict[str, RecipeFigures] = {}
    causes: dict[str, Counter[str]] = {}
    for note in notes:
        recipe = recipes.setdefault(note.recipe, RecipeFigures(note.recipe))
        recipe.passages += note.passages if note.earlier_steps == 0 else 0
        for name in _OF_NOTES:
            setattr(recipe, name, getattr(recipe, name) + getattr(note, name))
        causes.setdefault(note.recipe, Counter()).update(note.causes)
    rejected: dict[str, Counter[str]] = {}
    for judged in unit_notes(output, Tables.JUDGED, JudgedNote):
        recipe = recipes.setdefault(judged.recipe, RecipeFigures(judged.recipe))
        recipe.judged += judged.judged - judged.verdicts.get(INTERMEDIATE, 0)
        recipe.kept += judged.kept
        recipe.kept_tokens += judged.kept_tokens
        others = {verdict: count for verdict, count in judged.verdicts.items() if verdict not in (KEEP, INTERMEDIATE)}
        rejected.setdefault(judged.recipe, Counter()).update(others)
    for name, recipe in recipes.items():
        recipe.causes = _ranked([causes.get(name, {})])
        recipe.rejected = _ranked([rejected.get(name, {})])
        recipe.duplicates = duplicates.get(name, 0)
    return tuple(recipes[name] for name in sorted(recipes))


def _by_model(notes: Sequence[GenerationsNote]) -> tuple[ModelFigures, ...]:
    by_model: dict[str, list[GenerationsNote]] = {}
    for note in notes:
        by_model.setdefault(note.model, []).append(note)
    return tuple(
        ModelFigures(
            model,
            tuple(sorted({f"{note.recipe}, {note.step}" for note in own})),
            sum(note.generations for note in own),
            sum(note.prompt_tokens for note in own),
            sum(note.completion_tokens for note in own),
        )
        for model, own in sorted(by_model.items())
    )


def _duplicates(run: Run) -> dict[str, int]:
    """Near duplicates among kept rewrites by recipe: their objects are named as those of the recipe's rows."""
    recipes = {storage.name_of(path): path for path in tables.objects(Tables.JUDGED.folder(run.output))}
    counts: Counter[str] = Counter()
    for footer in tables.footers(tables.objects(Tables.DUPLICATE_GENERATIONS.folder(run.output)), DuplicatesNote):
        path = recipes.get(storage.name_of(footer.path))
        recipe = tables.footer(path, JudgedNote).note.recipe if path else ""
        counts[recipe] += footer.note.duplicates
    return dict(counts)


def _read_errors(output: str) -> int:
    paths = tables.objects(storage.join(output, "errors"))
    return sum(footer.note.errors for footer in tables.footers(paths, ErrorsNote))


def _ranked(counts: Iterable[dict[str, int] | Counter[str]]) -> dict[str, int]:
    """The sum of counts, the largest first."""
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
