"""Formulas of pages stand in their texts as LaTeX, once, whatever shows them."""

from __future__ import annotations

import re

import pytest

from rephrase.text.html import extract
from rephrase.text.tex import in_dollars, with_dollars
from tests.rephrase.text.formula_pages import PER_PAGE, Formula, pages

SPACES = re.compile(r"\s+")


def kept(text: str, formulas: list[Formula]) -> int:
    """How many of the formulas stand in the text once, between the dollars that they shall have."""
    plain = SPACES.sub("", text)
    count = 0
    for one in formulas:
        dollars = "$$" if one.display else "$"
        whole = re.escape(dollars + SPACES.sub("", one.tex) + dollars)
        count += len(re.findall(rf"(?<!\$){whole}(?!\$)", plain)) == 1
    return count


@pytest.mark.parametrize(("extractor", "count"), [("resiliparse", 20), ("trafilatura", 12)])
def test_planted_formulas_are_kept(extractor: str, count: int) -> None:
    """At least 95% of 200, and of 120; the extractors alone keep those that stand in the text between dollars, and no others."""
    made = pages(count)
    found = {name: 0 for name, _, _ in made}
    alone = dict(found)
    for name, source, planted in made:
        found[name] += kept(extract(source, extractor, formulas=True).text, planted)  # type: ignore[arg-type]
        alone[name] += kept(extract(source, extractor).text, planted)  # type: ignore[arg-type]
    assert sum(found.values()) >= 0.95 * PER_PAGE * count, found
    assert {name for name, count in alone.items() if count} <= {"StackExchange"}


def test_a_page_without_formulas_is_the_same() -> None:
    page = "<html><body><main><p>It costs $5, and then $6, in the shop.</p><pre>re.match(r'\\(a\\)')</pre></main></body></html>"
    assert extract(page, formulas=True) == extract(page)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<math><mi>a</mi><mo>&lt;</mo><mi>b</mi></math>", "$a < b$"),
        ('<math><mfenced open="[" close=")"><mi>a</mi><mi>b</mi></mfenced></math>', "$[a, b)$"),
        ("<math><mrow><mo>(</mo><mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac><mo>)</mo></mrow></math>", r"$\binom{n}{k}$"),
        ("<math><mroot><mi>x</mi><mn>3</mn></mroot><mo>&#8594;</mo><mi>∞</mi></math>", r"$\sqrt[3]{x} \to \infty$"),
        ("<math><msup><mi>f</mi><mo>′</mo></msup><mo>(</mo><mi>x</mi><mo>)</mo></math>", "$f'(x)$"),
        ("<math><mi mathvariant='double-struck'>R</mi><mi>ℝ</mi><mi>𝐱</mi></math>", r"$\mathbb{R}\mathbb{R}\mathbf{x}$"),
        ("<math><munder><mi>lim</mi><mrow><mi>x</mi><mo>→</mo><mn>0</mn></mrow></munder></math>", r"$\lim_{x \to 0}$"),
        ("<math><mmultiscripts><mi>C</mi><mn>6</mn><none/><mprescripts/><none/><mn>14</mn></mmultiscripts></math>", "${}^{14}C_{6}$"),
        ("<math><mi>km</mi><mo>≥</mo><mn>50</mn><mo>%</mo></math>", r"$\operatorname{km} \geq 50 \%$"),
        ("<math><mover><mrow><mi>A</mi><mi>B</mi></mrow><mo>¯</mo></mover></math>", r"$\overline{AB}$"),
        ("<m:math><m:mi>x</m:mi></m:math>", "$x$"),
        ("<math><mfenced separators=''><mi>a</mi><mi>b</mi></mfenced></math>", "$(a b)$"),
        ("<math><semantics><mi>x</mi><annotation encoding='application/x-tex'> </annotation></semantics></math>", "$x$"),
        ("<!-- a --><?xml b?><math><!-- c --><mi>x</mi><?d e?></math>", "$x$"),
        ("<math alttext='a squared'><msup><mi>a</mi><mn>2</mn></msup></math>", "$a^{2}$"),
        ("<script type='math/tex'>x % the first\n y</script>", "$x y$"),
        ("<script type='math/mml'><math><mi>x</mi></math></script>", "$x$"),
        ("<img class='tex' alt='x^2' src='a.png'> and <img alt='a cat' src='b.png'>", "$x^2$ and"),
        ("<span class='katex-html'>x</span>", "x"),  # nothing tells its LaTeX
    ],
)
def test_each_way_of_showing_a_formula(markup: str, text: str) -> None:
    assert extract(f"<html><body><p>{markup}</p></body></html>", main_content=False, formulas=True).text.strip() == text


def test_equations_of_a_group_keep_their_numbers_and_the_words_between() -> None:
    row = (
        '<tr class="ltx_eqn_row"><td><math alttext="\\displaystyle x"></math></td><td><math alttext="\\displaystyle=y"></math></td>{}</tr>'
    )
    number = '<td><span class="ltx_tag ltx_tag_equation">(3.1)</span></td>'
    page = f'<table class="ltx_equationgroup">{row.format(number)}<tr><td>and so</td></tr>{row.format("")}</table>'
    text = extract(page, main_content=False, formulas=True).text
    assert [line for line in text.split("\n") if line] == ["$$x =y \\tag{3.1}$$", "and so", "$$x =y$$"]


@pytest.mark.parametrize(
    ("text", "converted"),
    [
        (r"a \(x\) b \[y\] c", "a $x$ b $$y$$ c"),
        (r"\begin{align} a &= b \\ c &= d \end{align}", r"$$\begin{align} a &= b \\ c &= d \end{align}$$"),
        (r"$$\begin{align} a \end{align}$$ \(b", r"$$\begin{align} a \end{align}$$ \(b"),
        (r"\( \text{if $x$ holds} \)", r"$\text{if \(x\) holds}$"),
        (r"\(5\$ and 6\$\)", r"$5\$ and 6\$$"),
        (r"\(\)", r""),
        ("plain", "plain"),
    ],
)
def test_delimiters_become_dollars(text: str, converted: str) -> None:
    assert with_dollars(text) == converted


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"{\displaystyle x}", "$x$"),
        (r"{\displaystyle x}+{y}", r"${\displaystyle x}+{y}$"),
        ("$x$", "$x$"),
        ("$x$ and $y$", "$x$ and $y$"),
        (r"\(x\) and \(y\)", "$x$ and $y$"),
        (r"$\text{if $x$ holds}$", r"$\text{if \(x\) holds}$"),
        (r"5\% x", r"$5\% x$"),
        (" ", ""),
    ],
)
def test_what_renderers_put_around_a_formula_goes(tex: str, text: str) -> None:
    assert in_dollars(tex, display=False) == text


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        *("\\(", "\\[", "\\begin{align}", "$$", "\\", "<math>", "<math><mi>x</mi></math>", "<math><mrow>"),
        *("<mrow>", "<msup><mi>x</mi>"),
        *("<span class=katex>", "<span class=katex></span>", "<span class=MathJax_Preview></span>", "<script type=math/tex>x</script>"),
        *(
            '<span class=MathJax data-mathml="&lt;math&gt;&lt;mrow&gt;"></span>',
            "<img class=tex alt='{{{'>",
            "<table class=ltx_equation><tr>",
        ),
        *(
            "<annotation encoding=tex>",
            "<mover><mi>x</mi><mo>^</mo></mover>",
            "<script type=math/mml><math><mrow></script>",
            "<mjx-container>",
        ),
    ],
)
def test_awkward_markup_takes_no_more_than_other(piece: str) -> None:
    page = f"<html><body><script src=MathJax.js></script><p>{piece * (50_000 // len(piece))}"
    extract(page, main_content=False, formulas=True)
