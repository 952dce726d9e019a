"""The process that compares expressions: reads pairs as lines of JSON, and writes 1 or 0 for each.

A fork of it does so, within a limit of processor time for each pair: where that is reached, the next fork goes on at once, and nothing has
to be imported again.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
from typing import IO, Any

_SECONDS = 2.0  # of processor time for a pair; most take milliseconds
_MEMORY = 2 << 30
_DIGITS = 60  # to which two exact numbers must agree


def main() -> None:
    """Import what compares, and fork until the input ends."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no answer
    logging.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _same("x", "x")  # what is imported for it is there in all forks
    except ImportError as error:
        answers.write(f"{error}\n".encode())
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    answers.write(b"ready\n")
    while (worker := os.fork()) and os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) != 0:
        answers.write(b"0\n")  # for the pair that the fork did not survive
    if not worker:
        _serve(os.fdopen(0, "rb", buffering=0), answers)
        os._exit(0)


def _serve(pairs: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the input ends."""
    while line := pairs.readline():
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)  # its signal ends this process, whatever it is in
        try:
            same = _same(*json.loads(line))
        except Exception:  # noqa: BLE001  # whatever a foreign text makes of the library, the two are not shown to be equal
            same = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(b"1\n" if same else b"0\n")


def _same(answer: str, gold: str) -> bool:
    from math_verify import LatexExtractionConfig, parse, verify

    as_formula = [LatexExtractionConfig(normalization_config=_normalization())]
    first, second = (parse(f"${text}$", as_formula, parsing_timeout=None, fallback_mode="no_fallback")[0] for text in (answer, gold))
    return bool(verify(second, first, timeout_seconds=None)) and _agree(second, first)


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
