"""What stands for `run.yaml` in the commands that messages tell: the file and the options that the user has given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_GENERAL = "run.yaml"
_COMMAND = re.compile(r"(`rephrase (?:[^`\n]* )?)run\.yaml(?=[ `])")
_given: ContextVar[str] = ContextVar("given", default=_GENERAL)


@contextmanager
def given(words: str) -> Iterator[None]:
    """Within the block the user has given these words of a command line, quoted where a shell needs it."""
    token = _given.set(words)
    try:
        yield
    finally:
        _given.reset(token)


def as_given(text: str) -> str:
    """A message whose commands can be copied: with the user's own config and options. Commands that have them stay as they are.

    >>> with given("mine.yaml --output out"):
    ...     as_given("run the mix stage first: `rephrase mix run.yaml`")
    'run the mix stage first: `rephrase mix mine.yaml --output out`'
    """
    words = _given.get()
    options = words.removeprefix(_GENERAL)

    def own(match: re.Match[str]) -> str:
        is_own = words.startswith(_GENERAL) and text.startswith(options, match.end())
        return match[0] if is_own else match[1] + words

    return _COMMAND.sub(own, text)
