"""The rewrite stage as an object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import override

from rephrase.errors import UserError
from rephrase.live.words import counted
from rephrase.spark.stages.base import Figure, Redo, Stage, Status, Tables
from rephrase.spark.stages.unit_notes import unit_notes

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.notes import GenerationsNote
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.meaning import Meaning


class RewriteStage(Stage):
    """Documents, or rows that recipes make for themselves, to generations."""

    table = Tables.GENERATIONS
    purpose = "documents to generations, with a language model"
    reads = (Tables.DOCUMENTS, Tables.SCREENED, Tables.DUPLICATE_DOCUMENTS)
    retries_errors = True

    @override
    def run(self, run: Run, spark: LazySession, redo: Redo) -> None:
        from rephrase.spark.stages.rewrite.stage import rewrite_stage

        rewrite_stage(run, spark, retry_errors=redo.errors)

    @override
    def meaning(self, run: Run) -> Meaning:
        from rephrase.recipes.catalogue import recipes_of
        from rephrase.spark.stages.rewrite.meaning import meaning_of

        return meaning_of(run, recipes_of(run.recipes))

    @override
    def status(self, run: Run) -> Status:
        """A unit is a step of a recipe over a row group, or a part of it. Tells also how long it may still take."""
        from rephrase.live.words import span
        from rephrase.notes import GenerationsNote
        from rephrase.spark.stages.rewrite.pace import Pace
        from rephrase.spark.stages.rewrite.stage import planned_units
        from rephrase.storage import tables

        folder, kept = self.table.folder(run.output), _count_kept(run)
        of_others = f"{kept} kept of units that have not ended" if kept else ""
        paths = tables.objects(folder)
        if not paths:
            return Status(0, None, of_others)
        pace = Pace()
        for footer in tables.footers(paths, GenerationsNote):
            pace.add(footer.note)
        try:
            rounds = planned_units(run)
        except UserError:  # the documents are gone
            return Status(len(paths), None, pace.describe(pace.seconds, ended=True))
        left = [planned.left() for planned in rounds]
        number, units_left = sum(map(len, rounds)), sum(map(len, left))
        text = pace.describe(pace.seconds, ended=not units_left)
        weights = [planned.weights for planned in rounds]
        to_do = sum(weight.of(some) for weight, some in zip(weights, left, strict=True))
        if units_left and (work := sum(sum(weight.values()) for weight in weights) - to_do):
            text += f", about {span(pace.seconds * to_do / work)} of work left at the pace so far"
        if pace.sums.causes:
            cause, times = Counter(pace.sums.causes).most_common(1)[0]
            text += f"; most frequent error: {cause} ({times:,})"
        text += f"; {of_others}" if of_others else ""
        return Status(number - units_left, number, text)

    @override
    def figures(self, run: Run) -> list[Figure]:
        """Passages, generations, and errors."""
        from rephrase.notes import GenerationsNote

        notes = unit_notes(run.output, self.table, GenerationsNote)
        sums = sum(notes, GenerationsNote())
        own = {note.recipe for note in notes if note.has_own_rows}
        most = max((count for recipe, count in passages_of(notes).items() if recipe not in own), default=0)
        return [
            Figure("passages", f"{most:,}", "by the recipe that cuts documents finest; below for each"),
            Figure("generations", f"{sums.generations:,}", f"{sums.completion_tokens:,} tokens written"),
            *_kept_answers(run),
            *_by_model(notes),
            *_reasoning(sums),
            *_errors(sums, notes, run),
        ]


def _count_kept(run: Run) -> str:
    """Answers to prompts of units that have not ended, such as those of a server that died; empty where there are none."""
    from rephrase import storage
    from rephrase.engines.keeping import count_kept
    from rephrase.spark.stages.rewrite.tasks import ANSWERS

    kept = count_kept(storage.join(run.output, ANSWERS))
    return "many answers" if kept is None else counted(kept, "answer") if kept else ""


def _kept_answers(run: Run) -> list[Figure]:
    kept = _count_kept(run)
    return [Figure("answers kept", kept.split()[0], "of units that have not ended; the next run reuses them")] if kept else []


def _by_model(notes: Sequence[GenerationsNote]) -> list[Figure]:
    """What each model has written, where there are several."""
    models = sorted({note.model for note in notes if note.model})
    lines = []
    for model in models if len(models) > 1 else ():
        own = [note for note in notes if note.model == model]
        steps = ", ".join(sorted({note.step for note in own}))
        tokens = sum(note.completion_tokens for note in own)
        lines.append(Figure(f"by {model}", f"{sum(note.generations for note in own):,}", f"{tokens:,} tokens written, in {steps}"))
    return lines


def _reasoning(sums: GenerationsNote) -> list[Figure]:
    share = sums.reasoning_tokens / max(sums.completion_tokens, 1)
    words = f"{share:.0%} of what was written, before answers; column `reasoning` of `generations`"
    return [Figure("reasoning tokens", f"{sums.reasoning_tokens:,}", words)] if sums.reasoning_tokens else []


def _errors(sums: GenerationsNote, notes: Sequence[GenerationsNote], run: Run) -> list[Figure]:
    """Rows without a text, by whose fault: the engine's, the document's length, or the format of what the model wrote."""
    from rephrase.engines.base import PROMPT_TOO_LONG, is_engine_error, was_asked
    from rephrase.recipes.base import TRUNCATED
    from rephrase.recipes.missing import with_marks
    from rephrase.spark.stages.cut import cut_answers, limit_of

    too_long = sums.causes.get(PROMPT_TOO_LONG, 0)
    causes = Counter({cause: count for cause, count in sums.causes.items() if cause != PROMPT_TOO_LONG})
    of_engine = Counter({cause: count for cause, count in causes.items() if is_engine_error(cause)})
    unasked = Counter({cause: count for cause, count in causes.items() if not was_asked(cause)})
    figures = []
    if sums.engine_errors:
        figures.append(Figure("engine errors", f"{sums.engine_errors:,}", f"{_most(of_engine)}; `--retry-errors` asks again"))
    if too_long:
        figures.append(Figure("prompts too long", f"{too_long:,}", "for the model's context; a smaller `passage_tokens` cuts finer"))
    if unasked:
        text = f"{_most(unasked)}; the log of the executor names the document, `--retry-errors` asks again"
        figures.append(Figure("prompts not asked", f"{unasked.total():,}", text))
    if sums.parse_errors:
        of_format = causes - of_engine - unasked
        look = f"`rephrase show run.yaml --verdict {_rejecting(of_format, run)}`"
        error = of_format.most_common(1)[0][0] if of_format else ""
        asked = [(note.recipe, note.step) for note in notes if error in note.causes]
        most = f"most often {with_marks(error, run.recipes, asked)}" if error else _most(of_format)
        again = "`--retry-errors` asks again"
        if error == TRUNCATED:  # the same limit would cut an answer again
            again = f"a larger {limit_of(run, cut_answers(run, notes, ()))} cuts fewer"
        text = f"{most}; see {look}, {again}"
        figures.append(Figure("parse errors", f"{sums.parse_errors:,}", text))
    return figures


def _most(causes: Counter[str]) -> str:
    return f"most often {causes.most_common(1)[0][0]}" if causes else "of unknown cause"


def _rejecting(causes: Counter[str], run: Run) -> str:
    """The check that is the verdict of rows with the most frequent of these errors: of those that reject them, the first."""
    from rephrase.recipes.base import TRUNCATED

    listed = [check.use for check in run.filter.checks or ()] or ["finished"]
    cut = causes and causes.most_common(1)[0][0] == TRUNCATED
    return next((check for check in listed if check == "parsed" or (cut and check == "finished")), "parsed")


def passages_of(notes: Sequence[GenerationsNote]) -> Counter[str]:
    """Passages by recipe, counted at the recipe's first step, by the notes of rewrite units."""
    passages: Counter[str] = Counter()
    for note in notes:
        if note.earlier_steps == 0:
            passages[note.recipe] += note.passages
    return passages
