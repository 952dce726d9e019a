"""What a piece of Python reads and defines at the level of its module, by the compiler's own symbol tables; nothing is run."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_OF_EVERY_MODULE = frozenset({*dir(builtins), "__builtins__", "__class__", "__file__", "__path__", "__annotations__"})
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
MOST_CHARACTERS = 200_000
"""Longer programs are not looked at: they would take seconds."""


class NotPythonError(ValueError):
    """The source is no Python, or nests or goes on without end."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Names of a module: those that it reads from itself, anywhere in it, and those that it defines."""

    reads: frozenset[str]
    defines: frozenset[str]

    @property
    def undefined(self) -> frozenset[str]:
        """What it reads, and neither defines nor has from Python."""
        return self.reads - self.defines - _OF_EVERY_MODULE


def parsed(source: str) -> ast.Module:
    """The syntax tree of a program. Raises `NotPythonError`."""
    if len(source) > MOST_CHARACTERS:
        raise NotPythonError("too long")
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotPythonError(str(error)) from error


def scope_of(source: str) -> Scope:
    """The names that a program reads and defines at its module's level. Raises `NotPythonError`."""
    try:
        top = symtable.symtable(source, "program", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotPythonError(str(error)) from error
    reads, defines = set(), set()
    for table in _tables(top):
        for symbol in table.get_symbols():
            of_module = table is top or symbol.is_global()
            if of_module and symbol.is_referenced():
                reads.add(symbol.get_name())
            if of_module and (symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()):
                defines.add(symbol.get_name())
    return Scope(frozenset(reads), frozenset(defines))


def spans_of(nodes: Sequence[ast.stmt], source: str) -> list[tuple[int, int]]:
    """The characters of statements of a module, with their decorators, from the beginning of the first line to the end of the last one.

    Raises `NotPythonError` where Python counts the lines otherwise than by line breaks.
    """
    starts = [0]
    for line in _LINE.findall(source):
        starts.append(starts[-1] + len(line))
    spans = []
    for node in nodes:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
        last = node.end_lineno or node.lineno
        if last >= len(starts):
            raise NotPythonError("lines")
        start = starts[first - 1]
        spans.append((start, start + len(source[start : starts[last]].rstrip())))
    return spans


def is_self_contained(source: str) -> bool:
    """Whether a program reads no name that it does not define, and imports nothing from beside itself. Raises `NotPythonError`.

    Packages that it imports by name may be any: that they are to be had is not looked at.
    """
    imports = [node for node in ast.walk(parsed(source)) if isinstance(node, ast.ImportFrom)]
    beside = any(node.level > 0 or any(alias.name == "*" for alias in node.names) for node in imports)
    return not beside and not scope_of(source).undefined


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    waiting = [table]
    while waiting:
        yield (table := waiting.pop())
        waiting += table.get_children()
