"""Programs in passages: definitions stay whole where they fit, and are cut where what they hold begins where they do not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rephrase.text.code.languages import language_named, language_of_fence, language_of_file, programming_languages
from rephrase.text.code.outline import definition_spans
from rephrase.text.code.syntax import syntax_errors
from rephrase.text.passages import split_passages

JAVA = """package a;

import b.C;

/** Ünicode documentation. */
@Deprecated
public class Lamp {
    private int height = 1;

    // What keepers
    // count on.
    @Override
    public int lit(int hours) {
        return hours + height;
    }

    /* apart */

    int dark() { return 2; }
}
"""
PYTHON = '''import math

TOTAL = 1


# Of the tide.
@cached
def height(hour: int) -> float:
    """In metres."""
    return math.sin(hour)


class Gauge:
    """Measures."""

    def read(self) -> float:
        return height(1)

    # Twice a day.
    def reset(self) -> None:
        self.hours = [
            1,
            2,
        ]
'''


def pieces(text: str, language: str, size: int) -> list[str]:
    spans = definition_spans(text, language, lambda piece: len(piece) <= size)
    assert spans
    shown = [text[start:end] for start, end in spans]
    assert "".join(shown) == text
    return shown


def test_a_definition_that_fits_is_one_piece_with_what_stands_before_it() -> None:
    first_words = [piece.split("\n", 1)[0] for piece in pieces(PYTHON, "Python", 1000)]
    assert first_words == ["import math", "TOTAL = 1", "# Of the tide.", "class Gauge:"]
    assert len(pieces(JAVA, "Java", 1000)) == 3


def test_one_that_does_not_fit_is_cut_at_what_it_holds() -> None:
    shown = pieces(PYTHON, "Python", 150)
    first_words = [piece.strip().split("\n", 1)[0] for piece in shown[3:]]
    assert first_words == ["class Gauge:", '"""Measures."""', "def read(self) -> float:", "# Twice a day."]
    shown = pieces(JAVA, "Java", 150)
    assert any(piece.startswith("/** Ünicode") and "class Lamp" in piece for piece in shown)
    assert any(piece.startswith("    // What keepers") and piece.rstrip().endswith("}") for piece in shown)


@pytest.mark.parametrize("size", [1, 40, 80])
def test_all_of_the_text_is_in_the_pieces_however_small(size: int) -> None:
    pieces(JAVA, "Java", size)
    pieces(PYTHON + "é = 'ß'\n" * 5, "Python", size)
    pieces("def f(:\n\x00" + PYTHON, "Python", size)


def test_passages_of_programs_keep_indentation_and_the_limit(tokenizer) -> None:
    passages = split_passages(PYTHON * 3, tokenizer, 60, "Python")
    shown = [(PYTHON * 3)[passage.start : passage.end] for passage in passages]
    assert [passage.n_tokens for passage in passages] == tokenizer.count(shown)
    assert max(passage.n_tokens for passage in passages) <= 60
    assert "".join("".join(shown).split()) == "".join((PYTHON * 3).split())
    methods = [text for text in shown if text.lstrip().startswith(("def read", "# Twice"))]
    assert methods
    assert all(text.startswith("    ") for text in methods)
    prose = split_passages("A tide (rises. It falls; twice a day.\n" * 40, tokenizer, 60, "Python")
    assert max(passage.n_tokens for passage in prose) <= 60


def test_names_endings_and_first_lines_tell_a_language() -> None:
    assert [language_named(name) for name in ("Python", "C++", "c#", "golang", "GO", "sh", "rs", "English", None)] == [
        *("Python", "C++", "C#", "Go", "Go", None, None, None, None)
    ]
    assert [language_of_fence(info) for info in ("py", "js {1}", "", "text", "c++")] == ["Python", "JavaScript", None, None, "C++"]
    headers = {"a.h": "int x;", "b.h": "namespace b {", "c.hpp": "", "d": "#!/bin/bash -e\n", "e": "#!/usr/bin/env -S python3.12 -u\n"}
    assert [language_of_file(f"x/{name}", text) for name, text in headers.items()] == ["C", "C++", "C++", "Shell", "Python"]
    assert language_of_file("index", "<?php echo 1;") == "PHP"
    assert language_of_file(".bashrc", "x=1") is None


@pytest.mark.parametrize("language", [name for name in programming_languages() if name != "Python"])
def test_each_grammar_is_there(language: str) -> None:
    assert syntax_errors("", language) == 0
    assert syntax_errors("((((((", language) != 0 or language == "PHP"  # what stands before `<?php` is text


BITS = st.sampled_from(
    ["def f():\n", "    return 1\n", "class A:\n", "# é\n", "(", ")", "'''", "x = 1\n", "\n\n", "\t", "\r", "{", "}\n", "漢 ", "\f"]
)


@settings(max_examples=60, deadline=None)
@given(text=st.one_of(st.text(max_size=80), st.lists(BITS, max_size=30).map("".join)), size=st.integers(1, 60))
def test_whatever_the_text_all_of_it_is_in_the_pieces(text: str, size: int) -> None:
    for language in ("Python", "JavaScript"):
        spans = definition_spans(text, language, lambda piece: len(piece) <= size)
        assert spans is not None
        assert "".join(text[start:end] for start, end in spans) == text
