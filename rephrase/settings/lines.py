"""Where the parts of a config stand: the file, and the line of each key and list item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rephrase.errors import UserError
from rephrase.settings.yaml_text import Place


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a config, as `read_yaml` gives them; empty for one that no file holds."""

    where: str = ""
    """The file, for all parts whose line is not known."""
    places: Mapping[Place, str] = field(default_factory=dict)

    def of(self, *place: str | int) -> str:
        """File and line of a part of the config, or of the innermost one that holds it."""
        return next((self.places[place[:count]] for count in range(len(place), 0, -1) if place[:count] in self.places), self.where)

    @contextmanager
    def told(self, values: Mapping[str, Any], *place: str | int) -> Iterator[None]:
        """Give a `UserError` that is raised inside the line and the key that it is about.

        That is the key whose value the error names as its place, or that it names itself, such as "input.formatters"; else `place`.
        `values` are those of the config. An error that has a line stays as it is, and so does one that is about no key.
        """
        try:
            yield
        except UserError as error:
            about = self._key_of(error.where, values, place) or place
            if not about or not self.places or ", line " in error.where:
                raise
            named = f"{error.where}: " if error.where and error.where != ".".join(map(str, about)) else ""
            where = f"{self.of(*about)}: `{'.'.join(map(str, about))}`"
            raise type(error)(f"{named}{error.what}", where=where, cure=error.cure) from error

    def _key_of(self, name: str, values: Mapping[str, Any], place: Place) -> Place:
        dotted = tuple(int(part) if part.isdecimal() else part for part in name.split("."))
        if not name or dotted in self.places:
            return dotted if name else ()
        holders = list(_holders(name, values, ()))
        return next((holder for holder in holders if holder[: len(place)] == place), holders[0] if holders else ())


def _holders(value: str, inside: Any, place: Place) -> Iterator[Place]:
    """The places of a text among values."""
    parts = inside.items() if isinstance(inside, Mapping) else enumerate(inside) if isinstance(inside, list) else ()
    for key, inner in parts:
        if inner == value:
            yield (*place, key)
        else:
            yield from _holders(value, inner, (*place, key))
