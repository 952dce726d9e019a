"""The program in an answer: which of its code blocks it is made of."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

_FENCES = ("```", "~~~")
PYTHON = ("py", "python", "python3")
_MOST_PARSED = 50_000  # characters: what is longer is taken as it is


class Block(NamedTuple):
    """A code block: the language that stands behind its fence, in small letters, its lines, and whether a fence ends it."""

    language: str
    content: str
    closed: bool


def code(text: str) -> str:
    """The program in a text: all of it if it has no code blocks.

    Of several blocks, those count that define something which no later one does, in their order, so that a program may be told in parts or
    be corrected; what follows the last definition shows how to use it, and is left out. Without definitions it is the last block.
    """
    blocks = list(code_blocks(text))
    named = [block.content for block in blocks if block.language in PYTHON]
    candidates = named or [block.content for block in blocks if not block.language]
    if not candidates:
        return blocks[-1].content if blocks else text
    programs = [(block, *names) for block in candidates if (names := _names(block)) is not None]
    chosen: list[str] = []
    known: set[str] = set()
    for block, defined, other in reversed(programs):
        if (defined or chosen) and (defined | other) - known:
            chosen.insert(0, block)
            known |= defined | other
    return "\n\n".join(chosen) if chosen else programs[-1][0] if programs else candidates[-1]


def code_blocks(text: str) -> Iterator[Block]:
    """The code blocks of a text. One that is not closed goes to the end."""
    fence, language = "", ""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if not fence:
            start, fence = max((line.rfind(one), one) for one in _FENCES)
            if start < 0:
                fence = ""
            else:
                language, lines = (line[start + 3 :].split() or [""])[0].lower().strip("{}."), []
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
