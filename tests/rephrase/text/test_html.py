"""Pages that would keep a parser or an extractor busy for long are stripped of their tags, and others are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rephrase.text.html import extract
from rephrase.text.intricacy import TRAFILATURA, is_intricate
from rephrase.text.stripping import strip
from tests.rephrase.readers.archives import WORDS, html

START = f"<html><head><title>A &amp; B</title></head><body><p>{WORDS}</p>"


def numbered(piece: str, count: int) -> str:
    return "".join(piece.format(number) for number in range(count))


INTRICATE = {
    "unclosed elements": lambda n: START + "<div>" * n + WORDS,
    "in capitals": lambda n: START + "<DIV CLASS=a>x" * n + WORDS,
    "closed ones": lambda n: START + "<div>" * n + WORDS + "</div>" * n,
    "beside end tags of others": lambda n: START + "<div></x>" * n + WORDS,
    "formatting elements before blocks": lambda n: START + numbered("<font size={}><p>x", n // 10) + WORDS,
    "links before blocks": lambda n: START + numbered("<a href={}><div>x</div>", n // 10) + WORDS,
    "formatting elements beside end tags of others": lambda n: START + numbered("</span><li></font><i a={}>x", n // 24) + WORDS,
    "readings outside of ruby": lambda n: START + "<rt>" * n + WORDS,
    "attributes": lambda n: START + f"<div {numbered('a{}=1 ', 5 * n)}>" + WORDS,
    "quoted attributes": lambda n: START + f"<div {numbered(chr(97) + '{}=' + chr(34) + '>' + chr(34) + ' ', 5 * n)}>" + WORDS,
    "attributes without values": lambda n: START + f"<div {numbered('a{} ', 5 * n)}>" + WORDS,
    "attributes of the first tag": lambda n: f"<html {numbered('a{}=1 ', 5 * n)}>" + START + WORDS,
    "options": lambda n: START + "<select>" + "<option>x" * n + "</select>" + WORDS,
    "many elements below some": lambda n: START + "<div>" * 500 + "<p>x</p>" * (4 * n) + WORDS,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", INTRICATE)
@pytest.mark.parametrize("extractor", ["resiliparse", "trafilatura"])
def test_intricate_pages_are_stripped_of_their_tags(name: str, extractor: str) -> None:
    if extractor == "trafilatura":
        pytest.importorskip("trafilatura")
    page = extract(INTRICATE[name](20_000), extractor)  # type: ignore[arg-type]
    assert page.is_stripped
    assert page.title == "A & B"
    assert page.text.startswith(WORDS.strip())
    assert page.text.endswith(WORDS.strip())
    assert "<" not in page.text
    assert "{" not in page.text


SIMPLE: dict[str, Callable[[int], str]] = {
    "paragraphs": lambda n: START + f"<p>{WORDS}</p>" * n,
    "sections": lambda n: START + f"<div><section><div class='a b'><p>{WORDS}</p></div></section></div>" * n,
    "paragraphs left open": lambda n: START + f"<p>{WORDS}" * n,
    "a table": lambda n: START + "<table>" + "<tr><td>x<td>y" * n + "</table>",
    "a list": lambda n: START + "<ul>" + f"<li><a href='/'>{WORDS}</a><br>" * n + "</ul>",
    "readings": lambda n: START + "<ruby>a<rt>b</ruby>" * n,
    "formatting elements": lambda n: START + "<p><b>a</b> <i>b</i></p>" * n,
    "images": lambda n: START + "<img src=a.png alt=b>" * n,
    "attributes of many tags": lambda n: START + f"<p id=1 class=a style='b: c' title=d>{WORDS}</p>" * n,
    "a script": lambda n: START + "<script>" + "x = 'a'; " * n + "</script>",
    "a picture in an attribute": lambda n: START + f"<img src='data:image/png;base64,{'iVBORw0KGgo' * n}'>",
}


@pytest.mark.parametrize("name", SIMPLE)
@pytest.mark.parametrize("count", [10, 4_500])
def test_ordinary_pages_are_extracted_whatever_their_size(name: str, count: int) -> None:
    assert not is_intricate(SIMPLE[name](count))


def test_an_extractor_has_limits_of_its_own() -> None:
    page = START + f"<p>{WORDS}</p>" * 15_000
    assert not is_intricate(page)
    assert is_intricate(page, TRAFILATURA)


def test_pages_beyond_any_size_are_stripped() -> None:
    assert extract("<p>" + "word " * 4_000_000).is_stripped


def test_an_ordinary_page_has_its_main_content() -> None:
    page = extract(html(3))
    assert (page.title, page.is_stripped) == ("Page 3", False)
    assert "imprint" not in page.text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>one<p>two<br>three", "one\ntwo\nthree"),
        ("a<b>b</b>c <i>d</i> <a href='>'>e</a>", "abc d e"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc"),
        ("x &lt;y&gt; &amp; &#x41;&nbsp;z", "x <y> & A z"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("a<script>no</script>b<style>no</style>c<!-- no --><textarea>no</textarea>d", "a b c d"),
        ("a<SCRIPT type=x>no</SCRIPT >b", "a b"),
        ("a <img alt=\"x > y\" title='z'> b", "a b"),
        ("a <script>never closed", "a"),
        ("a <!-- never closed", "a"),
        ("a <p class='never closed", "a"),
        ("<head><title>t</title><meta></head>a", "a"),
    ],
)
def test_stripping_keeps_what_readers_see(markup: str, text: str) -> None:
    assert strip(markup)[0] == text


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        *("<", "<a", '<a b="', """<a b='" """, "&", "<!--", "<!-->", "<script>", "<title>", " ", "\n", "=", "<a =", "</", "<p", "&#", "x"),
        *("<select>", "<template>", "<svg>", "<p>", "<table>", "<b><i></b>", "</p>"),
    ],
)
def test_awkward_characters_take_no_more_than_others(piece: str) -> None:
    page = piece * (1_000_000 // len(piece))
    is_intricate(page)
    strip(page)
