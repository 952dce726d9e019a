r"""One way of writing for what people write in many: LaTeX, Unicode and plain text become the same few commands.

`\frac`, `\sqrt`, `\pi`, `\infty`, `\cup`, `\in`, `\pm` and functions stay, each with its arguments in braces; fonts, spaces, delimiters
and sizes go.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rephrase.verifiers.evidence import braced, in_mathematics

SYMBOL = r"\\?[A-Za-z]+(?:_(?:\{\w+\}|\w))?"
_COMMAND = re.compile(r"\\[A-Za-z]+")
_LETTER = re.compile(r"[A-Za-z]")
_FRACTIONS = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5), "⅘": (4, 5), "⅙": (1, 6),
    "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8), "⅐": (1, 7), "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("−‐‑–﹣－", "-"),
        **dict.fromkeys("×·⋅∙✕", "*"),
        **dict.fromkeys("\xa0\u2009\u202f\u2007\u2002\u2003\u3000\u200b\ufeff\t", " "),
        "÷": "/", "⁄": "/", "∕": "/",
        "∞": r"\infty ", "π": r"\pi ", "≤": "<=", "⩽": "<=", "≥": ">=", "⩾": ">=", "∈": r"\in ", "∪": r"\cup ",
        "±": r"\pm ", "°": r"^\circ ", "∅": r"\emptyset ", "≈": r"\approx ", "’": "'", "′": "'", "≠": r"\ne ", "θ": r"\theta ",
        "，": ",", "、": ",", "：": ":", "；": ";", "（": "(", "）": ")", "％": "%", "＄": "$", "＋": "+", "＝": "=", "∶": ":",
        **{char: f"\\frac{{{top}}}{{{bottom}}}" for char, (top, bottom) in _FRACTIONS.items()},
    }
)  # fmt: skip
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_LOWERED = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_TO_LINE = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻₀₁₂₃₄₅₆₇₈₉", "0123456789+-0123456789")
_ROOT = re.compile(r"√\s?(?:(\d+(?:\.\d+)?|[A-Za-z])|(?=[({]))")
_DIGITS = re.compile(r"[^\x00-\x7f]")
_FONTS = re.compile(
    r"\\(?:text(?:rm|bf|it|sf|tt|normal)?|math(?:rm|bf|it|sf|tt|bb|cal|frak)|mbox|hbox|boldsymbol|bm|operatorname\*?|unit|underline)\s?(?=\{)"
)
_FONT_OF_ONE = re.compile(r"(?<=\\math[a-z]{2})\s+([A-Za-z0-9])(?![A-Za-z0-9])")
_GONE = re.compile(
    r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits|rm|bf|it|phantom\{[^{}]*\})(?![A-Za-z])\.?|\\[!]\s?"
)
_SPACES = re.compile(r"(?<!\\)\\(?:[,;:> ]|q?quad(?![A-Za-z])|thinspace(?![A-Za-z])|enspace(?![A-Za-z]))|~|(?<=\w)\{\s?\}")
_COMMANDS = {
    "dfrac": r"\frac", "tfrac": r"\frac", "cfrac": r"\frac", "nicefrac": r"\frac", "sfrac": r"\frac", "leq": "<=", "le": "<=",
    "leqslant": "<=", "geq": ">=", "ge": ">=", "geqslant": ">=", "lt": "<", "gt": ">", "neq": r"\ne ", "cdot": "*", "times": "*",
    "ast": "*", "div": "/", "degree": r"^\circ ", "varnothing": r"\emptyset ", "lbrace": r"\{", "rbrace": r"\}", "lbrack": "[",
    "rbrack": "]", "lparen": "(", "rparen": ")", "colon": ":", "dots": r"\ldots ", "cdots": r"\ldots ", "dotsc": r"\ldots ",
    "percent": "%", "pounds": "£", "euro": "€", "textdollar": "$", "textdegree": r"^\circ ", "land": " and ", "lor": " or ",
    "vee": " or ", "wedge": " and ", "simeq": r"\approx ", "sim": r"\approx ", "infin": r"\infty ", "pmb": "",
    "rightarrow": r"\to ", "union": r"\cup ",
}  # fmt: skip
_COMMAND_WITH_SPACE = re.compile(r"(?<!\\)\\([A-Za-z]+)\s?")
_PLAIN_NAMES = re.compile(r"(?<![A-Za-z\\])(sqrt|pi|infinity|inf|sin|cos|tan|cot|csc|log|ln|exp|arcsin|arccos|arctan)(?![A-Za-z])")
_ARGUMENTS = re.compile(r"\\(frac|sqrt)(?![A-Za-z])\s?")
_ARGUMENT = re.compile(r"\\[A-Za-z]+|\d|[A-Za-z]")


_REALS = re.compile(r"\\mathbb\s?(?:\{\s?R\s?\}|R)(?![\^_A-Za-z])|ℝ(?![\^_²³ⁿ])|\A(?:the set of )?all reals?(?: numbers)?\Z", re.IGNORECASE)


@lru_cache(maxsize=4096)
def simplify(answer: str) -> str:
    r"""An answer in the one way of writing: `$\tfrac12\,$` and `½` become `\frac{1}{2}`."""
    text = _REALS.sub(r"(-\\infty,\\infty)", _undelimited(answer.strip().strip("*`").strip()))
    if not text.isascii():
        text = re.sub(r"(?<=\d)–(?=\d)", " to ", text)
        text = _ROOT.sub(lambda root: rf"\sqrt{{{root[1]}}}" if root[1] else r"\sqrt", text.translate(_SIGNS))
        text = _RAISED.sub(lambda run: f"^{{{run[0].translate(_TO_LINE)}}}", text)
        text = _LOWERED.sub(lambda run: f"_{{{run[0].translate(_TO_LINE)}}}", text)
        text = _DIGITS.sub(_ascii_digit, text)
    if "\\" in text or "{" in text:
        text = re.sub(r"\s?\{\s?,\s?\}\s?", ",", text)
        text = _FONT_OF_ONE.sub(r"{\1}", text)
        if "\\begin" not in text:
            text = re.sub(r"\\\\(?=[A-Za-z])", r"\\", text)  # escaped twice
        text = _SPACES.sub(" ", _GONE.sub("", text))
        text = _COMMAND_WITH_SPACE.sub(lambda match: _COMMANDS.get(match[1], match[0]), text)
        text = text.replace("\\%", "%").replace("\\$", "$").replace("\\#", "#")
        text = _unwrapped(text)
        text = re.sub(r"\^\s?(?:\{\s?\\circ\s?\}|\\circ(?![A-Za-z]))\s?", " degrees ", text)
    if text.startswith("{") and braced(text, 0) == text[1:-1]:
        text = text[1:-1]  # braces that are not written
    text = re.sub(r"_\{(\w)\}", r"_\1", text.replace("!=", r"\ne "))
    text = re.sub(r"\.\.\.+|…", r"\\ldots ", text.replace("**", "^"))
    text = _PLAIN_NAMES.sub(lambda name: {"infinity": r"\infty", "inf": r"\infty"}.get(name[1], "\\" + name[1]), text)
    if "\\" in text:
        text = _with_arguments(re.sub(r"\+\s?(?=\\infty)", "", text))
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"(?<!\\)[.,;:。]+$", "", text).strip() if len(text) > 1 else text


def without_commands(text: str) -> str:
    """A simplified answer with spaces for its commands."""
    return _COMMAND.sub(" ", text)


def has_variables(text: str) -> bool:
    """Whether letters stand in a simplified answer, other than those of commands."""
    return bool(_LETTER.search(without_commands(text)))


def _undelimited(text: str) -> str:
    r"""Without the marks of mathematics around it; a single dollar is money."""
    protected = text.replace("\\$", "\x00")
    for _ in range(3):
        formula = in_mathematics(protected)
        if formula is None or formula[1].strip(" .,"):
            break
        protected = formula[0]
    if protected.count("$") >= 2:  # several formulas, or one and its unit
        protected = protected.replace("$", "")
    protected = re.sub(r"\\[()\[\]]", "", protected)
    return protected.replace("\x00", "\\$")


def _ascii_digit(match: re.Match[str]) -> str:
    digit = unicodedata.decimal(match[0], None)
    if digit is not None:
        return str(digit)
    return unicodedata.normalize("NFKC", match[0]) if "\uff00" <= match[0] <= "\uffef" else match[0]


def _unwrapped(text: str) -> str:
    """Without fonts: what stood in them is parted by spaces from what is before it."""
    parts, at = [], 0
    while match := _FONTS.search(text, at):
        inside = braced(text, match.end())
        if inside is None:
            break
        parts += [text[at : match.start()], " ", _unwrapped(inside) if "\\" in inside else inside, " "]
        at = match.end() + len(inside) + 2
    return "".join(parts) + text[at:]


def _with_arguments(text: str, depth: int = 0) -> str:
    r"""With the arguments of `\frac` and `\sqrt` in braces, at any depth that answers have."""
    if depth > 20:
        return text
    parts, at = [], 0
    while match := _ARGUMENTS.search(text, at):
        parts.append(text[at : match.start()])
        at = match.end()
        parts.append(f"\\{match[1]}")
        if match[1] == "sqrt" and at < len(text) and text[at] == "[" and (close := text.find("]", at)) > 0:
            parts.append(text[at : close + 1])
            at = close + 1
        if match[1] == "sqrt" and at < len(text) and text[at] == "(":
            inside = _bracketed(text, at)
            if inside is not None:
                parts.append(f"{{{_with_arguments(inside, depth + 1)}}}")
                at += len(inside) + 2
            continue
        for _ in range(2 if match[1] == "frac" else 1):
            while at < len(text) and text[at] == " ":
                at += 1
            if at < len(text) and text[at] == "{":
                inside = braced(text, at)
                if inside is None:
                    break
                parts.append(f"{{{_with_arguments(inside.strip(), depth + 1)}}}")
                at += len(inside) + 2
            elif argument := _ARGUMENT.match(text, at):
                parts.append(f"{{{argument[0]}}}")
                at = argument.end()
    return "".join(parts) + text[at:]


def _bracketed(text: str, at: int) -> str | None:
    depth = 0
    for place in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return text[at + 1 : place]
    return None
