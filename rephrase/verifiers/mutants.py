"""Mutants of a function: its program with one small fault each, so that tests can be tested.

The faults are those of the operators that Offutt et al. 1996 found sufficient ("An Experimental Determination of Sufficient Mutant
Operators", ACM TOSEM 5(2)): arithmetic, relational and logical operators replaced, conditions negated and numbers changed; and returned
values left out, as PIT does. Messages of errors, texts and annotations stay as they are.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from rephrase.verifiers.scopes import NotPythonError, parsed, spans_of

_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_RELATIONAL: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_TRIES = 10  # for each mutant that is wanted: in a long table of numbers, very many faults may come to the same
_LEFT_ALONE = ("annotation", "returns", "decorator_list", "type_comment", "type_params")

UNTESTED = "the tests look at no result: they pass where None is returned"

Change = Callable[[ast.AST], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A program with one fault, and its kind: arithmetic, relational, logical, condition, constant or return."""

    kind: str
    program: str


def mutants_of(program: str, function: str, most: int, seed: str) -> list[Mutant]:
    """At most so many mutants of a function of a program, drawn by the seed; all differ. Raises `NotPythonError`."""
    [original] = [node for node in parsed(program).body if isinstance(node, ast.FunctionDef) and node.name == function]
    [(start, stop)] = spans_of([original], program)
    faults = [(place, kind, change) for place, node in enumerate(_places(original)) for kind, change in _changes(node)]
    random.Random(seed).shuffle(faults)  # not a secret
    texts = {_written(original)}
    mutants: list[Mutant] = []
    for place, kind, change in faults[: _TRIES * most]:
        if len(mutants) == most:
            break
        with contextlib.suppress(NotPythonError):
            text = _with_fault(original, place, change)
            if text in texts:
                continue
            texts.add(text)
            mutants.append(Mutant(kind, f"{program[:start]}{text}{program[stop:]}"))
    return mutants


def without_results(program: str, names: Collection[str]) -> str | None:
    """The program with functions of these names that give None; None where none of them returns anything else. Raises `NotPythonError`.

    Tests that such a function passes look at no result, though many mutants make them fail, for example by the sum of a text and a number
    (pseudo-tested methods: Niedermayr, Juergens and Wagner 2016, "Will My Tests Tell Me If I Break This Code?").
    """
    tree = parsed(program)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    results = [node for function in functions for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    for node in results:
        _return_nothing(node)
    return _written(tree) if results else None


def _with_fault(original: ast.FunctionDef, place: int, change: Change) -> str:
    mutated = copy.deepcopy(original)
    change(list(_places(mutated))[place])
    return _written(mutated)


def _written(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except (RecursionError, ValueError) as error:  # what nests deep, and numbers of thousands of digits, can be read and not written
        raise NotPythonError(str(error)) from error


def _places(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that may be changed, in an order that a copy of the tree has as well."""
    yield node
    if isinstance(node, ast.Raise):
        return
    for name, value in ast.iter_fields(node):
        if name not in _LEFT_ALONE:
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, ast.AST):
                    yield from _places(inner)


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in _ARITHMETIC:
        yield "arithmetic", _replace_operator
    elif isinstance(node, ast.Compare):
        if type(node.ops[0]) in _RELATIONAL:
            yield "relational", _replace_relation
    elif isinstance(node, ast.BoolOp):
        yield "logical", _replace_junction
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield "condition", _negate
    elif isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        yield "constant", _change_constant
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "return", _return_nothing


def _replace_operator(node: ast.AST) -> None:
    assert isinstance(node, (ast.BinOp, ast.AugAssign))
    node.op = _ARITHMETIC[type(node.op)]()


def _replace_relation(node: ast.AST) -> None:
    assert isinstance(node, ast.Compare)
    node.ops[0] = _RELATIONAL[type(node.ops[0])]()


def _replace_junction(node: ast.AST) -> None:
    assert isinstance(node, ast.BoolOp)
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()


def _negate(node: ast.AST) -> None:
    assert isinstance(node, (ast.If, ast.While, ast.IfExp))
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _change_constant(node: ast.AST) -> None:
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, (bool, int, float))
    node.value = not node.value if isinstance(node.value, bool) else node.value + 1


def _return_nothing(node: ast.AST) -> None:
    assert isinstance(node, ast.Return)
    node.value = ast.Constant(None)
