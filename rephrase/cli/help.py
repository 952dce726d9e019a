"""How `--help` fits the terminal: paragraphs are filled, lines with examples stay lines."""

from __future__ import annotations

import argparse
import itertools
import re
import shutil
import textwrap

from typing_extensions import override

_MEANING = re.compile(r"(\s+\S.*?)\s{3,}(\S.*)")  # a command, and what it does
_BELOW = " " * 6


def filled(text: str, indent: str = "", below: str = "") -> str:
    """A text as wide as the terminal, or 80 characters into a pipe, unless COLUMNS says otherwise."""
    width = shutil.get_terminal_size((80, 24)).columns
    return textwrap.fill(
        text, max(width, 20), initial_indent=indent, subsequent_indent=below or indent, break_on_hyphens=False, break_long_words=False
    )


class Lines(argparse.RawDescriptionHelpFormatter):
    """Fills paragraphs. Lines that begin with blanks stay; where one is too long, what its command does stands below it."""

    @override
    def _fill_text(self, text: str, width: int, indent: str) -> str:
        del width, indent
        blocks = []
        for is_line, group in itertools.groupby(text.splitlines(), key=lambda line: not line or line[0].isspace()):
            lines = list(group)
            blocks += [_line(line) for line in lines] if is_line else [filled(" ".join(lines))]
        return "\n".join(blocks)


def _line(line: str) -> str:
    if len(line) <= shutil.get_terminal_size((80, 24)).columns:
        return line
    start = line[: len(line) - len(line.lstrip())]
    if parts := _MEANING.fullmatch(line):
        return f"{filled(parts[1].strip(), start, _BELOW)}\n{filled(parts[2], _BELOW)}"
    return filled(line.strip(), start, _BELOW)
