"""Web pages as plain text."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Literal

from rephrase.errors import UserError
from rephrase.text.formulas import keep_formulas
from rephrase.text.intricacy import RESILIPARSE, TRAFILATURA, is_intricate
from rephrase.text.stripping import strip

_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class Page:
    """The text of a web page and its title; empty where it has none."""

    text: str
    title: str
    is_stripped: bool = False
    """Whether its tags were only left out, as it is nested too deep for more."""


def decode(data: bytes, charset: str | None, *, html: bool = True) -> str:
    """Bytes of a page as text: by its byte order mark, the charset of the response, its meta tag, or by detection, as browsers do."""
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if encoding is None and charset:
        encoding = map_encoding_to_html5(charset.strip("\"' \t"), fallback_utf8=False)
    if encoding is None:
        encoding = detect_encoding(data, from_html_meta=html)
    text: str = bytes_to_str(data, encoding or "utf-8", errors="replace")
    return text


def check_extractor(extractor: Literal["resiliparse", "trafilatura"]) -> None:
    """Raise `UserError` if the extractor is not installed."""
    if extractor == "trafilatura":
        try:
            import trafilatura  # noqa: F401
        except ImportError as error:
            raise UserError(
                "trafilatura is not installed",
                where="input.extractor",
                cure="pip install '.[trafilatura]' in the checkout of rephrase, or use resiliparse",
            ) from error


def extract(
    html: str, extractor: Literal["resiliparse", "trafilatura"] = "resiliparse", *, main_content: bool = True, formulas: bool = False
) -> Page:
    """The text of an HTML page. `main_content` leaves out navigation, banners, footers and comments; `formulas` keeps formulas as LaTeX.

    A page whose markup would keep the extractor busy for long is stripped of its tags instead. Raises whatever the extractor raises on
    pages that it cannot take.
    """
    if is_intricate(html, RESILIPARSE if extractor == "resiliparse" else TRAFILATURA):
        return Page(*strip(html), is_stripped=True)
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(html)
    title = " ".join((tree.title or "").split())
    if formulas and keep_formulas(tree, html) and extractor == "trafilatura":
        html = str(tree)
    if extractor == "trafilatura":
        return Page(_by_trafilatura(html, main_content=main_content), title)
    from resiliparse.extract.html2text import extract_plain_text

    # The words that a reader sees, with line breaks, lists and tables; alternative texts and link targets are not prose.
    text: str = extract_plain_text(
        tree, main_content=main_content, alt_texts=False, links=False, form_fields=False, noscript=False, comments=not main_content
    )
    return Page(text, title)


def _by_trafilatura(html: str, *, main_content: bool) -> str:
    import trafilatura

    if main_content:
        # As datatrove does for FineWeb (Penedo et al. 2024, arXiv 2406.17557); exact duplicates are our own work.
        text = trafilatura.extract(html, favor_precision=True, include_comments=False, deduplicate=False)
    else:
        text = trafilatura.html2txt(html)
    return text or ""
