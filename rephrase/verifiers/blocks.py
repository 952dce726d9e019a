"""The program in an answer: which of its code blocks it is made of."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_FENCES = ("```", "~~~")
PYTHON = ("py", "python", "python3")
_OPENING = re.compile(r"(?P<indent>[ \t]*+)(?:[^\n`~]*:[*_]{0,3}[ \t]*+)?(?P<fence>`{3,}+|~{3,}+)(?P<info>[^`\n]*+)\Z")
_MOST_INDENTED = 3
_MOST_PARSED = 50_000  # characters: what is longer is taken as it is


class Block(NamedTuple):
    """A code block: the language that stands behind its fence, in small letters, its lines, and whether a fence ends it."""

    language: str
    content: str
    closed: bool


def code(text: str) -> str:
    """The program in a text: all of it if it has no code blocks."""
    blocks = list(_blocks(text))
    return program_of(blocks) if blocks else text


def program_of(blocks: Sequence[Block]) -> str:
    """The program that is told in several blocks, of which there is one at least.

    Those count that define something which no later one does, in their order, so that a program may be told in parts or be corrected; what
    follows the last definition shows how to use it, and is left out. Without definitions it is the last block.
    """
    named = [block.content for block in blocks if block.language in PYTHON]
    candidates = named or [block.content for block in blocks if not block.language]
    if not candidates:
        return blocks[-1].content
    programs = [(block, *names) for block in candidates if (names := _names(block)) is not None]
    chosen: list[str] = []
    known: set[str] = set()
    for block, defined, other in reversed(programs):
        if (defined or chosen) and (defined | other) - known:
            chosen.insert(0, block)
            known |= defined | other
    return "\n\n".join(chosen) if chosen else programs[-1][0] if programs else candidates[-1]


def fenced_blocks(text: str) -> list[Block]:
    """The code blocks of a text by the rules of CommonMark, section 4.5; a fence may also stand behind a colon.

    A fence that is shorter, stands in a line of code, or is indented by more than three spaces, as in a docstring, ends no block. One that
    nothing ends goes to the end of the text.
    """
    blocks: list[Block] = []
    opening: re.Match[str] | None = None
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if opening is None:
            opening, lines = _OPENING.match(line), []
        elif _ends(opening, line):
            blocks.append(Block(_language(opening["info"]), _content(lines), closed=True))
            opening = None
        else:
            lines.append(line)
    return [*blocks, Block(_language(opening["info"]), _content(lines), closed=False)] if opening else blocks


def _ends(opening: re.Match[str], line: str) -> bool:
    bare = line.strip()
    indented = len(line) - len(line.lstrip()) - len(opening["indent"])
    return bare.startswith(opening["fence"]) and not bare.strip(opening["fence"][0]) and indented <= _MOST_INDENTED


def _language(info: str) -> str:
    return (info.split() or [""])[0].lower().strip("{}.")


def last_block(text: str, language: str) -> str | None:
    """The last code block of a language, or else the last one of none that is named; None where there is neither."""
    blocks = list(_blocks(text))
    named = [block for block in blocks if block.language == language] or [block for block in blocks if not block.language]
    return named[-1].content if named else None


def _blocks(text: str) -> Iterator[Block]:
    """The code blocks of a text, also of one that keeps no rules. One that is not closed goes to the end."""
    fence, language = "", ""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if not fence:
            start, fence = max((line.rfind(one), one) for one in _FENCES)
            if start < 0:
                fence = ""
            else:
                language, lines = _language(line[start + 3 :]), []
        elif (end := line.find(fence)) >= 0:
            yield Block(language, _content([*lines, line[:end]]), closed=True)
            fence = ""
        else:
            lines.append(line)
    if fence and lines:
        yield Block(language, _content(lines), closed=False)


def _content(lines: list[str]) -> str:
    text = "\n".join(lines).strip("\n")
    return textwrap.dedent(text) if text[:1].isspace() else text


def _names(block: str) -> tuple[set[str], set[str]] | None:
    """The functions and classes that a block defines, and what else it names; None if it is no Python."""
    if len(block) > _MOST_PARSED:
        return {block}, set()
    try:
        body = ast.parse(block).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    defined, other = set(), set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            other |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            (defined if isinstance(node.value, ast.Lambda) else other).update(names)
    return defined, other
