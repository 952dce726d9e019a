"""Pages with planted formulas, in the markups of encyclopedias, forums, papers, blogs, and of what renders formulas."""

from __future__ import annotations

import html
import random
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

PER_PAGE = 10
PROSE = "The keeper of the lighthouse wrote down what he had measured, and compared it with the tables of the year before."
GREEK = {"\\alpha": "α", "\\beta": "β", "\\lambda": "λ", "\\omega": "ω", "\\varphi": "φ"}
RELATIONS = {"=": "=", "\\leq": "≤", "\\neq": "≠", "\\in": "∈", "\\subseteq": "⊆"}


@dataclass(frozen=True)
class Formula:
    tex: str
    mathml: str
    display: bool = False


def formula(dice: random.Random, number: int, display: bool) -> Formula:
    """A formula that no other page has: its number stands in it."""
    left, right = part(dice, 0), part(dice, 0)
    relation = dice.choice(list(RELATIONS))
    tex = f"{left.tex} {relation} {right.tex} + c_{{{number}}}"
    mathml = f"{left.mathml}<mo>{RELATIONS[relation]}</mo>{right.mathml}<mo>+</mo><msub><mi>c</mi><mn>{number}</mn></msub>"
    return Formula(tex, mathml, display)


def part(dice: random.Random, depth: int) -> Formula:
    kinds = [letter, greek] if depth > 2 else [letter, greek, fraction, power, root, total, integral, function, accent, matrix, cases]
    return dice.choice(kinds)(dice, depth + 1)


def letter(dice: random.Random, _: int) -> Formula:
    name = dice.choice("abxyzuv")
    return Formula(name, f"<mi>{name}</mi>")


def greek(dice: random.Random, _: int) -> Formula:
    name = dice.choice(list(GREEK))
    return Formula(name, f"<mi>{GREEK[name]}</mi>")


def fraction(dice: random.Random, depth: int) -> Formula:
    top, bottom = part(dice, depth), part(dice, depth)
    return Formula(f"\\frac{{{top.tex}}}{{{bottom.tex}}}", f"<mfrac><mrow>{top.mathml}</mrow><mrow>{bottom.mathml}</mrow></mfrac>")


def power(dice: random.Random, depth: int) -> Formula:
    base, above = letter(dice, depth), part(dice, 9)
    return Formula(f"{base.tex}^{{{above.tex}}}", f"<msup>{base.mathml}<mrow>{above.mathml}</mrow></msup>")


def root(dice: random.Random, depth: int) -> Formula:
    inner = part(dice, depth)
    return Formula(f"\\sqrt{{{inner.tex}}}", f"<msqrt>{inner.mathml}</msqrt>")


def total(dice: random.Random, depth: int) -> Formula:
    inner = part(dice, depth)
    scripts = "<mrow><mi>k</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi>"
    return Formula(f"\\sum_{{k=1}}^{{n}} {inner.tex}", f'<munderover><mo data-mjx-texclass="OP">∑</mo>{scripts}</munderover>{inner.mathml}')


def integral(dice: random.Random, depth: int) -> Formula:
    inner = part(dice, depth)
    return Formula(
        f"\\int_{{0}}^{{\\infty}} {inner.tex} dt", f"<msubsup><mo>∫</mo><mn>0</mn><mi>∞</mi></msubsup>{inner.mathml}<mi>d</mi><mi>t</mi>"
    )


def function(dice: random.Random, depth: int) -> Formula:
    name, inner = dice.choice(["sin", "log", "exp"]), part(dice, depth)
    return Formula(f"\\{name} ({inner.tex})", f"<mi>{name}</mi><mo>&#8289;</mo><mo>(</mo>{inner.mathml}<mo>)</mo>")


def accent(dice: random.Random, depth: int) -> Formula:
    name, sign = dice.choice([("\\hat", "^"), ("\\bar", "¯"), ("\\vec", "→")])
    base = letter(dice, depth)
    return Formula(f"{name}{{{base.tex}}}", f'<mover accent="true">{base.mathml}<mo>{sign}</mo></mover>')


def matrix(dice: random.Random, _: int) -> Formula:
    cells = [letter(dice, 9) for _ in range(4)]
    tex = "\\begin{{pmatrix}} {} & {} \\\\ {} & {} \\end{{pmatrix}}".format(*(cell.tex for cell in cells))
    rows = "<mtr><mtd>{}</mtd><mtd>{}</mtd></mtr><mtr><mtd>{}</mtd><mtd>{}</mtd></mtr>".format(*(cell.mathml for cell in cells))
    return Formula(tex, f"<mrow><mo>(</mo><mtable>{rows}</mtable><mo>)</mo></mrow>")


def cases(dice: random.Random, _: int) -> Formula:
    one, other = letter(dice, 9), greek(dice, 9)
    tex = f"\\begin{{cases}} {one.tex} & \\text{{if it rains}} \\\\ {other.tex} & \\text{{else}} \\end{{cases}}"
    row = "<mtr><mtd>{}</mtd><mtd><mtext>{}</mtext></mtd></mtr>"
    rows = row.format(one.mathml, "if it rains") + row.format(other.mathml, "else")
    return Formula(tex, f'<mrow><mo>{{</mo><mtable>{rows}</mtable><mo fence="true"></mo></mrow>')


def annotated(one: Formula, tex: str, attributes: str = "") -> str:
    block = ' display="block"' if one.display else ""
    return (
        f'<math xmlns="http://www.w3.org/1998/Math/MathML"{block}{attributes}><semantics><mrow>{one.mathml}</mrow>'
        f'<annotation encoding="application/x-tex">{html.escape(tex)}</annotation></semantics></math>'
    )


def bare(one: Formula) -> str:
    block = ' display="block"' if one.display else ""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{block}>{one.mathml}</math>'


def wikipedia(one: Formula) -> str:
    tex, kind = f"{{\\displaystyle {one.tex}}}", "display" if one.display else "inline"
    escaped = html.escape(tex)
    return (
        f'<span class="mwe-math-element"><span class="mwe-math-mathml-{kind} mwe-math-mathml-a11y" style="display: none;">'
        f"{annotated(one, tex, f' alttext={chr(34)}{escaped}{chr(34)}')}</span>"
        f'<img src="https://wikimedia.example/svg/1" class="mwe-math-fallback-image-{kind}" aria-hidden="true" alt="{escaped}"></span>'
    )


def stackexchange(one: Formula) -> str:
    return f'<span class="math-container">{html.escape(f"$${one.tex}$$" if one.display else f"${one.tex}$")}</span>'


def arxiv(one: Formula) -> str:
    escaped = html.escape(one.tex)
    if not one.display:
        return f'<math alttext="{escaped}" class="ltx_Math" display="inline"><semantics><mrow>{one.mathml}</mrow></semantics></math>'
    return (
        '</p><table class="ltx_equation ltx_eqn_table"><tbody><tr class="ltx_equation ltx_eqn_row ltx_align_baseline">'
        '<td class="ltx_eqn_cell ltx_eqn_center_padleft"></td><td class="ltx_eqn_cell ltx_align_center">'
        f'<math alttext="\\displaystyle {escaped}" class="ltx_Math" display="block"><mrow>{one.mathml}</mrow></math>'
        "</td></tr></tbody></table><p>"
    )


def wordpress(one: Formula) -> str:
    tex = f"\\displaystyle {one.tex}" if one.display else one.tex
    query = urllib.parse.quote_plus(tex)
    source = f"https://s0.wp.com/latex.php?latex={query}&#038;bg=ffffff&#038;fg=000&#038;s=0"
    return f'<img src="{source}" alt="{html.escape(tex)}" class="latex" />'


def codecogs(one: Formula) -> str:
    tex = f"\\displaystyle {one.tex}" if one.display else one.tex
    return f'<img src="https://latex.codecogs.com/png.latex?\\dpi{{120}}&space;{urllib.parse.quote(tex)}" alt="equation">'


def katex(one: Formula) -> str:
    twin = (
        f'<span class="katex-html" aria-hidden="true"><span class="base"><span class="mord">{html.escape(one.tex[:5])}</span></span></span>'
    )
    whole = f'<span class="katex"><span class="katex-mathml">{annotated(one, one.tex)}</span>{twin}</span>'
    return f'<span class="katex-display">{whole}</span>' if one.display else whole


def mathjax_2(one: Formula) -> str:
    mode, name = ("; mode=display" if one.display else ""), f"MathJax-Element-{abs(hash(one.tex))}"
    preview = f'<span class="MathJax_Preview" style="color: inherit;">{html.escape(one.tex)}</span>'
    shown = f'<span class="MathJax" id="{name}-Frame" tabindex="0"><nobr><span class="math">{html.escape(one.tex[:5])}</span></nobr></span>'
    return f'{preview}{shown}<script type="math/tex{mode}" id="{name}">{one.tex}</script>'


def mathjax_2_made(one: Formula) -> str:
    source = html.escape(bare(one))
    shown = f'<span class="MathJax" id="MathJax-Element-1-Frame" data-mathml="{source}"><nobr>x</nobr></span>'
    return f'<div class="MathJax_Display">{shown}</div>' if one.display else shown


def mathjax_3(one: Formula) -> str:
    apart = ' display="true"' if one.display else ""
    shown = f"<mjx-math><mjx-mi>x</mjx-mi></mjx-math><mjx-assistive-mml>{bare(one)}</mjx-assistive-mml>"
    return f'<mjx-container class="MathJax" jax="CHTML"{apart}>{shown}</mjx-container>'


def pandoc(one: Formula) -> str:
    kind, tex = ("display", f"\\[{one.tex}\\]") if one.display else ("inline", f"\\({one.tex}\\)")
    return f'<span class="math {kind}">{html.escape(tex)}</span>'


def delimited(one: Formula) -> str:
    return html.escape(f"\\[ {one.tex} \\]" if one.display else f"\\({one.tex}\\)")


MARKUPS: dict[str, Callable[[Formula], str]] = {
    "Wikipedia": wikipedia,
    "StackExchange": stackexchange,
    "arXiv": arxiv,
    "WordPress": wordpress,
    "Codecogs": codecogs,
    "KaTeX": katex,
    "MathJax 2": mathjax_2,
    "MathJax 2, made": mathjax_2_made,
    "MathJax 3": mathjax_3,
    "Pandoc": pandoc,
    "delimiters": delimited,
    "MathML": bare,
}


def pages(count: int = 20, seed: int = 0) -> list[tuple[str, str, list[Formula]]]:
    """So many pages: the name of the markup, the source, and the formulas in it."""
    dice = random.Random(seed)
    made = []
    for page in range(count):
        name = list(MARKUPS)[page % len(MARKUPS)]
        planted = [formula(dice, page * PER_PAGE + number, display=number % 3 == 2) for number in range(PER_PAGE)]
        sentence = "<!-- x --><p>{} It was {} in the end, as the tables said. {}</p>"
        paragraphs = "".join(sentence.format(PROSE, MARKUPS[name](one), PROSE) for one in planted)
        head = "<title>Tables</title><script src='https://cdn.example/MathJax.js?config=TeX'></script>"
        menu = "<nav><ul><li><a href='/'>Home</a></li><li><a href='/all'>All pages</a></li></ul></nav>"
        made.append((name, f"<html><head>{head}</head><body>{menu}<main><h1>Tables</h1>{paragraphs}</main></body></html>", planted))
    return made
