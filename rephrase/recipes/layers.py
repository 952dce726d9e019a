"""What a step of a recipe file says, and where: a step, its recipe and its family may say the same, and the inner one wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rephrase.errors import UserError
from rephrase.recipes.sections import Shared
from rephrase.settings.lines import Lines
from rephrase.settings.yaml_text import Place


@dataclass(frozen=True)
class Layers:
    """The sections from the inside to the outside, each with its place in the file, and the lines of the file."""

    sections: tuple[Shared, ...]
    places: tuple[Place, ...]
    lines: Lines

    def first(self, name: str, default: Any) -> Any:
        """The value of the innermost section that sets the key."""
        return next((value for section in self.sections if (value := getattr(section, name)) is not None), default)

    def place(self, *key: str | int) -> Place:
        """Where the innermost section that sets a key says it; the innermost section's own place without a key."""
        holders = (place for place in self.places if key and (*place, key[0]) in self.lines.places)
        return (*next(holders, self.places[0]), *key)

    def where(self, *key: str | int) -> str:
        """The same with file and line, as errors tell it."""
        place = self.place(*key)
        return f"{self.lines.of(*place)}: `{'.'.join(map(str, place))}`"

    def fault(self, what: str, cure: str, *key: str | int) -> UserError:
        """An error about what stands under a key, with its line."""
        return UserError(what, where=self.where(*key), cure=cure)
