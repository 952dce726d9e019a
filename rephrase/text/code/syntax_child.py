"""The process that looks at programs: reads lines of JSON, `[task, grammar, program]`, and answers each with a line of JSON.

A fork of it does so, within limits of processor time and memory: parsers of some languages take gigabytes over a text that means many
things at once. Where a limit is reached, the answer is null and the next fork goes on at once.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import resource
import signal
import warnings
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tree_sitter import Node

_SECONDS = 3.0  # of processor time for a program; a megabyte takes less than one
_MEMORY = 1 << 30
_DEEPEST = 8  # levels of definitions inside definitions that are looked into
_COMMENT = "comment"  # in the names that grammars have for them: comment, line_comment, block_comment


def main() -> None:
    """Fork until the input ends."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no answer
    warnings.simplefilter("ignore")  # of programs that are compiled
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        import tree_sitter  # noqa: F401  # it is there in all forks then
    except ImportError as error:
        answers.write(f"{error}\n".encode())
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    answers.write(b"ready\n")
    while (worker := os.fork()) and os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) != 0:
        answers.write(b"null\n")  # for the program that the fork did not survive
    if not worker:
        _serve(os.fdopen(0, "rb"), answers)
        os._exit(0)


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the input ends."""
    while line := requests.readline():
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)  # its signal ends this process, whatever it is in
        try:
            answer = _answer(*json.loads(line))
        except Exception:  # noqa: BLE001  # whatever a foreign text makes of a library, nothing is known of it then
            answer = None
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(json.dumps(answer).encode() + b"\n")


def _answer(task: str, grammar: str, program: str) -> Any:
    if task == "compile":
        return _python_errors(program)
    data = program.encode(errors="replace")
    root = _parser(grammar).parse(data).root_node
    return _errors(root) if task == "errors" else _pieces(data, root, -1, len(data), _DEEPEST) or []


def _python_errors(program: str) -> int:
    try:
        compile(program.removeprefix("\ufeff"), "<program>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return 1
    return 0


def _errors(root: Node) -> int:
    """The places where a program departs from its grammar: what is not understood, and what is missing."""
    count, pending = 0, [root]
    while pending:
        node = pending.pop()
        if node.is_error or node.is_missing:
            count += 1
        elif node.has_error:
            pending.extend(node.children)
    return count


def _pieces(data: bytes, node: Node, start: int, end: int, depth: int) -> list[list[Any]] | None:
    """What the node holds between these bytes: `[begin, line, end, pieces]` each, null for none.

    A piece begins at the beginning of a line, with the comments and attributes before it; its own line is `line`. What begins no line of
    its own, as the body behind the head of a class, has null for `begin`.
    """
    if not depth:
        return None
    pieces: list[list[Any]] = []
    begun: int | None = None  # where comments begin that belong to the next piece
    for child, following in _with_next([child for child in node.children if child.is_named and start <= child.start_byte < end], end):
        line = _line_start(data, child.start_byte)
        if line is None or line <= start:  # the first line of the node is its own
            if inner := _pieces(data, child, child.start_byte, child.end_byte, depth - 1):
                pieces.append([None, child.start_byte, child.end_byte, inner])
            continue
        begin = line if begun is None else begun
        if _is_before(child) and following < end and data.count(b"\n", child.end_byte, following) <= 1:
            begun = begin
        else:
            pieces.append([begin, line, child.end_byte, _pieces(data, child, child.start_byte, child.end_byte, depth - 1)])
            begun = None
    return pieces or None


def _with_next(children: list[Node], end: int) -> Iterator[tuple[Node, int]]:
    """Each child with the byte at which the next one begins."""
    return zip(children, [*(child.start_byte for child in children), end][1:], strict=True)


def _is_before(node: Node) -> bool:
    """Whether it says something of what follows: a comment, or an attribute as Rust has them."""
    return _COMMENT in node.type or node.type == "attribute_item"


def _line_start(data: bytes, at: int) -> int | None:
    """Where the line begins that has nothing but white space before `at`; None where it has more."""
    begin = data.rfind(b"\n", 0, at) + 1
    return begin if not data[begin:at].strip(b" \t\r\f") else None


@functools.cache
def _parser(grammar: str) -> Any:
    from tree_sitter import Language, Parser

    module, _, function = grammar.partition(".")
    return Parser(Language(getattr(importlib.import_module(module), function or "language")()))


if __name__ == "__main__":
    main()
