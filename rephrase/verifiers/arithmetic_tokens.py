"""Texts cut into the tokens of arithmetic, in time that grows with their length: numbers, signs, words, and what ends a statement."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from rephrase.verifiers.quantity_values import words

Kind = Literal["number", "sign", "word", "relation", "end"]

_FENCE = re.compile(r"```[^`]*+(?:```|\Z)|^~~~[^~]*+(?:~~~|\Z)", re.MULTILINE)
_CURRENCY = re.compile("[$€£¥₹]")
_SHORT_COMMAND = re.compile(r"(\\[dt]?frac) ?(\d) ?(\d)|(\\sqrt) ?(\d)")
_VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5), "⅘": (4, 5), "⅙": (1, 6),
    "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
}  # fmt: skip
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_TOKEN = re.compile(
    r"""(?P<space>[ \t\u00a0\u2009\u202f]++|\\[,;:!]|\\(?:left|right|q?quad|boxed|mathbf|displaystyle)(?![A-Za-z])|\\\ |~|&|\\[()\[\]]|\$)
    |(?P<break>\n|\\\\)
    |(?P<elsewhere>(?:[,;(]\ ?)?(?:(?:with|and|leaving)\ )?(?:(?:a|the)\ )?(?:remainder|rem)(?![A-Za-z])|(?:\.\.\.|…)(?=\ ?\d)
        |(?:[,;]?\ ?(?<![A-Za-z])(?:with|and)\ |\(\ ?)\d{1,6}\ (?:[a-z]{1,20}\ )?(?:left|remaining|over)(?![A-Za-z])
        |(?<![A-Za-z])and\ (?:\d{1,3}\ ?/\ ?\d{1,3}+(?!\ ?[=+*/×÷≈−.-])
            |(?:an?|one|two|three|\d)\ (?:hal|third|quarter|fourth|fifth|sixth|eighth|tenth))
        |(?<![\d.,])\d{1,40}+\.(?:\d{0,20}\(\d{1,20}\)|\d{0,20}\\(?:overline|bar|dot)(?![A-Za-z]))
        |(?<![A-Za-z])[Ii]n\ (?:base[\ -]\w{1,10}|binary|octal|hexadecimal|integer\ division|modular\ arithmetic)(?![A-Za-z])[,:]?)
    |(?P<mixed>(?<![\d.,])\d{1,6}\ \d{1,3}/\d{1,3}(?![\d/.,]\d|\d))
    |(?P<points>(?<![\d.,])\d{1,3}(?:\.\d{3}){1,12}+,\d{1,2}(?![\d,]))
    |(?P<number>(?<![\d.,])\d{1,2}(?:,\d\d(?!\d)){1,5}+,\d{3}(?![\d,])(?:\.\d{1,30})?+|\d{1,40}+,\d{4,30}+(?![\d,])
        |\d{1,3}(?:(?:,|\{,\}|[\u00a0\u2009\u202f ])\d{3}){1,12}+(?![\d]|[,.]?\d)(?:\.\d{1,30})?+
        |\d{1,3}(?:,\d{3}){1,12}+\.\d{1,30}+|\d{1,40}+\.\d{1,40}+(?:\.\.\.|…)?|\d{1,40}+,\d{1,2}(?![\d,])|\d{1,40}+|(?<!\d)\.\d{1,40}+)
        (?P<exponent>[eE][+-]?\d{1,2}(?![\w.]))?+
    |(?P<vulgar>[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])
    |(?P<raised>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]{1,6}+)
    |(?P<roughly>≈|≃|\\approx(?![A-Za-z])|\\simeq(?![A-Za-z]))
    |(?P<unequal>(?<!\d)!=)
    |(?P<equal>(?<![=<>:+*/~-])=(?![=>~]))
    |(?P<fraction>\\[dt]?frac(?![A-Za-z])\ ?(?=\{))
    |(?P<root>√|\\sqrt(?![A-Za-z])\ ?(?=\{)|sqrt(?=\())
    |(?P<times>[×·⋅∙]|\\(?:times|cdot|ast)(?![A-Za-z]))
    |(?P<over>÷|\\div(?![A-Za-z])|[/∕⁄])
    |(?P<percent>\\?%)
    |(?P<power>\*\*|\^)
    |(?P<words>\\(?:text|mathrm|mbox|textrm)\{\ ?[A-Za-z]{1,20}\ ?\})
    |(?P<sign>[-+*()\[\]{}!−–])
    |(?P<word>[^\W\d_⁰¹²³⁴⁵⁶⁷⁸⁹]{1,40}+)
    |(?P<command>\\[A-Za-z]{1,30}+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_SIGNS = {"times": "*", "over": "/", "percent": "%", "power": "^", "fraction": "frac", "root": "root"}
_BRACKETS = {"[": "(", "{": "(", "]": ")", "}": ")", "−": "-", "–": "–"}
_DATE = re.compile(r"0\d")
_WITH_POINTS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
ELSEWHERE = "remainder"
"""The text of what tells that a number stands for something else: a remainder follows, or another base."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text. `is_close`: nothing stands between it and the piece before. `place`: what one more in its last digit is worth."""

    kind: Kind
    text: str
    is_close: bool
    value: Fraction | None = None
    place: Fraction | None = None

    def with_points(self) -> Token:
        """The same with the point between thousands, as much of Europe writes it: 1.500 is 1500."""
        if self.value is None or not _WITH_POINTS.fullmatch(self.text):
            return self
        return replace(self, text=self.text.replace(".", ""), value=self.value * 1000, place=Fraction(1))


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text without its blocks of code. A line break counts where no relation stands beside it."""
    held: Token | None = None  # a line break that may be inside of a statement
    close = False
    last: Token | None = None
    for match in _TOKEN.finditer(_plain(text)):
        if match.lastgroup == "space":
            close = close and match[0] in ("$", "\\left", "\\right")
            continue
        if match["break"]:
            held, close = Token("end", "\n", is_close=False), False
            continue
        token = _token(match, close)
        if held and not (token.kind == "relation" or (last and last.kind == "relation")):
            yield held
        held, close, last = None, True, token
        yield token
    yield Token("end", "", is_close=False)


def _plain(text: str) -> str:
    r"""Without code, with one sign for a currency that stands alone, and with the braces of `\frac12`."""
    text = _FENCE.sub("\n\n", text)
    if len(set(_CURRENCY.findall(text))) == 1:
        text = _CURRENCY.sub("$", text)
    return _SHORT_COMMAND.sub(lambda match: f"{match[1]}{{{match[2]}}}{{{match[3]}}}" if match[1] else f"{match[4]}{{{match[5]}}}", text)


def _token(match: re.Match[str], close: bool) -> Token:  # noqa: PLR0911  # a case for each kind of token  # private
    kind, text = match.lastgroup or "", match[0]
    if match["mixed"]:
        whole, _, part = text.partition(" ")
        top, bottom = (int(number) for number in part.split("/"))
        if 0 < top < bottom:
            return Token("number", text, close, int(whole) + Fraction(top, bottom))
        return Token("end", text, close)
    if match["number"]:
        return _number(match, close)
    if match["points"]:
        written = text.replace(".", "").replace(",", ".")
        return Token("number", text, close, Fraction(written), Fraction(1, 10 ** len(written.partition(".")[2])))
    if match["elsewhere"]:
        return Token("end", ELSEWHERE, close)
    if match["vulgar"]:
        return Token("number", text, close, Fraction(*_VULGAR[text]))
    if match["raised"]:
        digits = text.translate(_RAISED)
        return Token("sign", f"^{digits}", close) if re.fullmatch(r"-?\d+", digits) else Token("end", text, close)
    if match["roughly"] or match["equal"]:
        return Token("relation", "≈" if match["roughly"] else "=", close)
    if kind in _SIGNS:
        return Token("sign", _SIGNS[kind], close)
    if kind == "sign":
        return Token("sign", _BRACKETS.get(text, text), close)
    if match["words"]:
        return _word(text[text.index("{") + 1 : -1].strip(), is_close=False)
    if match["word"]:
        return _word(text, is_close=close)
    return Token("end", text, close)


def _word(text: str, *, is_close: bool) -> Token:
    if text in words().operators and not is_close:
        return Token("sign", words().operators[text], is_close)
    return Token("relation", "=", is_close) if text in words().equal else Token("word", text, is_close)


def _number(match: re.Match[str], close: bool) -> Token:  # private
    written = match["number"]
    text = re.sub(r"[ \u00a0\u2009\u202f]|\{,\}", "", written)
    endless = text.endswith(("...", "…"))
    text = text.rstrip("….") if endless else text
    if re.fullmatch(r"\d+,(?:\d{1,2}|\d{4,})", text):
        text = text.replace(",", ".")
    text = text.replace(",", "")
    if _DATE.match(text):  # 05 is of a date, a time or a code
        return Token("end", match[0], close)
    exponent = int((match["exponent"] or "e0")[1:])
    decimals = len(text.partition(".")[2])
    scale = Fraction(10) ** exponent
    return Token("number", match[0], close, Fraction(text if text[0] != "." else f"0{text}") * scale, Fraction(1, 10**decimals) * scale)
