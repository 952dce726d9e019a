"""Programs of assignments, as TinyGSM writes them (Liu et al. 2023, arXiv 2312.09241): run line by line by an interpreter of our own.

A program is one function without arguments, or bare lines: assignments of arithmetic to names, and a return. Nothing else is known, so that
nothing else can happen; numbers are exact fractions, and powers are bounded.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from fractions import Fraction

_MOST_LINES = 100
_MOST_CHARACTERS = 20_000  # Python's own parser takes more than its share of time for more
_DECIMALS = 6  # that a number is written with, where they are all
_MOST_BITS = 4096  # of a number's numerator and denominator


class ProgramError(ValueError):
    """The program is not one of assignments, or does not come to a value. The message is a code such as "syntax" or "statement"."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a program came to: its value, and its lines with the value that each assignment gave."""

    value: Fraction
    lines: tuple[tuple[str, str, Fraction], ...]  # name, expression, value
    annotated: str


def run_program(source: str) -> Run:
    """Run a program. Raises `ProgramError` for whatever is not an assignment of arithmetic."""
    try:
        return _run(source)
    except RecursionError as error:  # what is nested deep can be parsed and not walked
        raise ProgramError("too_large") from error


def _run(source: str) -> Run:
    if len(source) > _MOST_CHARACTERS:
        raise ProgramError("too_long")
    try:
        body = ast.parse(source.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ProgramError("syntax") from error
    if len(body) == 1 and isinstance(body[0], ast.FunctionDef):
        if body[0].decorator_list or any(getattr(body[0].args, kind) for kind in ast.arguments._fields):
            raise ProgramError("arguments")
        body = body[0].body
    if len(body) > _MOST_LINES:
        raise ProgramError("too_long")
    names: dict[str, Fraction] = {}
    lines: list[tuple[str, str, Fraction]] = []
    annotated: list[str] = []
    value: Fraction | None = None
    for statement in body:
        if value is not None:
            raise ProgramError("after_return")
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str):
            continue  # a docstring
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            names[name] = _value(statement.value, names)
            lines.append((name, ast.unparse(statement.value), names[name]))
            annotated.append(f"{name} = {ast.unparse(statement.value)}  # {plain(names[name])}")
        elif isinstance(statement, ast.Return) and statement.value is not None:
            value = _value(statement.value, names)
            annotated.append(f"return {ast.unparse(statement.value)}  # {plain(value)}")
        else:
            raise ProgramError("statement")
    if value is None:
        if not lines:
            raise ProgramError("no_value")
        value = lines[-1][2]
    return Run(value, tuple(lines), "\n".join(annotated))


def plain(value: Fraction) -> str:
    """A number as people write it: whole, as a decimal where that is short, or as a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    millionths = value * 10**_DECIMALS
    if millionths.denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    whole, rest = divmod(abs(millionths.numerator), 10**_DECIMALS)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{_DECIMALS}}".rstrip("0")


def _value(node: ast.expr, names: dict[str, Fraction]) -> Fraction:
    try:
        value = _compute(node, names)
    except ZeroDivisionError as error:
        raise ProgramError("division_by_zero") from error
    except (OverflowError, RecursionError) as error:
        raise ProgramError("too_large") from error
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MOST_BITS:
        raise ProgramError("too_large")
    return value


def _compute(node: ast.expr, names: dict[str, Fraction]) -> Fraction:  # noqa: PLR0911  # a case for each kind of node
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        if node.value in (math.inf, -math.inf):
            raise ProgramError("too_large")  # 1e999
        return Fraction(str(node.value))
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise ProgramError("unknown_name")
        return names[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        operand = _value(node.operand, names)
        return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, names), _value(node.right, names)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                return left / right
            case ast.FloorDiv():
                return Fraction(left // right)
            case ast.Mod():
                return left % right
            case ast.Pow() if right.denominator == 1 and abs(right) <= 64 and left.numerator.bit_length() <= 256:  # keeps it small
                return Fraction(left**right.numerator)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords and node.func.id not in names:
        values = [_value(argument, names) for argument in node.args]
        if node.func.id in ("min", "max") and len(values) > 1:
            return min(values) if node.func.id == "min" else max(values)
        if node.func.id in ("round", "int", "abs") and len(values) == 1:
            return abs(values[0]) if node.func.id == "abs" else Fraction(round(values[0]) if node.func.id == "round" else int(values[0]))
    raise ProgramError("expression")
