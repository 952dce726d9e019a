r"""The escapes in strings of JSON that models write: `\frac` is LaTeX there, not a form feed and "rac"."""

from __future__ import annotations

import re

from rephrase.text.foreign import readable

# The commands of LaTeX whose first letter JSON takes for an escape, and that a line break or a tab before a word would not give by chance.
# `\b`, `\f` and `\r` before a letter are always LaTeX: nobody writes a backspace, a form feed or a lone carriage return.
_LATEX = frozenset(
    re.findall(
        r"\w+",
        """nabla natural ncong nearrow neg neq newcommand nexists ngeq nleq nmid nolimits nonumber notin nparallel nprec nrightarrow nsim
        nsubseteq nsucc nu nwarrow
        tan tanh tau tbinom text textbf textit textrm textsf textstyle texttt textup tfrac therefore theta thicksim tilde times to top
        triangle triangleleft triangleq triangleright""",
    )
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([A-Za-z]++)|(.))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "", "f": ""}


def unescaped(content: str) -> str:
    r"""What the content of a string stands for. Escapes that JSON does not have keep their backslash.

    >>> unescaped(r"half is \frac{1}{2},\nand caf\u00e9")
    'half is \\frac{1}{2},\nand café'
    """
    if "\\" not in content:
        return content
    return readable(_ESCAPE.sub(_character, content))


def _character(match: re.Match[str]) -> str:
    code, letters, sign = match.groups()
    if code:
        return chr(int(code, 16))
    if sign:
        return str(sign) if sign in "\"'/\\`" else "" if sign == "\n" else f"\\{sign}"
    first, rest = letters[0], letters[1:]
    if first not in _SIMPLE or letters in _LATEX or (rest and first in "bfr"):
        return f"\\{letters}"
    return f"{_SIMPLE[first]}{rest}"
