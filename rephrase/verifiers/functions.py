"""Functions of a Python file that can be run by themselves: each with all that it needs of the file, and nothing else."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rephrase.verifiers.scopes import NotPythonError, Scope, parsed, scope_of, spans_of

_SKIPPED = ("_", "test", "main")  # beginnings of names: helpers, tests, entrances


@dataclass(frozen=True, slots=True)
class Function:
    """A function, where it stands in its file (characters), and a program of it and of what it needs, word for word."""

    name: str
    span: tuple[int, int]
    program: str


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement of a module: its characters, its names, and whether it takes up something that is not in Python itself."""

    node: ast.stmt
    span: tuple[int, int]
    scope: Scope
    foreign: bool


def functions_of(source: str, most_characters: int) -> Iterator[Function]:
    """The functions at the level of the module that return something and need the standard library alone, in their order.

    Left out are private ones, tests, `main`, coroutines, and those whose program would have more than so many characters. What is no
    Python has none.
    """
    mark = int(source.startswith("\ufeff"))  # of the order of bytes: it is no part of the program
    source = source[mark:]
    try:
        statements = _statements(source)
    except NotPythonError:
        return
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in (one.node for one in statements)):
        return  # nobody knows what it defines
    future = [one for one in statements if isinstance(one.node, ast.ImportFrom) and one.node.module == "__future__"]
    definers: dict[str, list[_Statement]] = defaultdict(list)
    for statement in statements:
        for name in statement.scope.defines:
            definers[name].append(statement)
    for statement in statements:
        if isinstance(statement.node, ast.FunctionDef) and len(definers[statement.node.name]) == 1 and _is_worth_a_test(statement.node):
            needed = _needed(statement, future, definers, most_characters)
            program = "".join(_joined(source, needed)).strip("\n")
            if needed and len(program) <= most_characters:
                start, stop = statement.span
                yield Function(statement.node.name, (start + mark, stop + mark), f"{program}\n")


def _is_worth_a_test(node: ast.FunctionDef) -> bool:
    returns = any(getattr(inner, "value", None) for inner in ast.walk(node) if isinstance(inner, (ast.Return, ast.Yield, ast.YieldFrom)))
    return returns and not node.name.startswith(_SKIPPED)


def _needed(
    function: _Statement, future: Sequence[_Statement], definers: Mapping[str, Sequence[_Statement]], most_characters: int
) -> list[_Statement]:
    """The statements that a function needs, itself among them, in their order; none where something is missing, foreign, or too long."""
    needed = {id(one): one for one in future}
    spans = {one.span for one in future}
    left = most_characters
    waiting = [function]
    while waiting:
        statement = waiting.pop()
        if id(statement) in needed:
            continue
        needed[id(statement)] = statement
        if statement.span not in spans:  # several on a line have it as their common span
            spans.add(statement.span)
            left -= statement.span[1] - statement.span[0]
        if left < 0 or statement.foreign or any(name not in definers for name in statement.scope.undefined):
            return []
        waiting += [other for name in statement.scope.reads for other in definers.get(name, ())]
    return sorted(needed.values(), key=lambda one: (one.node.lineno, one.node.col_offset))


def _joined(source: str, statements: Sequence[_Statement]) -> Iterator[str]:
    """The text of the statements, with what stands between two of them as in the file: a line break, or blank lines."""
    end = 0
    for statement in statements:
        start, stop = statement.span
        if start >= end:  # else it stands on a line with the one before
            is_definition = isinstance(statement.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            yield ("\n\n\n" if is_definition else "\n") if end else ""
            yield source[start:stop]
            end = stop


def _statements(source: str) -> list[_Statement]:
    nodes = parsed(source).body
    spans = spans_of(nodes, source)
    return [_Statement(node, span, scope_of(source[slice(*span)]), _is_foreign(node)) for node, span in zip(nodes, spans, strict=True)]


def _is_foreign(node: ast.stmt) -> bool:
    """Whether a statement imports what is not in Python's standard library."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import):
            names = [alias.name for alias in inner.names]
        elif isinstance(inner, ast.ImportFrom):
            names = ["." if inner.level else inner.module or "."]
        else:
            continue
        if any(name.partition(".")[0] not in sys.stdlib_module_names for name in names):
            return True
    return False
