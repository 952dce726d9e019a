r"""LaTeX as pages hold it, made fit to stand in a line of text: `$…$` in a line, `$$…$$` apart."""

from __future__ import annotations

import re

_DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))
_STYLE = re.compile(r"\\(displaystyle|textstyle)(?![A-Za-z])\s*")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*+)%[^\n]*\n\s*")
_DOLLAR = re.compile(r"(\\.)|\$", re.DOTALL)
_DISPLAYED = "equation|align|alignat|gather|multline|flalign|eqnarray|displaymath|math"
_OPENING = re.compile(rf"\\\\|(\\\()|(\\\[)|(\$\$)|\\begin\{{((?:{_DISPLAYED})\*?)\}}")


def in_dollars(tex: str, *, display: bool) -> str:
    r"""A formula between dollars, on one line; empty where it is empty.

    Delimiters of its own, comments and the style that renderers put before it go. Dollars inside, as in words within it, do not end it.

    >>> in_dollars("{\\displaystyle x^2 % a square\n}", display=False)
    '$x^2$'
    """
    tex = _COMMENT.sub(r"\1 ", f"{tex}\n").strip()
    for opening, closing in _DELIMITERS:
        if tex.startswith(opening) and tex.endswith(closing) and len(tex) >= len(opening) + len(closing):
            inner = tex[len(opening) : len(tex) - len(closing)].strip()
            if _ends_early(inner, opening, closing):
                return " ".join(with_dollars(tex).split())  # several formulas and words between them
            tex = inner
            break
    tex = _without_style(tex)
    tex = " ".join(_inner_dollars(tex).split())
    if not tex:
        return ""
    tex = f"{tex} " if tex.endswith("\\") else tex
    return f"$${tex}$$" if display else f"${tex}$"


def is_displayed(tex: str) -> bool:
    """Whether a formula begins with the style of displayed ones."""
    return tex.lstrip(" {").startswith("\\displaystyle")


def _ends_early(inner: str, opening: str, closing: str) -> bool:
    """Whether the first delimiter in a formula closes it."""
    if opening != closing:
        return -1 < inner.find(closing) < (inner.find(opening) % (len(inner) + 1))
    before, dollars, _ = re.sub(r"\\.", "  ", inner, flags=re.DOTALL).partition(closing)
    return bool(dollars) and before.count("{") == before.count("}")


def _without_style(tex: str) -> str:
    if tex.startswith("{\\") and _ends_with_brace(tex):
        inner = tex[1:-1].strip()
        if _STYLE.match(inner):
            tex = inner
    style = _STYLE.match(tex)
    return tex[style.end() :].strip() if style else tex


def _ends_with_brace(tex: str) -> bool:
    """Whether the brace that a formula begins with ends at its end."""
    depth = 0
    for brace in re.finditer(r"\\.|[{}]", tex, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0 and brace[0] == "}":
            return brace.end() == len(tex)
    return False


def _inner_dollars(tex: str) -> str:
    r"""With `\(` and `\)` for pairs of dollars, and an escape before one that stands alone."""
    if "$" not in tex:
        return tex
    count = sum(not match[1] for match in _DOLLAR.finditer(tex))
    signs = iter([f"\\{'()'[number % 2]}" for number in range(count)] if count % 2 == 0 else ["\\$"] * count)
    return _DOLLAR.sub(lambda match: match[1] or next(signs), tex)


def with_dollars(text: str) -> str:
    r"""A text of a page that MathJax or KaTeX shows, with dollars for its other delimiters: `\(…\)`, `\[…\]`, bare environments.

    >>> with_dollars(r"Let \(x>0\), so \[x+1>1\] and not \(y.")
    'Let $x>0$, so $$x+1>1$$ and not \\(y.'
    """
    if "\\" not in text:
        return text
    parts: list[str] = []
    at = 0
    missing: set[str] = set()  # delimiters that do not come any more: each is looked for to the end only once
    while opening := _OPENING.search(text, at):
        parts.append(text[at : opening.start()])
        inline, bracket, dollars, environment = opening.groups()
        closing = "\\)" if inline else "\\]" if bracket else "$$" if dollars else f"\\end{{{environment}}}" if environment else ""
        end = text.find(closing, opening.end()) if closing and closing not in missing else -1
        if end < 0:
            missing.add(closing)
            parts.append(opening[0])
            at = opening.end()
            continue
        at = end + len(closing)
        whole = text[opening.start() : at]
        is_in_dollars = bool(environment) and text[max(opening.start() - 1, 0)] == "$"
        parts.append(whole if dollars or is_in_dollars else in_dollars(whole, display=not inline))
    return "".join([*parts, text[at:]])
