"""The one error that users see: what is wrong, where, and what cures it."""

from __future__ import annotations

import json
import re

_PART = "\u2063"  # the invisible separator parts the three parts of an error's line: readers see the line alone
_MARKED = re.compile(f"{_PART}([^{_PART}]*){_PART}(?:: )?([^{_PART}]*){_PART}(?: \\(([^{_PART}]*)\\))?{_PART}")


class UserError(Exception):
    """A fault the user can mend: a wrong key, a missing file, a model that does not load.

    The command line prints it as one line and exits with code 2. Raised inside a Spark task it still reaches the user
    as that line, which `from_traceback` finds in Spark's wrapping.

    >>> print(UserError("there is no such file", where="run.yaml", cure="check the path").line())
    run.yaml: there is no such file (check the path)
    """

    def __init__(self, what: str, *, where: str = "", cure: str = "") -> None:
        self.what, self.where, self.cure = what, where, cure
        super().__init__(self.line())

    def line(self) -> str:
        """The error as one line: `where: what; cure`."""
        start = f"{self.where}: " if self.where else ""
        end = f" ({self.cure})" if self.cure else ""
        return " ".join(f"{start}{self.what}{end}".split())

    def marked(self) -> str:
        """The line in a form that is found again where it is quoted inside a traceback."""
        what, where, cure = (part.replace(_PART, "") for part in (self.what, self.where, self.cure))
        return f"{_PART}{where}{_PART}{': ' if where else ''}{what}{_PART}{f' ({cure})' if cure else ''}{_PART}"

    def json(self) -> str:
        """The error as the JSON list of its three parts."""
        return json.dumps([self.what, self.where, self.cure])

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.cure)


class StartError(UserError):
    """An engine does not start on one machine. Others may be luckier: a run ends only when it starts nowhere."""


def _rebuild(kind: type[UserError], what: str, where: str, cure: str) -> UserError:
    return kind(what, where=where, cure=cure)


class TaskError(RuntimeError):
    """Wraps a `UserError` inside an executor so that its marked form stands in Spark's traceback."""

    def __init__(self, error: UserError) -> None:
        super().__init__(error.marked())


def from_traceback(text: str) -> UserError | None:
    """The `UserError` that a task raised, found in the text of Spark's exception, or None."""
    match = _MARKED.search(text)
    if not match:
        return None
    where, what, cure = match.groups(default="")
    return UserError(what, where=where, cure=cure)


def from_json(text: str) -> UserError:
    """A `UserError` from the JSON list of its three parts. Raises ValueError for any other text."""
    parts = json.loads(text)
    if not (isinstance(parts, list) and len(parts) == 3 and all(isinstance(part, str) for part in parts)):
        raise ValueError("no list of three texts")
    what, where, cure = parts
    return UserError(what, where=where, cure=cure)
