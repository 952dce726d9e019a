"""The budget of a run: how the rewrite stage tells that it is spent, begins no further unit, and says so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from typing_extensions import override

from rephrase.errors import UserError
from rephrase.live.words import amount, counted
from rephrase.spark.stages.rewrite.pace import Pace
from rephrase.spark.stages.rewrite.spending import Spending

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.notes import GenerationsNote

_HOUR = 3600.0


class Purse(Pace):
    """The pace of a stage that may spend so much. What was spent before is in it from the start."""

    def __init__(self, run: Run, before: Iterable[GenerationsNote]) -> None:
        """`before`: the notes of what the run and its trials have done so far."""
        super().__init__()
        self._budget = run.budget
        self._spending = Spending(run)
        for note in before:
            self._spending.add(note)
        self._at_first = self._figures()

    @override
    def add(self, note: GenerationsNote) -> None:
        super().add(note)
        self._spending.add(note)

    @override
    def describe(self, seconds: float, *, rates: bool = True, ended: bool = False) -> str:
        spent = ", ".join(f"{amount(have)} of {amount(limit)} {what} spent" for what, have, limit in self._figures())
        return ", ".join(part for part in (super().describe(seconds, rates=rates, ended=ended), spent) if part)

    @property
    @override
    def shares(self) -> dict[str, float]:
        return {what.replace(" ", "_").lower(): have / limit for what, have, limit in self._figures()}

    def would_be_spent(self, done: int, in_flight: int) -> bool:
        """Whether nothing is left once the tasks in flight have ended, if each takes what those that are done took on the average."""
        times = 1 + in_flight / done if done else 1.0
        before = {what: have for what, have, _ in self._at_first}
        return any(before[what] + (have - before[what]) * times >= limit for what, have, limit in self._figures())

    def error(self, left: int) -> UserError:
        """What ends the stage where the budget is spent and so many units are left."""
        spent = [f"{amount(have)} of {amount(limit)} {what}" for what, have, limit in self._figures()]
        keys = [f"`budget.{key}`" for key in ("gpu_hours", "tokens", "money") if getattr(self._budget, key, None) is not None]
        what = (
            f"the budget is spent: {', '.join(spent)}; {counted(left, 'unit')} {'is' if left == 1 else 'are'} left, and none is in flight"
        )
        return UserError(what, where="budget", cure=f"raise {' and '.join(keys)} and run again: it goes on where it ended")

    def _figures(self) -> list[tuple[str, float, float]]:
        """Of each limit: of what, what of it is spent, and the limit."""
        budget, hours = self._budget, self._spending.gpu_seconds / _HOUR
        if budget is None:
            return []
        figures = [
            ("GPU hours", hours, budget.gpu_hours),
            ("tokens", float(self._spending.tokens), budget.tokens),
            ("money", hours * (budget.price or 0.0), budget.money),
        ]
        return [(what, have, float(limit)) for what, have, limit in figures if limit is not None]
