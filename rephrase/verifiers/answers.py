"""Final answers of mathematical problems: found in a text, and compared by value.

Texts are read by a parser of our own on top of `ast`, and become sympy objects one whitelisted operation at a time: nothing is evaluated.
"""

from __future__ import annotations

import ast
import re
from fractions import Fraction
from typing import Any

_LONGEST = 200  # characters of an answer
_GREATEST = 64  # of an exponent, and digits of what a power is made of
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_MARKED = re.compile(r"####\s*([^\n]+)")
_PHRASE = re.compile(
    r"(?:final answer|answer|result)\s*(?:is|:|=)\s*:?\s*\**\s*(.+?)\s*\**\s*(?:\.\s*$|\.\s+[A-Z]|\n|$)", re.IGNORECASE | re.MULTILINE
)
_LAST_NUMBER = re.compile(r"(?<![\w.])[-−]?\$?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?%?")
_WITH_UNIT = re.compile(
    r"^(?P<currency>[$€£¥]\s*)?(?P<number>[-+−]?\s*[$€£¥]?\s*\d[\d,\u202f]*(?:\.\d+)?(?:\s*/\s*\d[\d,]*)?|[-+−]?\.\d+)"
    r"\s*(?P<percent>%|percent\b|per cent\b)?\s*(?P<unit>[^\d]*)$",
    re.IGNORECASE,
)
_MIXED = re.compile(r"^(-?)\s*(\d+)\s+(\d+)\s*/\s*(\d+)$")
_LATEX = (
    (re.compile(r"(?<=\d)(?:\{,\}|\\[,!:]\s?)(?=\d{3}(?!\d))"), ","),  # digits in groups: 70{,}000
    (re.compile(r"\\[dt]?frac\s*\{([^{}]+)\}\s*\{([^{}]+)\}"), r"((\1)/(\2))"),
    (re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)"), r"(\1/\2)"),
    (re.compile(r"\\sqrt\s*\{([^{}]+)\}"), r"sqrt(\1)"),
    (re.compile(r"\\(?:text|mathrm|mbox|textbf|mathbf)\s*\{([^{}]*)\}"), r" \1"),
    (re.compile(r"\\(?:left|right|,|;|!|:|quad|displaystyle)"), ""),
    (re.compile(r"\\(?:cdot|times)"), "*"),
    (re.compile(r"\\pi\b"), "pi"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\\$"), "$"),
    (re.compile(r"\^\s*\{([^{}]+)\}"), r"**(\1)"),
    (re.compile(r"\^"), "**"),
)
_FUNCTIONS = ("sqrt", "sin", "cos", "tan", "log", "ln", "exp", "abs")


def final_answer(text: str) -> str | None:
    r"""The final answer that a solution states: after `####`, in `\boxed{}`, after "the answer is", or else its last number."""
    if answers := _MARKED.findall(text):
        return str(answers[-1]).strip()
    if boxed := _boxed(text):
        return boxed
    if phrases := _PHRASE.findall(text):
        return str(phrases[-1]).strip().strip("$*").strip()
    numbers = _LAST_NUMBER.findall(text)
    return str(numbers[-1]) if numbers else None


def same_answer(answer: str, gold: str) -> bool:
    """Whether two answers have the same value: numbers, with or without units and separators, fractions, percentages, expressions.

    A percentage equals the number with the sign left out, and its hundredth: sources differ in what they leave out.
    """
    first, second = _clean(answer), _clean(gold)
    if not first or not second or len(first) > _LONGEST or len(second) > _LONGEST:
        return False
    if "".join(first.split()).casefold() == "".join(second.split()).casefold():
        return True
    left, right = _numbers(first), _numbers(second)
    if left and right:
        return any(_close(a, b) for a in left for b in right)
    if (
        bool(left) != bool(right)
        and re.search(r"[a-zA-Z]{2}", first + second)
        and not re.search(r"sqrt|pi|log|sin|cos|tan|exp", first + second)
    ):
        return False  # a word is no number
    return _same_expression(first, second)


def _boxed(text: str) -> str | None:
    starts = list(_BOXED.finditer(text))
    if not starts:
        return None
    depth, at = 1, starts[-1].end()
    for place in range(at, min(len(text), at + _LONGEST)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[at:place].strip()
    return None


def _clean(answer: str) -> str:
    text = (_boxed(answer) or answer).strip().replace("−", "-")
    for pattern, replacement in _LATEX:
        for _ in range(3):  # one inside the other
            text, times = pattern.subn(replacement, text)
            if not times:
                break
    text = text.strip().strip(".").strip()
    if "=" in text and text.count("=") == 1:  # "x = 5"
        text = text.partition("=")[2].strip()
    return text.strip("$").strip() if text.startswith("$") and text.endswith("$") and len(text) > 1 else text


def _numbers(text: str) -> list[Fraction]:
    """The values that a text may stand for; empty where it is no single number."""
    mixed = _MIXED.match(text)
    if mixed:
        sign, whole, top, bottom = mixed.groups()
        value = int(whole) + (Fraction(int(top), int(bottom)) if int(bottom) else Fraction(0))
        return [-value if sign else value]
    plain = text.replace("((", "(").replace("))", ")")
    fraction = re.fullmatch(r"(-?)\s*\(?\(?\s*(-?\d+)\s*\)?\s*/\s*\(?\s*(-?\d+)\s*\)?\)?\s*([a-zA-Z ]*)", plain)
    if fraction and int(fraction[3]):
        value = Fraction(int(fraction[2]), int(fraction[3]))
        return [-value if fraction[1] else value]
    match = _WITH_UNIT.match(text)
    if not match or re.search(r"[+*/^()=]", match["unit"]):
        return []
    digits = re.sub(r"[,\s\u202f$€£¥]", "", match["number"])
    top, _, bottom = digits.partition("/")
    try:
        value = Fraction(top) / (Fraction(bottom) if bottom else 1)
    except (ValueError, ZeroDivisionError):
        return []
    return [value, value / 100] if match["percent"] else [value]


def _close(first: Fraction, second: Fraction) -> bool:
    # A fraction written as a decimal is rounded.
    return first == second or (abs(first - second) <= Fraction(1, 10**6) * max(abs(first), abs(second)))


def _same_expression(first: str, second: str) -> bool:
    import sympy

    try:
        left, right = _expression(first), _expression(second)
        if isinstance(left, sympy.Tuple) or isinstance(right, sympy.Tuple):
            return bool(left == right)
        difference = left - right
        if difference == 0:
            return True
        names = sorted(difference.free_symbols, key=str)
        points = ({name: sympy.Rational(7 + 3 * i + at, 5 + i) for i, name in enumerate(names)} for at in (1, 2, 4))
        return all(abs(complex(difference.evalf(20, subs=point))) < 1e-9 for point in points)  # rounding at 20 digits
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, OverflowError, ZeroDivisionError, ArithmeticError):
        return False


def _expression(text: str) -> Any:
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"(?<=[\d)])\s*(?=[a-zA-Z(])", "*", text)  # 2x, 3(x+1)
    return _node(ast.parse(text, mode="eval").body)


def _node(node: ast.expr) -> Any:  # noqa: PLR0911  # a case for each kind of node
    import sympy

    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return sympy.Rational(str(node.value))
    if isinstance(node, ast.Name) and (len(node.id) == 1 or node.id == "pi"):
        return sympy.pi if node.id == "pi" else sympy.Symbol(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _node(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        left, right = _node(node.left), _node(node.right)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Div):
            return left / right
        if isinstance(node.op, ast.Pow) and len(str(left)) <= _GREATEST and (not right.is_number or abs(right) <= _GREATEST):
            return left**right
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS and len(node.args) == 1:
        name = {"ln": "log", "abs": "Abs"}.get(node.func.id, node.func.id)
        return getattr(sympy, name)(_node(node.args[0]))
    if isinstance(node, ast.Tuple):
        return sympy.Tuple(*map(_node, node.elts))
    raise ValueError(ast.dump(node)[:100])
