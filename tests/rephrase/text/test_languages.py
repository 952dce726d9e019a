from __future__ import annotations

import pytest

from rephrase.text.languages import language_tag, primary_language, same_language

TAGS = {
    "en": [
        "en",
        "EN",
        "eng",
        "eng_Latn",
        "eng-latn",
        "__label__en",
        "__label__eng_Latn",
        "English",
        " english ",
        "'en'",
        "en,fr",
        "simple",
    ],
    "en-US": ["en-US", "EN_us", "en_US.UTF-8", "eng_US", "en-Latn-US"],
    "de": ["de", "ger", "deu", "deu_Latn", "German", "de-1996"],
    "zh": ["zh", "zho", "chi", "cmn", "cmn_Hani", "Chinese", "Chinese (Simplified)", "Mandarin"],
    "zh-Hans": ["zh-Hans", "zho_Hans", "cmn_Hans"],
    "zh-Hans-CN": ["zh-cn", "zh_CN", "zh-Hans-CN"],
    "zh-Hant-TW": ["zh-TW", "zh_tw", "zho_Hant_TW"],
    "ar": ["ar", "ara", "arb", "arb_Arab"],
    "no": ["no", "nb", "nor", "nob_Latn", "Norwegian Bokmål"],
    "nn": ["nn", "nno_Latn"],
    "he": ["he", "iw", "heb_Hebr"],
    "el": ["el", "ell", "gre", "ell_Grek", "Greek"],
    "ko": ["ko", "kor_Hang", "ko-Kore"],
    "ja": ["ja", "jpn", "jpn_Jpan", "Japanese"],
    "sr-Cyrl": ["srp_Cyrl", "sr-Cyrl"],
    "ps": ["ps", "pus", "pbt_Arab"],
    "yue": ["yue", "zh-yue", "Cantonese"],
    "th": ["th", "tha", "tha_Thai", "Thai"],
    "und": ["und", "", "  ", "unknown", "UND", "N/A", "null"],
    "lumen": ["lumen", "Lumen"],  # no language: a label of one's own
    "12": ["12"],
}


@pytest.mark.parametrize(("tag", "text"), [(tag, text) for tag, texts in TAGS.items() for text in texts])
def test_one_language_has_one_tag(tag: str, text: str):
    assert language_tag(text) == tag
    assert language_tag(tag) == tag


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("en", "eng_Latn", True),
        ("en", "en-US", True),
        ("en-GB", "en-US", False),
        ("pt-BR", "por_Latn", True),
        ("pt-BR", "pt-PT", False),
        ("zh", "zho_Hans", True),
        ("zho_Hant", "zh", True),
        ("zho_Hans", "zho_Hant", False),
        ("zh-TW", "zho_Hant", True),
        ("zh-TW", "cmn_Hans", False),
        ("sr-Latn", "sr", True),
        ("zh", "yue", False),
        ("de", "nl", False),
        ("de", None, False),
        ("de", "", False),
        ("und", None, True),
        ("mine", "Mine", True),
    ],
)
def test_languages_are_the_same_where_all_that_both_tell_agrees(one: str, other: str | None, same: bool):
    assert same_language(one, other) is same_language(other, one) is same


@pytest.mark.parametrize(
    "text", ["\ud800", "日本語", "-", "a" * 1_000_000, "a-" * 100_000, "x" * 40, "\x00", "en\x00", "__label__", "..", "1-2-3"]
)
def test_junk_is_no_error(text: str):
    assert language_tag(text)
    assert not same_language(text, "fr")


def test_the_language_alone():
    assert [primary_language(text) for text in ("zh_tw", "eng_Latn", None, "")] == ["zh", "en", "und", "und"]
