"""Checks on texts in twelve languages: what is wrong in each is told, and plain prose of each is kept."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from pathlib import Path

import pytest

from classifiers.cascade import build_cascade
from classifiers.facts import facts_of
from classifiers.minhash import MinhashSettings, jaccard_estimate, signatures
from classifiers.settings import filter_of
from classifiers.words import words_of
from tests.classifiers.batches import batch
from tests.languages import ENGLISH, FLORES, TWELVE, paragraphs_of, text_of, train_identifier

DEFAULTS = ["chatter", "commentary", "leaked", "length", "repetition", "copied", "facts"]
CLOSINGS = {
    "zh": "希望这段改写对您有帮助！",
    "ja": "この書き換えがお役に立てれば幸いです。",
    "ko": "이 글이 도움이 되었기를 바랍니다.",
    "ar": "آمل أن يكون هذا النص مفيدا لك.",
    "hi": "आशा है कि यह पाठ आपके लिए उपयोगी होगा।",
    "th": "หวังว่าข้อความนี้จะเป็นประโยชน์",
    "ru": "Надеюсь, это вам поможет!",
    "de": "Ich hoffe, das hilft Ihnen weiter!",
    "fr": "J'espère que ce texte vous aide !",
    "es": "Espero que esto te ayude.",
    "pt": "Espero que isso ajude!",
    "tr": "Umarım bu metin işinize yarar.",
}
COMMENTARIES = {
    "zh": "这段文字主要介绍了灯塔的历史。",
    "ja": "この文章は灯台の歴史について述べている。",
    "ko": "이 글은 등대의 역사를 설명한다.",
    "ar": "يتناول هذا النص تاريخ المنارة بالتفصيل.",
    "hi": "यह गद्यांश दीपस्तंभ के इतिहास का वर्णन करता है।",
    "th": "บทความนี้กล่าวถึงประวัติของประภาคาร",
    "ru": "Этот текст рассказывает об истории маяка.",
    "de": "Dieser Text beschreibt die Geschichte des Leuchtturms.",
    "fr": "Ce texte décrit l'histoire du phare.",
    "es": "Este texto describe la historia del faro.",
    "pt": "Este texto descreve a história do farol.",
    "tr": "Bu metin fenerin tarihini ayrıntılı olarak anlatmaktadır.",
}
# A number as the language writes it, and as others do.
NUMBERS = {
    "zh": ("250万朵花，1,933万人", "2,500,000 19,330,000"),
    "ja": ("250万個、3億円、１２匹", "2,500,000 300,000,000 12"),
    "ko": ("250만 송이, 1,000만, 3억", "2,500,000 10,000,000 300,000,000"),
    "ar": ("٢٫٥ مليون و٧٥٠٬٠٠٠ و١٩٧٤", "2.5 million 750,000 1974"),
    "hi": ("25 लाख, 65,00,000, 3.2 करोड़ और १९३०", "2,500,000 6,500,000 32,000,000 1930"),
    "th": ("2.5 ล้านดอก 3 แสนคน พ.ศ. ๒๔๓๔", "2.5 million 300,000 2434"),
    "ru": ("2,5 млн цветков, 60 000 кв. м, 100 тыс. км", "2.5 million 60,000 100,000"),
    "de": ("2,5 Mio. Blüten, 100.000 km und 3 Milliarden", "2.5 million 100,000 3,000,000,000"),
    "fr": ("2,5 millions de fleurs, 100\u202f000 km et 63\u00a0154 m²", "2.5 million 100,000 63,154"),
    "es": ("2,5 millones de flores, 100.000 km y 33 000 m²", "2.5 million 100,000 33,000"),
    "pt": ("2,5 milhões de flores, 100.000 km e R$ 35,50", "2.5 million 100,000 35.5"),
    "tr": ("2,5 milyon çiçek, 100.000 km, 3 bin kişi", "2.5 million 100,000 3,000"),
}


def retold(code: str) -> str:
    """The paragraphs of a text in another order, and their sentences, too."""
    gap = "" if code in ("zh", "ja") else " "
    return "\n\n".join(gap.join(reversed(sentences)) for sentences in reversed(paragraphs_of(code)))


def verdicts(texts: list[str], source: str, code: str | None, checks: list, **columns) -> list[str]:
    return build_cascade(filter_of(checks)).judge(batch(texts, source, languages=[code] * len(texts), **columns))[0]


@pytest.mark.parametrize("code", TWELVE)
def test_plain_prose_is_kept_and_a_copy_is_not(code):
    checks = [*(check for check in DEFAULTS if check != "copied"), {"copied": {"max": None}}]
    assert verdicts([retold(code), text_of(code)], text_of(code), code, checks) == ["keep", "keep"]
    assert verdicts([text_of(code)], text_of(code), code, DEFAULTS) == ["copied"]


@pytest.mark.parametrize("code", TWELVE)
def test_what_an_assistant_says_around_and_about_a_text_is_seen(code):
    body = retold(code).split("\n\n")[0]
    texts = [f"{body}\n\n{CLOSINGS[code]}", f"{COMMENTARIES[code]} {body}", body]
    assert verdicts(texts, body, code, ["chatter", "commentary"]) == ["chatter", "commentary", "keep"]
    own = f"{body} {COMMENTARIES[code]}"
    assert verdicts([f"{COMMENTARIES[code]} {body}"], own, code, ["commentary"]) == ["keep"], "a passage's own words"


@pytest.mark.parametrize("code", TWELVE)
def test_numbers_are_read_as_the_language_writes_them(code):
    written, plain = NUMBERS[code]
    assert facts_of(written).numbers == facts_of(plain).numbers
    other = {ord(digit): "3705918246"[int(digit)] for digit in "0123456789"}
    other |= {
        n: chr(n - unicodedata.decimal(chr(n)) + (unicodedata.decimal(chr(n)) + 3) % 10) for n in range(128, 4000) if chr(n).isdecimal()
    }
    checks = [{"facts": {"new_number_share": 0.5}}]
    assert verdicts([retold(code), retold(code).translate(other)], text_of(code), code, checks) == ["keep", "facts"]


def test_a_grouped_number_is_one_and_parts_of_a_row_are_several():
    assert facts_of("In 2019 300 came by tel 01 23 45; 12 300 450, 1,234 500,000").numbers == {
        Decimal(n) for n in (2019, 300, 1, 23, 45, 12, 450, 1234, 500000)
    }


@pytest.mark.parametrize("code", TWELVE)
def test_repetition_is_seen_whatever_the_script(code):
    sentence = paragraphs_of(code)[0][0]
    assert verdicts([f"{sentence} " * 30], text_of(code), code, ["repetition"]) == ["repetition"]


@pytest.mark.parametrize("code", TWELVE)
def test_a_changed_word_leaves_a_near_duplicate_and_another_text_is_none(code):
    half = text_of(code).split("\n\n")
    first, second = "\n\n".join(half[:5]), "\n\n".join(half[5:])
    settings = MinhashSettings()
    one, near, far = (signatures([text], settings) for text in (first, first.replace("250", "260"), second))
    assert jaccard_estimate(one, near)[0] > 0.85
    assert jaccard_estimate(one, far)[0] < 0.2


def test_signs_of_vowels_and_tones_belong_to_their_letter():
    assert words_of(["ที่นี่", "ကို", "हिन्दी पाठ"]).counts.tolist() == [2, 1, 2]


@pytest.mark.parametrize("code", [code for code in TWELVE if code != "de"])
def test_a_translation_is_as_long_as_its_text_and_neither_copy_nor_invention(code):
    checks = [
        {"length": {"min_ratio": 0.7, "max_ratio": 1.4}},
        {"copied": {"min": 0.3}},
        {"facts": {"new_number_share": 0.1, "kept_names": 0.9}},
    ]
    for source, target in ((code, "de"), ("de", code)):
        rows = batch([text_of(target)], text_of(source), languages=[source], answers_in={"wrap/medium": target})
        verdict, [scores] = build_cascade(filter_of(checks)).judge(rows)
        assert verdict == ["keep"]
        assert not any(name.startswith(("facts", "copied")) for name in scores)
        same = batch([text_of(target)], text_of(source), languages=[source], answers_in={"wrap/medium": source})
        assert build_cascade(filter_of(checks)).judge(same)[0] != ["keep"]


@pytest.fixture(scope="module")
def identifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    return train_identifier(Path(tmp_path_factory.mktemp("identifier")) / "languages.bin")


def test_the_check_language_expects_what_the_recipe_asks_for(identifier):
    checks = [{"language": {"model": identifier}}]
    english = " ".join(ENGLISH)
    for code, tag in zip(TWELVE, FLORES, strict=True):
        text = retold(code)
        for spelling in (code, tag):
            assert verdicts([text, english], "x", spelling, checks) == ["keep", "language"]
            assert verdicts([text, english], "x", "en-US", checks, answers_in={"wrap/medium": spelling}) == ["keep", "language"]
    assert verdicts([english], "x", "de", checks, answers_in={"wrap/medium": "eng_Latn"}) == ["keep"]
    scores = build_cascade(filter_of(checks)).judge(batch([english], "x", languages=[None]))[1]
    assert scores == [{}], "nobody knows what to expect"
