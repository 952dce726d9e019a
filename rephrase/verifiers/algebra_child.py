"""The process that compares expressions: reads pairs as lines of JSON, and writes 1 or 0 for each."""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
from typing import Any

_MEMORY = 2 << 30
_DIGITS = 60  # to which two exact numbers must agree


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no answer
    logging.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        from math_verify import LatexExtractionConfig, parse, verify
    except ImportError as error:
        answers.write(f"{error}\n".encode())
        return

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    as_formula = [LatexExtractionConfig(normalization_config=_normalization())]
    answers.write(b"ready\n")
    for line in sys.stdin.buffer:
        try:
            sides = [parse(f"${text}$", as_formula, parsing_timeout=None, fallback_mode="no_fallback") for text in json.loads(line)]
            answer, gold = (side[0] for side in sides)
            same = verify(gold, answer, timeout_seconds=None) and _agree(gold, answer)
        except Exception:  # noqa: BLE001  # whatever a foreign text makes of the library, the two are not shown to be equal
            same = False
        answers.write(b"1\n" if same else b"0\n")


def _agree(first: Any, second: Any) -> bool:
    """Whether exact numbers agree to more digits than the library compares; True for what is no exact number."""
    import sympy

    if not all(isinstance(side, sympy.Expr) and side.is_number and not side.has(sympy.Float) for side in (first, second)):
        return True
    difference = (first - second).doit()
    size = max(1, abs(first.evalf(_DIGITS)))
    return bool(difference == 0) or bool(abs(difference.evalf(_DIGITS)) <= size * sympy.Float(10, _DIGITS) ** (20 - _DIGITS))


def _normalization() -> Any:
    from latex2sympy2_extended.latex2sympy2 import NormalizationConfig

    return NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none", equations=False)


if __name__ == "__main__":
    main()
