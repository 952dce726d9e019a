"""Whether two mathematical expressions are equal, as Math-Verify says, in a process with a limit on time and memory.

Simplifying may take for ever, and the library's own limit is a signal, which threads cannot have. The limit is of processor time, so that
verdicts do not depend on what else the machine does.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from rephrase.verifiers.children import Children

_children = Children(Path(__file__).with_name("algebra_child.py"), "Math-Verify", "install the package math-verify, which compares answers")


@lru_cache(maxsize=4096)
def same_expression(answer: str, gold: str) -> bool:
    """Whether two expressions in LaTeX are equal. False where that does not come out within the limits.

    Raises `UserError` where Math-Verify cannot be started.
    """
    return _children.ask([answer, gold]) is True
