"""What adds up the notes of finished units, and says a few words about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from rephrase.notes import Note

SomeNote = TypeVar("SomeNote", bound=Note)


class Account(Protocol[SomeNote]):
    """What takes in the notes of finished units, and says a few words about them. Its size does not grow with the units."""

    kind: type[SomeNote]
    """Of the notes."""
    sums: SomeNote
    """Of the notes."""

    @property
    def shares(self) -> dict[str, float]:
        """Of each limit of the budget, the share that is spent."""
        ...

    def add(self, note: SomeNote) -> None:
        """Take in the note of a finished unit."""
        ...

    def describe(self, seconds: float, *, rates: bool = True, ended: bool = False) -> str:
        """A few words for the progress line; `seconds` is how long the stage has been at work.

        Without `rates` where engines themselves tell how fast they are; `ended` where nothing goes on any more.
        """
        ...


class Sums(Generic[SomeNote]):
    """The sum of all notes, of which `describe` makes words, with the seconds so far."""

    def __init__(self, kind: type[SomeNote], describe: Callable[[SomeNote, float], str]) -> None:
        self.kind = kind
        self._describe = describe
        self.sums = kind()
        self.shares: dict[str, float] = {}  # only completions are paid for

    def add(self, note: SomeNote) -> None:
        """Add the note of a finished unit to the sum."""
        self.sums += note

    def describe(self, seconds: float, *, rates: bool = True, ended: bool = False) -> str:
        """A few words about the sum; `seconds` is how long the stage has been at work."""
        del rates, ended
        return self._describe(self.sums, seconds)
