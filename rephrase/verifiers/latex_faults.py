r"""What is wrong with the LaTeX of a text: delimiters and environments without their other half, braces, and what cannot be parsed.

Formulas stand between `$…$`, `$$…$$`, `\(…\)` and `\[…\]`, or in an environment of their own. A single dollar is one of mathematics where a
second follows it in the paragraph and both touch what is between them, or both do not; others are money. Code, comments and what is
only spoken of are left out.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["delimiter", "environment", "brace", "syntax"]

_CODE = re.compile(
    r"```[^`]*+(?:```|\Z)|``(?!`)[^\n]{1,300}?``(?!`)|`[^`\n]{1,300}+`|^~~~[^~]*+(?:~~~|\Z)|<(code|pre|kbd)\b[^>\n]{0,100}>[^<]*+</\1>"
    r"|\\verb\*?([^\sA-Za-z*])[^\n]{0,300}?\2|\\begin\{(verbatim|lstlisting|minted|comment)\}(?:[^\\]|\\(?!end\{\3\}))*+(?:\\end\{\3\}|\Z)",
    re.MULTILINE,
)
# A comment of TeX: a line that begins with its sign, or what has environments after it. Other signs may be percentages.
_COMMENT = re.compile(r"^[ \t]*+%[^\n]*+|(?<=\s)%[^\n\\]{0,200}+\\(?:begin|end)\s?\{[^\n]*+", re.MULTILINE)
_QUOTED = re.compile(r"""["'“‘«](?:\\(?:begin|end)\s?\{[A-Za-z]{1,30}\*?\}|\\[()\[\]]|\${1,2})["'”’»]""")
# What shows that an environment is spoken of: after its beginning a mark or a word, before its end a word.
_AFTER_MENTION = re.compile(r"[ \t]*+(?:[.,;:!?)\"'”’]|[a-z]{2,30}+(?=[\s.,;:!?)]))")
_BEFORE_MENTION = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,30}[ \t]{1,3}\Z")
_WORD_CHARACTERS = 40  # before an environment's end that are looked at
_PRICE = re.compile(r"[\s\d][^\\^_={}+$]*+(?:\n\s*\n|\Z)|[.,;:!?)]")  # after two dollars: a restaurant, or a sum
_DISPLAYED = r"(?:equation|align|alignat|gather|multline|flalign|eqnarray|displaymath|math)\*?"
_OPENING = re.compile(rf"\\\\|\\\$|\\[()\[\]]|\${{1,2}}(?!\$)|\${{3,}}|\\begin\s?\{{({_DISPLAYED})\}}")
_ENVIRONMENT = re.compile(r"\\\\|\\(begin|end)\s?\{([A-Za-z]{1,30}\*?)\}")
_ROUND = re.compile(r"\\\\|\\[()]")
_SQUARE = re.compile(r"\\\\|\\[\[\]]")
_IN_LINE = re.compile(r"\$((?:[^$\\\n]|\\.|\n(?!\s*\n))*+)\$(?!\d)", re.DOTALL)
_BRACE = re.compile(r"\\.|[{}]|%[^\n]*+", re.DOTALL)
_LONGEST_PARSED = 2000  # characters: a parser in Rust ends its process where formulas nest deeper than its stack
_MOST_PARSED = 50_000  # characters of all formulas of a text
_DEEPEST = 40  # braces
_SHOWN = 60  # characters
_MOST_FAULTS = 100  # of a kind: a text with more is not looked through to its end
_MOST_DOLLARS = 4  # within a formula, as in its words


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and the characters where it begins."""

    kind: Kind
    where: str


@dataclass(frozen=True, slots=True)
class Latex:
    """The formulas of a text, without their delimiters, and what is wrong with it."""

    formulas: tuple[str, ...]
    faults: tuple[Fault, ...]


def latex_of(text: str) -> Latex:
    """The formulas of a text and their faults, in time that grows with its length."""
    if "\\" not in text and "$" not in text:
        return Latex((), ())
    for unread in (_CODE, _COMMENT, _QUOTED):
        text = unread.sub(" ", text)
    formulas: list[str] = []
    faults = [*itertools.islice(_environments(text), _MOST_FAULTS), *itertools.islice(_delimiters(text, formulas), _MOST_FAULTS)]
    left = _MOST_PARSED
    for formula in dict.fromkeys(formulas):
        depth = _depth(formula)
        if depth is None:
            faults.append(Fault("brace", formula[:_SHOWN]))
        elif depth <= _DEEPEST and len(formula) <= min(left, _LONGEST_PARSED):
            left -= len(formula)
            if not _parses(formula):
                faults.append(Fault("syntax", formula[:_SHOWN]))
    return Latex(tuple(formulas), tuple(faults))


def _environments(text: str) -> Iterator[Fault]:
    """Environments that end where none began, or another, and those that do not end. Those that are only spoken of need no other half."""
    opened: list[re.Match[str]] = []
    for mark in _ENVIRONMENT.finditer(text):
        if mark[1] == "begin":
            opened.append(mark)
        elif mark[1] == "end":
            while opened and opened[-1][2] != mark[2] and _AFTER_MENTION.match(text, opened[-1].end()):
                opened.pop()
            begin = opened.pop() if opened else None
            if (begin is None or begin[2] != mark[2]) and not _ends_mention(text, mark):
                yield Fault("environment", text[mark.start() : mark.start() + _SHOWN])
    for mark in [mark for mark in opened if not _AFTER_MENTION.match(text, mark.end())][:1]:
        yield Fault("environment", text[mark.start() : mark.start() + _SHOWN])


def _ends_mention(text: str, mark: re.Match[str]) -> bool:
    return _BEFORE_MENTION.search(text[max(mark.start() - _WORD_CHARACTERS, 0) : mark.start()]) is not None


def _delimiters(text: str, formulas: list[str]) -> Iterator[Fault]:
    """Delimiters without their other half; the formulas are put into the list."""
    at = 0
    missing: set[str] = set()  # what does not come any more: it is looked for to the end only once
    while mark := _OPENING.search(text, at):
        sign, at = mark[0], mark.end()
        end = -1
        if sign in ("\\(", "\\["):
            closing = _next(_ROUND if sign == "\\(" else _SQUARE, text, at)
            end = closing.start() if closing and closing[0] in ("\\)", "\\]") else -1
        elif sign == "$$":
            end = text.find("$$", at) if sign not in missing else -1
            if end < 0 and _PRICE.match(text, at):
                continue
            missing |= {sign} if end < 0 else set()
        elif sign == "$":
            end = _end_in_line(text, at)
            formula = text[at:end]
            if formula.strip() and formula[0].isspace() == formula[-1].isspace():
                formulas.append(formula)
                at = end + 1
            continue
        elif mark[1] and _AFTER_MENTION.match(text, at):
            continue
        elif mark[1]:
            end = text.find(f"\\end{{{mark[1]}}}", at) if mark[1] not in missing else -1
            missing |= {mark[1]} if end < 0 else set()
            formulas += [text[mark.start() : end + len(mark[1]) + 6]] if end >= 0 else []
            at = max(at, end)
            continue
        elif sign not in ("\\)", "\\]"):
            continue
        if end < 0:
            yield Fault("delimiter", text[mark.start() : mark.start() + _SHOWN])
        else:
            formulas.append(text[at:end])
            at = end + 2


def _end_in_line(text: str, at: int) -> int:
    """Where the dollar stands that ends a formula in a line, past those within its braces; the place itself where none does."""
    first, end, depth = at, at - 1, 0
    for _ in range(_MOST_DOLLARS + 1):
        match = _IN_LINE.match(text, end)
        if match is None:
            break
        part, end = match[1], match.end() - 1
        first = first if first > at else end
        depth += sum({"{": 1, "}": -1}.get(brace[0], 0) for brace in _BRACE.finditer(part))
        if depth <= 0:
            return end
    return first


def _next(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    r"""The next delimiter of a kind, past line breaks such as `\\[2pt]`."""
    return next((match for match in pattern.finditer(text, at) if match[0] != "\\\\"), None)


def _depth(formula: str) -> int | None:
    """How deep the braces of a formula are nested; None where they are not balanced."""
    depth = deepest = 0
    for brace in _BRACE.finditer(formula):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        deepest = max(deepest, depth)
        if depth < 0:
            return None
    return deepest if depth == 0 else None


@functools.cache
def _parser() -> Any:
    import texform

    return texform.Parser()


def _parses(formula: str) -> bool:
    return not _parser().parse(formula.strip().encode(errors="replace").decode())["diagnostics"]
