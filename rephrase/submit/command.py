"""A command as a shell takes it, with secrets as the names of variables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Given:
    """A word whose end is the value of a variable of the shell: `--conf spark.executorEnv.HOME="$HOME"`."""

    start: str
    variable: str

    def __str__(self) -> str:
        return f'{shlex.quote(self.start)}"${self.variable}"'


Word = str | Given


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its options, one a line, and the variables that it is started with."""

    program: Sequence[Word]
    """The program, and what stands on its line."""
    options: Sequence[Sequence[Word]] = ()
    """Each with its value."""
    arguments: Sequence[Word] = ()
    """What comes last, on one line."""
    variables: Mapping[str, str] = field(default_factory=dict)
    reader: Command | None = None
    """What reads its output."""

    def text(self) -> str:
        """The command for a shell, over several lines."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in self.variables.items()]
        lines = [" ".join([*settings, *map(_quoted, self.program)])]
        lines += [" ".join(map(_quoted, option)) for option in self.options]
        if self.arguments:
            lines.append(" ".join(map(_quoted, self.arguments)))
        if self.reader:
            lines.append(f"| {self.reader.text()}")
        return " \\\n  ".join(lines)


@dataclass(frozen=True, slots=True)
class Note:
    """A line for who reads the commands; a shell passes over it."""

    about: str

    def text(self) -> str:
        """The line as a comment."""
        return f"# {self.about}"


Step = Command | Note


def script(steps: Sequence[Step]) -> str:
    """The steps as a script, one after the other."""
    return "\n".join(step.text() for step in steps)


def conf(settings: Mapping[str, Word]) -> list[Sequence[Word]]:
    """Settings of Spark as options of spark-submit."""
    return [("--conf", value if isinstance(value, Given) else f"{name}={value}") for name, value in settings.items()]


def _quoted(word: Word) -> str:
    return str(word) if isinstance(word, Given) else shlex.quote(word)
