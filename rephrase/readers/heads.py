"""Heads of archived records and of HTTP responses: a line, then fields, by the grammar that both took from mail (RFC 9112, RFC 5322)."""

from __future__ import annotations

import re

BLANK_LINE = re.compile(rb"\r?\n\r?\n")
"""Ends a head. Crawlers that store heads with bare line feeds are not rare."""


class Head:
    """A first line and fields. Names of fields are in any case; a line that begins with a space goes on with the one before."""

    __slots__ = ("_values", "first_line")

    def __init__(self, data: bytes, *, has_first_line: bool = True) -> None:
        lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
        self.first_line = lines[0].strip() if has_first_line else ""
        self._values: dict[str, list[str]] = {}
        values: list[str] = []
        for line in lines[1:] if has_first_line else lines:
            name, colon, value = line.partition(":")
            if line.startswith((" ", "\t")) and values:
                values[-1] = f"{values[-1]} {line.strip()}"
                continue
            if colon and not name:  # HTTP/2 has fields whose names begin with one
                name, colon, value = value.partition(":")
                name = f":{name}"
            if colon:
                values = self._values.setdefault(name.strip().lower(), [])
                values.append(value.strip())

    def get(self, name: str) -> str:
        """The first value of a field, named in small letters; empty if it has none."""
        return next(iter(self._values.get(name, ())), "")

    def all(self, name: str) -> list[str]:
        """All values of a field, named in small letters."""
        return self._values.get(name, [])
