"""The prompts that recipes begin with, counted by the code that makes them in a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rephrase.engines.several import Engines
from rephrase.errors import UserError
from rephrase.generation.loop import counted_requests
from rephrase.generation.rows import rows_of
from rephrase.generation.step_run import StepRun
from rephrase.recipes.base import Recipe, Row, Step
from rephrase.recipes.related import with_related
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa

    from rephrase.engines.base import Message
    from rephrase.engines.settings import EngineSettings, PromptCounter


@dataclass(frozen=True, slots=True)
class Count:
    """What a recipe's first step asks of some documents."""

    documents: int = 0
    """That the recipe takes."""
    passages: int = 0
    requests: int = 0
    """Of an engine, without those that a completion which does not parse has made again."""
    unasked: int = 0
    """Rows that no model is asked for."""
    prompt_tokens: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Count)))


def _counter_of(settings: EngineSettings) -> PromptCounter | None:
    try:
        return settings.prompt_counter()
    except UserError:  # the executors have the model, this machine has not
        return None


def goes_on(step: Step) -> bool:
    """Whether a step's answers lead to further prompts of its own, which nobody can count before."""
    return type(step).follow is not Step.follow


@dataclass(frozen=True)
class FirstPrompts:
    """Counts the first prompts of a run's recipes. It travels to other processes, each of which loads the tokenizers once."""

    recipes: tuple[Recipe, ...]
    engines: Engines
    tokenizer: str

    def of_table(self, documents: pa.Table, recipes: Sequence[int]) -> dict[int, Count]:
        """Of the documents of a unit, for the recipes with these indexes."""
        each = self.of_each(rows_of(documents, {}), recipes)
        return {index: sum(counts, Count()) for index, counts in each.items()}

    def of_each(self, rows: Sequence[Row], recipes: Sequence[int]) -> dict[int, list[Count]]:
        """The same for each of the rows of a unit."""
        counter = Tokenizer.load(self.tokenizer)
        related = {index: with_related(rows, self.recipes[index], counter) for index in recipes}
        return {index: [self._count(row, self._step_runs[index]) for row in related[index]] for index in recipes}

    def _count(self, row: Row, step_run: StepRun) -> Count:
        requests, tally = counted_requests([row], step_run)
        count = self._counters[self.engines.name(step_run.recipe.engine_of(step_run.step))]
        tokens = sum(count(request.messages) for request in requests)
        return Count(tally.documents, tally.passages, len(requests), tally.requests - len(requests), tokens)

    @cached_property
    def _step_runs(self) -> list[StepRun]:
        counter = Tokenizer.load(self.tokenizer)
        names = [self.engines.find(recipe.engine_of(recipe.steps[0])).model_name for recipe in self.recipes]
        return [StepRun(recipe, recipe.steps[0], counter, name) for recipe, name in zip(self.recipes, names, strict=True)]

    @cached_property
    def _counters(self) -> dict[str, PromptCounter]:
        return {name: counter or self._bare for name, counter in self._own_counters.items()}

    @cached_property
    def _own_counters(self) -> dict[str, PromptCounter | None]:
        return {name: _counter_of(settings) for name, settings in self.engines.by_name.items()}

    def _bare(self, messages: Sequence[Message]) -> int:
        return sum(Tokenizer.load(self.tokenizer).count([message.content for message in messages]))

    @property
    def uncounted(self) -> list[str]:
        """The models whose prompts are counted by the run's tokenizer, without a chat template."""
        return [self.engines.by_name[name].model_name for name, counter in self._own_counters.items() if counter is None]

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: self.__dict__[field.name] for field in fields(self)}  # tokenizers stay in their process
