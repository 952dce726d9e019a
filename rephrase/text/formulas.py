"""Formulas of web pages as LaTeX: in the tree of a page, what shows a formula becomes its LaTeX between dollars.

How pages hold formulas is told by OpenWebMath (Paster et al. 2023, arXiv 2310.06786) and MegaMath (Zhou et al. 2025, arXiv 2504.02807): a
formula's own LaTeX, which stands in a script, an annotation or an attribute, comes before any conversion of its MathML, and what a renderer
made beside it is left out. The work is linear in the elements of a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rephrase.errors import UserError
from rephrase.text.formula_elements import classes_of, equations, is_block, math_within, tex_of_image, tex_of_math, tex_of_source, within
from rephrase.text.mathml_tokens import children_of, name_of
from rephrase.text.tex import in_dollars, is_displayed, with_dollars

if TYPE_CHECKING:
    from resiliparse.parse.html import HTMLTree

    DOMElement = Any  # nodes of several kinds

    _Kind = Callable[[HTMLTree, DOMElement], None]

_HINT = re.compile(r"<(?:[\w]{1,20}:)?math\b|math/|katex|mathjax|mjx-|latex|m(?:ath|ime)tex|cht=tx|ltx_|\b(?:math|tex)\b", re.IGNORECASE)
_RENDERER = re.compile(r"mathjax|katex|mjx-|math/", re.IGNORECASE)
_RENDERED = frozenset({"MathJax", "MathJax_SVG", "MathJax_CHTML", "mjx-chtml"})
_EQUATIONS = frozenset({"ltx_equation", "ltx_equationgroup", "ltx_eqn_table"})
_HOLDERS = frozenset({"katex", "katex-display", "mwe-math-element"})
_SKIPPED = frozenset({"pre", "code", "textarea", "style", "noscript", "svg", "template"})
_FRAME = re.compile(r"-(?:Frame|Span)$")
_MOST_BETWEEN = 3  # elements between a preview and its script


def check_formulas() -> None:
    """Raise `UserError` if what converts MathML is not installed."""
    try:
        import pylatexenc.latexencode  # noqa: F401
    except ImportError as error:
        raise UserError("pylatexenc is not installed", where="input.formulas", cure="pip install pylatexenc") from error


def keep_formulas(tree: HTMLTree, html: str) -> bool:
    r"""Put LaTeX between dollars into the tree of a page wherever it shows a formula. Returns whether the page was looked through.

    tree: the parsed page, which is changed; html: its source. `$…$` stands in its line, `$$…$$` on a line of its own. Delimiters `\(…\)`
    and `\[…\]` in the text count on pages that load MathJax or KaTeX, and not in code. What cannot be converted stays as it is.
    """
    if tree.body is None or not _HINT.search(html):
        return False
    shown = list(_shown(tree.body, with_texts=bool(_RENDERER.search(html))))
    scripts = {element.id for element, kind in shown if kind is _from_script and element.id}
    for element, kind in shown:
        if kind is _from_rendered and _FRAME.sub("", element.id or "") in scripts:
            element.parent.remove_child(element)  # its script says the same
        else:
            kind(tree, element)
    return True


def _shown(body: DOMElement, *, with_texts: bool) -> Iterator[tuple[DOMElement, _Kind]]:
    """The elements that show formulas, none within another, and the texts with delimiters in them, each with what replaces it."""
    from resiliparse.parse.html import NodeType

    pending = [body]
    while pending:
        element = pending.pop()
        if element.type != NodeType.ELEMENT:
            if with_texts and element.type == NodeType.TEXT and "\\" in (element.value or ""):
                yield element, _from_text
            continue
        kind = _kind(element)
        if kind:
            yield element, kind
            continue
        if element.tag in _SKIPPED or element.tag == "script":
            continue
        inner = []
        child = element.first_child
        while child is not None:
            inner.append(child)
            child = child.next
        pending.extend(reversed(inner))


def _kind(element: DOMElement) -> _Kind | None:  # noqa: PLR0911  # a case for each way to show a formula
    name = name_of(element)
    if name == "math":
        return _from_math
    if name == "script":
        return _from_script if (element.getattr("type") or "").startswith("math/") else None
    if name == "img":
        return _from_image
    if name == "mjx-container":
        return _from_holder
    classes = element.getattr("class")
    if not classes:
        return None
    names = set(classes.split())
    if name == "table":
        return _from_equations if names & _EQUATIONS else None
    if names & _HOLDERS:
        return _from_holder
    if names & _RENDERED:
        return _from_rendered
    if "MathJax_Preview" in names:
        return _drop_preview
    is_pandoc = "math" in names and names & {"inline", "display"} and not children_of(element)
    return _from_words if is_pandoc else None


def _put(tree: HTMLTree, element: DOMElement, tex: str, *, display: bool) -> None:
    text = in_dollars(tex, display=display)
    parent = element.parent if text else None
    if parent is None:
        return
    if display:
        _put_lines(tree, element, [text])
    else:
        parent.replace_child(tree.create_text_node(text), element)


def _put_lines(tree: HTMLTree, element: DOMElement, lines: Sequence[str]) -> None:
    """Put lines in the place of an element. Line breaks part them, which all extractors keep, in whatever element."""
    parent = element.parent
    for line in lines:
        parent.insert_before(tree.create_element("br"), element)
        parent.insert_before(tree.create_text_node(line), element)
    parent.replace_child(tree.create_element("br"), element)


def _from_text(tree: HTMLTree, node: DOMElement) -> None:
    text = with_dollars(node.value)
    if text != node.value:
        node.parent.replace_child(tree.create_text_node(text), node)


def _from_math(tree: HTMLTree, math: DOMElement) -> None:
    _put(tree, math, tex_of_math(math), display=is_block(math))


def _from_script(tree: HTMLTree, script: DOMElement) -> None:
    kind, _, mode = script.getattr("type").partition(";")
    source = script.text or ""
    if kind.strip() == "math/mml":
        _put(tree, script, tex_of_source(source), display='display="block"' in source[:1000])
    elif kind.strip() in ("math/tex", "math/latex"):
        _put(tree, script, source.replace("% <![CDATA[", "").replace("%]]>", "").replace("% ]]>", ""), display="display" in mode)


def _from_image(tree: HTMLTree, image: DOMElement) -> None:
    tex, display = tex_of_image(image)
    wikipedia = "mwe-math" in (image.getattr("class") or "")  # it writes the style of displayed formulas before all
    _put(tree, image, tex, display=display or (not wikipedia and (is_displayed(tex) or tex.startswith(("\\[", "$$")))))


def _from_holder(tree: HTMLTree, holder: DOMElement) -> None:
    """KaTeX, MathJax 3 and Wikipedia: one formula in several forms."""
    math = math_within(holder)
    apart = holder.getattr("display") == "true" or bool({"katex-display", "mwe-math-element-block"} & set(classes_of(holder)))
    if math is not None:
        _put(tree, holder, tex_of_math(math), display=apart or is_block(math))
        return
    image = next((inner for inner in within(holder) if name_of(inner) == "img"), None)
    if image is not None:
        tex, display = tex_of_image(image)
        _put(tree, holder, tex, display=apart or display)


def _from_rendered(tree: HTMLTree, element: DOMElement) -> None:
    """What MathJax 2 made, where its script is gone: it keeps the MathML in an attribute, or unseen in the element."""
    source = element.getattr("data-mathml") or ""
    math = None if source else math_within(element)
    tex = tex_of_source(source) if source else tex_of_math(math) if math is not None else ""
    apart = 'display="block"' in source[:1000] or (math is not None and is_block(math))
    _put(tree, element, tex, display=apart or "MathJax_Display" in classes_of(element.parent))


def _drop_preview(_: HTMLTree, preview: DOMElement) -> None:
    """Take out what MathJax shows until it has made the formula that follows."""
    following = preview.next_element
    for _number in range(_MOST_BETWEEN):
        if following is None:
            return
        if _kind(following) in (_from_script, _from_rendered):
            preview.parent.remove_child(preview)
            return
        following = following.next_element


def _from_words(tree: HTMLTree, element: DOMElement) -> None:
    """Pandoc's spans, whose text is a formula with delimiters or without."""
    _put(tree, element, element.text or "", display="display" in classes_of(element))


def _from_equations(tree: HTMLTree, table: DOMElement) -> None:
    rows = equations(table)
    if table.parent is None or not any(tex for tex, _ in rows):
        return
    lines = [in_dollars(tex, display=True) or words for tex, words in rows]
    _put_lines(tree, table, [line for line in lines if line])
