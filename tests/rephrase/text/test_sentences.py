from __future__ import annotations

import pytest

from rephrase.text.sentences import sentence_spans

GERMAN = "Der Leuchtturm wurde am 3. Oktober 1784 gebaut. Er steht z. B. noch heute."
QUOTES_AND_STOPS = ["“", "„", "« ", "'", "` ", "「天。", "?)", "。", "”?", "Hi! “", '(“"[', "A. ‘"]


def sentences(text: str, language: str | None = None) -> list[str]:
    return [sentence for start, end in sentence_spans(text, language) if (sentence := text[start:end].strip())]


@pytest.mark.parametrize("tag", ["de", "deu_Latn", "ger", "de-AT", "German"])
def test_a_language_has_its_rules_whatever_its_tag(tag):
    assert sentences(GERMAN, tag) == ["Der Leuchtturm wurde am 3. Oktober 1784 gebaut.", "Er steht z. B. noch heute."]
    assert sentences(GERMAN, "fr") != sentences(GERMAN, "de")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("marks", QUOTES_AND_STOPS)
def test_a_long_paragraph_of_quotes_and_stops_is_no_long_work(marks):
    text = marks * (600_000 // len(marks))
    spans = sentence_spans(text)
    assert "".join(text[start:end] for start, end in spans) == text


@pytest.mark.timeout(60)
def test_a_list_of_many_lines_is_no_long_work():
    text = "1. item\n" * 500_000  # half a minute for each million characters more, if the library has it as one
    assert len(sentence_spans(text)) == 500_000


def test_a_paragraph_in_parts_has_the_sentences_that_its_sentences_have():
    paragraph = [f'The keeper of tower {number} said "no"!' for number in range(2000)]
    text = " ".join(paragraph)
    assert sentences(text) == paragraph
    assert sentences(f"{text}\n\n{text}\n\nShort.") == [*paragraph, *paragraph, "Short."]
    plain = [f"The keeper of tower {number} counts the ships that pass." for number in range(2000)]
    assert sentences(" ".join(plain)) == plain
