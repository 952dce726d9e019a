"""Sentences and passages in twelve languages, against ends of sentences that are marked by hand."""

from __future__ import annotations

import pytest

from rephrase.text.passages import split_passages
from rephrase.text.scripts import language_by_script
from rephrase.text.sentences import sentence_spans
from rephrase.text.tokenizer import Tokenizer
from tests.languages import TWELVE, paragraphs_of, sentence_ends, text_of
from tests.places import EXAMPLES

# The tokenizer of the examples has learnt English: a Thai character is three tokens to it, where those of models have about one.
TOKENS = dict.fromkeys(TWELVE, 300) | {"th": 800}
# Ends of sentences that are seen at least. Thai has no sign for them but a space, which stands within sentences, too.
SEEN = dict.fromkeys(TWELVE, 0.85) | {"th": 0.5}


@pytest.mark.parametrize("language", TWELVE)
def test_sentences_end_where_people_end_them(language):
    text, ends = text_of(language), sentence_ends(language)
    assert len(paragraphs_of(language)) == 10
    spans = sentence_spans(text, language)
    assert "".join(text[start:end] for start, end in spans) == text
    told = [len(text[:end].rstrip()) for _, end in spans]
    assert [text[max(0, end - 30) : end] for end in told if end not in ends] == []
    assert len(told) >= SEEN[language] * len(ends)


@pytest.mark.parametrize("language", TWELVE)
def test_no_passage_is_cut_inside_a_sentence(language, tokenizer):
    text, ends = text_of(language), sentence_ends(language)
    passages = split_passages(text, tokenizer, TOKENS[language], language)
    assert len(passages) > 4
    assert all(passage.n_tokens <= TOKENS[language] for passage in passages)
    assert [text[passage.end - 30 : passage.end] for passage in passages if passage.end not in ends] == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", "Il dort. Elle lit."),
        ("de", "Er kam 2004. Sie blieb."),
        ("ru", "Он пришёл. Она ушла."),
        ("tr", "Geldi. Gitti."),
        ("ar", "جاء أحمد. ذهبت ليلى."),
        ("hi", "वह आया। वह गई।"),
        ("hi", "वह आया. वह गई."),
        ("ko", "그는 왔다. 그녀는 갔다."),
        ("zh", "他来了。她走了。"),
        ("ja", "彼は来た。彼女は行った。"),
        ("th", "เขามา! เธอไป"),
    ],
)
def test_short_sentences_are_two(language, text):
    assert len(sentence_spans(text, language)) == 2


@pytest.mark.parametrize("language", [code for code in TWELVE if code not in ("de", "fr", "es", "pt", "tr")])
def test_the_script_tells_where_nobody_has_said_the_language(language):
    text = text_of(language)
    assert language_by_script(text) == language
    assert sentence_spans(text) == sentence_spans(text, language)


def test_latin_and_a_few_foreign_words_say_nothing():
    texts = [
        text_of("de"),
        text_of("tr"),
        "The word 灯台 (tōdai) is Japanese for a lighthouse, and маяк is Russian.",
        "",
        "123 – 456",
        "Ελλάδα",
    ]
    assert [language_by_script(text) for text in texts] == ["und"] * len(texts)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("marks", ["ก ", "ก" + " " * 50, "“ก ", "( ก\n", "ก? ต่อมา ", " ", "\n", "“", "д. ", "… ", "ศ. ", "”"])
@pytest.mark.parametrize("language", ["th", "ru"])
def test_long_texts_are_no_long_work(language, marks):
    text = marks * (60_000 // len(marks))
    assert "".join(text[start:end] for start, end in sentence_spans(text, language)) == text


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer.load(str(EXAMPLES / "tokenizer.json"))
