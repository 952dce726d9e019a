"""Programs of edits (ProX, Zhou et al. 2024, arXiv 2409.17115): a model says what to remove, a whitelist of operations does it.

The program is parsed, never evaluated. Its lines are those of ProX: `drop_doc()`, `keep_doc()`, `keep_chunk()`,
`remove_lines(first, last)` with numbers from 0, both ends removed, and `normalize("source", "target")`.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from rephrase.recipes.base import Parsed

_MOST = 200  # operations of one program
_LONGEST = 2000  # characters of one operation
_MOST_GROWN = 2  # times the passage: a program cleans, and one that doubles the text asks for ever more
_ROOM = 1000  # characters that a short passage may grow by all the same


def numbered(text: str) -> str:
    """The text as the model sees it: each line behind its number, `[000]` the first."""
    return "\n".join(f"[{number:03d}] {line}" for number, line in enumerate(text.splitlines()))


def apply_edits(program: str, passage: str, max_removed: float, operations: Sequence[str]) -> Parsed:
    """The passage after the program.

    Errors: `parse:program` for anything but these operations, `rejected:drop`, and `rejected:removed` where more than `max_removed` of the
    characters would go: a model that deletes so much has not understood. `rejected:grown` where the text would become more than twice as
    long, and by over 1,000 characters.
    """
    calls = _calls(program, operations)
    if calls is None:
        return Parsed(error="parse:program")
    if calls[0][0] == "drop_doc":
        return Parsed(error="rejected:drop")
    lines: list[str | None] = list(passage.splitlines())
    for name, arguments in calls:
        if name == "remove_lines":
            first, last = arguments
            if not 0 <= first <= last < len(lines):
                return Parsed(error="parse:program")
            lines[first : last + 1] = [None] * (last + 1 - first)
    text = "\n".join(line for line in lines if line is not None)
    most = max(_MOST_GROWN * len(passage), len(passage) + _ROOM)
    for source, target in (arguments for name, arguments in calls if name == "normalize"):
        if len(text) + text.count(source) * (len(target) - len(source)) > most:
            return Parsed(error="rejected:grown")
        text = text.replace(source, target)
    text = text.strip()
    if len(text) < (1 - max_removed) * len(passage.strip()):
        return Parsed(error="rejected:removed")
    return Parsed(text=text, fields={"operations": len(calls)}) if text else Parsed(error="parse:empty")


def _calls(program: str, operations: Sequence[str]) -> list[tuple[str, tuple]] | None:  # type: ignore[type-arg]  # as in `_call`
    """The operations of a program, by name and arguments; None for what is no program of these operations."""
    lines = [line for line in program.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines or len(lines) > _MOST:
        return None
    try:
        calls = [_call(line) for line in lines]
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # the last two: what nests without end
        return None
    names = [name for name, _ in calls]
    return calls if set(names) <= set(operations) and ("drop_doc" not in names or len(names) == 1) else None


def _call(line: str) -> tuple[str, tuple]:  # type: ignore[type-arg]  # two numbers, two strings, or nothing
    if len(line) > _LONGEST:
        raise ValueError(line[:80])
    node = ast.parse(line.strip(), mode="eval").body
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError(line)  # noqa: TRY004  # all that is wrong with a program is one error
    values = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    by_name = {word.arg: word.value.value for word in node.keywords if isinstance(word.value, ast.Constant)}
    if len(values) != len(node.args) or len(by_name) != len(node.keywords):
        raise ValueError(line)
    names = {"remove_lines": ("line_start", "line_end"), "normalize": ("source_str", "target_str")}.get(node.func.id, ())
    values += [by_name.pop(name) for name in names[len(values) :] if name in by_name]
    kind = {"remove_lines": int, "normalize": str}.get(node.func.id, type(None))
    if node.func.id not in ("drop_doc", "keep_doc", "keep_chunk", "remove_lines", "normalize"):
        raise ValueError(line)
    if by_name or len(values) != len(names) or any(type(value) is not kind for value in values):
        raise ValueError(line)
    if node.func.id == "normalize" and not values[0]:
        raise ValueError(line)
    return node.func.id, tuple(values)
