"""The process that compares expressions: reads pairs as lines of JSON, and writes true or false for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rephrase.verifiers.serving import serve

_SECONDS = 2.0  # of processor time for a pair; most take milliseconds
_DIGITS = 60  # to which two exact numbers must agree


def _begin() -> Callable[[Any], bool]:
    _same("x", "x")  # what is imported for it is there in all forks
    return _answer


def _answer(pair: list[str]) -> bool:
    try:
        return _same(*pair)
    except Exception:  # noqa: BLE001  # whatever a foreign text makes of the library, the two are not shown to be equal
        return False


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
    serve(_begin, _SECONDS, lost=False)
