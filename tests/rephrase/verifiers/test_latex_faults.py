"""Broken LaTeX is found, and whole LaTeX, money and code are not taken for it."""

from __future__ import annotations

import pytest

from rephrase.verifiers.latex_faults import latex_of
from tests.rephrase.text.formula_pages import pages

WHOLE = [
    *(
        "no formula at all",
        "It costs $5, and $6 with milk.",
        "From $5-10 to $20, or 3$ each.",
        "Let $x$ be $ y + 1 $, or \\(z\\).",
        "$$a$$ and $$b$$",
    ),
    *("$\\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}$", "\\[ a \\\\[2pt] b \\]", "$\\text{if $x$ holds}$ is rare, $$\\text{if $x$ holds}$$ too"),
    *(
        "\\begin{align} a &= b \\\\ c &= d \\end{align}",
        "$$\\begin{cases} 1 & x > 0 \\\\ 0 & \\text{else} \\end{cases}$$",
        "$5\\%$ of $\\{1, 2\\}$",
    ),
    *(
        "\\begin{itemize} \\item one \\end{itemize}",
        "$f'(x)$ and $x_1^2$",
        "$\\left( \\frac{1}{2} \\right)$",
        "$\\mycommand{x}$",
        "$\\ce{H2O}$",
    ),
    *("$$ restaurants, and $$$ ones", "cheap ($) or dear ($$$)", "a bill of $$50", "~~~\n\\begin{x}\n~~~", "\\verb|$$|"),
    *(
        "Write \\begin{equation} and what follows.",
        "It begins with \\begin{equation}, or \\begin{align*}.",
        "Close it with \\end{equation} again.",
    ),
    *("Use \\begin{equation} for one.\n\n\\begin{equation}\nx^2\n\\end{equation}", "A \\begin{align} without its \\end{align} fails."),
    *(
        "```` `\\begin{equation}` ````",
        "``\\begin{equation}`` opens",
        "<code>\\begin{equation}</code> opens",
        'type "\\begin{equation}" or "\\["',
    ),
    *(
        "% \\begin{equation}\n% \\( x\nText.",
        "\\begin{equation}\nx = 1 % was \\begin{align}\n\\end{equation}",
        "It is 5% of $x$ and 6 % of \\(y\\).",
    ),
    *("\\begin{comment} \\begin{equation} \\end{comment}", "Begin with \\begin{equation} here.\n\\begin{equation}\nx\n\\end{equation}"),
    *("\\begin{verbatim} \\begin{x} \\( \\end{verbatim}",),
    *(
        "```tex\n$\\frac{1$\n```",
        "the code `\\(` opens",
        "$\\boxed{12}$ km",
        "$1,000$ or $\\$5$",
        "a $x$\n\nparagraph $y$",
        "$$\n\\sum_{i=1}^n i\n$$",
    ),
]
BROKEN = {
    "\\(x + 1": "delimiter",
    "x + 1\\)": "delimiter",
    "\\[ x \\) y": "delimiter",
    "$$x + 1": "delimiter",
    "\\(x \\(y\\)": "delimiter",
    "\\begin{align} a": "environment",
    "a \\end{align}": "environment",
    "so\n\\begin{equation}\nx = 1": "environment",
    "use \\begin{equation} x^2": "environment",
    "$x$ \\end{equation}": "environment",
    "\\begin{equation}\nx = 1\n\\end{align}": "environment",
    "% a comment\n\\begin{align} a": "environment",
    "$\\begin{pmatrix} 1 \\end{bmatrix}$": "environment",
    "$\\frac{1}{2$": "brace",
    "$x}$": "brace",
    "$\\frac{1}$": "syntax",
    "$x^$": "syntax",
    "$x_1_2$": "syntax",
    "$\\left( x$": "syntax",
    "$\\right)$": "syntax",
    "$\\sqrt$": "syntax",
}


@pytest.mark.parametrize("text", WHOLE)
def test_whole_latex_has_no_fault(text: str) -> None:
    assert latex_of(text).faults == ()


@pytest.mark.parametrize("text", BROKEN)
def test_broken_latex_is_found(text: str) -> None:
    assert BROKEN[text] in [fault.kind for fault in latex_of(f"Let {text} be so.").faults]


def test_formulas_are_found_between_all_delimiters() -> None:
    text = "$a$, $$b$$, \\(c\\), \\[d\\], \\begin{align}e\\end{align}, $5 and $6, $ f $"
    assert latex_of(text).formulas == ("a", "b", "c", "d", "\\begin{align}e\\end{align}", " f ")


def test_formulas_that_are_broken_at_any_place_but_a_few_are_told() -> None:
    """One bracket of each of 200 formulas left out."""
    formulas = [one.tex for _, _, planted in pages(20, seed=3) for one in planted if "{" in one.tex]
    assert not [tex for tex in formulas if latex_of(f"${tex}$").faults]
    for tex in formulas:
        place = tex.rindex("}")
        assert latex_of(f"${tex[:place]}{tex[place + 1 :]}$").faults


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        *(
            "$",
            "$$",
            "$ ",
            "$a",
            "$5 ",
            "\\(",
            "\\[",
            "\\)",
            "\\",
            "\\\\",
            "\\begin{align}",
            "\\begin{a}",
            "\\end{a}",
            "{",
            "$x^$ ",
            "`",
            "```",
        ),
        *(
            "$$$",
            "\\begin{verbatim}",
            "\\verb|",
            "<code>",
            "``",
            " % \\begin{",
            "\\begin{a} and ",
            "and \\end{a} ",
            "~~~\n",
            "$\\sqrt",
            "$" + "\\sqrt" * 390 + "x$ ",
            "$" + "{" * 40 + "}" * 40 + "$ ",
            "$x^{" + "^{" * 20 + "}" * 21 + "$ ",
            "$" + "x+" * 900 + "$\n\n",
            "\n",
        ),
    ],
)
def test_awkward_texts_are_read_to_their_end(piece: str) -> None:
    latex_of(piece * (120_000 // len(piece)))
