from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.cascade import build_cascade
from classifiers.checks.facts import FactCheck, FactsSettings
from classifiers.facts import facts_of
from classifiers.settings import filter_of
from tests.classifiers.batches import REWRITE, SOURCE, batch

CURIE = (
    "Marie Curie was born in Warsaw in 1867. With her husband she found polonium in 1898, and five months later radium. In 1911 the "
    "academy in Stockholm gave her a second prize, worth 1,234,000 francs, or 1.50 percent of its funds. Her notes, she wrote, "
    '"glowed faintly in the dark shed". They are kept in Paris, at the BNF.'
)
CURIE_REWRITE = (
    "Born in 1867, Curie came from Warsaw. Polonium was discovered in 1898, and then radium after 5 months. Her 2nd prize came from "
    "Stockholm in 1911: 1.234 million francs, which was 1.5% of what the academy had. Of the notes, now at the BNF in Paris, she said "
    "that they “glowed  faintly in the dark shed”."
)
INVENTED = (
    "Marie Curie moved to Vienna in 1872 with her brother Anton. There she met Ludwig Boltzmann, wrote 47 papers, and taught 3,500 pupils. "
    'Her friend Lise called it "the best decade of my life", as the Kaiser noted in 1885.'
)
GERMAN = (
    "Das Haus am See gehört der Familie Müller, die im Jahr 1950 aus Berlin in die Stadt gekommen ist. Der Vater hatte eine Stelle als "
    "Lehrer an der Schule gefunden, und die Mutter führte den Haushalt. Nach dem Krieg war das Leben schwer, aber mit der Zeit kamen "
    "Arbeit und Wohlstand in die Häuser der Straße."
)
GERMAN_REWRITE = (
    "Seit 1950 wohnen die Müllers in ihrem Gebäude am Wasser; vorher lebten sie in Berlin. Der Mann unterrichtete Kinder, seine Frau "
    "kümmerte sich um Küche und Garten. Die ersten Jahre brachten Not und Sorgen, doch bald besserten sich Lohn und Stimmung im Viertel."
)


def numbers(text: str) -> set[float]:
    return {float(number) for number in facts_of(text).numbers}


def check(text: str, source: str = CURIE, **settings: float) -> tuple[dict[str, float], bool]:
    result = FactCheck("facts", FactsSettings(**settings))(batch([text], source))
    return {name.removeprefix("facts."): float(values[0]) for name, values in result.scores.items()}, bool(result.keep[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234 men, 1234 horses and 1\u00a0234 sheep", {1234}),
        ("1.50 and 1.5 and 1,5", {1.5}),
        ("0.125 of it", {0.125}),
        ("1,234,567.89 or 1.234.567,89", {1234567.89}),
        ("1.5 million, 1,500,000 and 1.5-million", {1_500_000}),
        ("1.234 million, 1,234 million", {1_234_000, 1_234_000_000}),
        ("2 hundred, two hundred", {200}),
        ("five hundred thousand", {500_000}),
        ("Twenty-five, twenty five and 25", {25}),
        ("twenty-first", {21}),
        ("one hundred", {100}),
        ("three, Three and THREE", {3}),
        ("5%, 5 percent, 5 per cent", {5}),
        ("on 12.05.2020 or 12/5/2020", {12, 5, 2020}),
        ("1914-18, the 1990s, the 3rd, $5m, 10km, 1698年", {1914, 18, 1990, 3, 5, 10, 1698}),
        ("H2O and B12 and x86", set()),
        ("one of them, the second and a hundred others", set()),
        ("٣ and ３", {3}),
        ("1. A\n2) B\n- 3. C\n**4.** D\n\nStep 5: E\n(6) F", set()),
        ("1.5 is more\n12:30 is noon\n1984. ended", {1.5, 12, 30, 1984}),
        ("9" * 41, set()),
        ("", set()),
    ],
)
def test_numbers(text, expected):
    assert numbers(text) == expected


def test_words_that_hint_at_numbers_are_no_facts_but_say_them():
    assert facts_of("The first, in May, was one of a hundred.").mentioned == {Decimal(n) for n in (1, 5, 100)}
    assert check("It fell on 1/5.", "It was the first of May.")[0]["new_numbers"] == 0
    assert check("It was one of the first.", "Nothing.")[0]["new_numbers"] == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Later on the Marie Curie prize, the greatest of Oslo, went, as was said, by Bohr (and by others) to the 3M firm for its glue.",
            {"marie", "curie", "oslo", "bohr"},
        ),
        ("NASA launched it. At ESA they laughed.", {"nasa", "esa"}),
        ("When I came, it said: No. The end! Of all.", set()),
        ("In spring, Spring met a bear and then it was told that the Bear had gone.", set()),
        ("## The Rise of the Big Harbour\n\nWhat the harbour and its walls were made of, nobody knows.", set()),
        ("Там жил в городе писатель Толстой с женой.", {"толстой"}),
        ("Für immer wohnte in ihr die Élodie, die keiner je gesehen hat.", {"élodie"}),
    ],
)
def test_names(text, expected):
    assert facts_of(text).names == {name[:5] for name in expected}


def test_capitals_that_do_not_mark_names():
    plain = "Ich habe gestern meinen Bruder getroffen, und wir sind in die Stadt gefahren, weil er neue Schuhe brauchte, die er nicht fand."
    for text in (
        GERMAN,
        GERMAN_REWRITE,
        plain,
        "日本語の文章です。",
        "هذا نص عربي قصير.",
        "THE WHOLE TEXT SHOUTS, AND ON IT GOES, AND ON.",
    ):
        assert facts_of(text).names is None


def test_quotes():
    text = 'He wrote "yes" and then, "it is  what\u00a0IT is". „Das war es nicht“, «ce n’est pas vrai», “a b”. A 5" pipe is 6" long.'
    assert facts_of(text).quotes == {"it is what it is", "das war es nicht", "ce n est pas vrai"}


def test_a_faithful_rewrite_states_nothing_new():
    scores, keep = check(CURIE_REWRITE, new_numbers=0, new_names=0, new_quotes=0, kept_numbers=1, kept_names=0.8, min_count=1)
    assert keep
    assert min(scores["shown_numbers"], scores["shown_names"]) > 1
    assert scores == {
        "new_numbers": 0,
        "new_number_share": 0,
        "shown_numbers": scores["shown_numbers"],
        "kept_numbers": 1,
        "new_names": 0,
        "new_name_share": 0,
        "shown_names": scores["shown_names"],
        "kept_names": 1,
        "new_quotes": 0,
    }


def test_inventions_are_counted():
    scores, _ = check(INVENTED)
    assert scores["new_numbers"] == 4  # 1872, 47, 3500, 1885
    assert scores["new_number_share"] == 1
    assert scores["new_names"] == 6  # Vienna, Anton, Ludwig, Boltzmann, Lise, Kaiser
    assert scores["new_name_share"] == 6 / 7  # and Curie
    assert scores["kept_numbers"] == 0
    assert scores["kept_names"] == pytest.approx(1 / 5)  # Curie; not Warsaw, Stockholm, Paris, BNF
    assert scores["new_quotes"] == 1


@pytest.mark.parametrize(
    "bound",
    [
        {"new_numbers": 3},
        {"new_number_share": 0.5},
        {"new_names": 5},
        {"new_name_share": 0.5},
        {"new_quotes": 0, "min_count": 1},
        {"kept_numbers": 0.2},
        {"kept_names": 0.3},
    ],
)
def test_each_bound_rejects_inventions_and_lets_a_rewrite_pass(bound):
    assert not check(INVENTED, **bound)[1]
    assert check(CURIE_REWRITE, **bound)[1]


def test_small_counts_do_not_reject():
    text = "In 1872 there were 47 of them, and Anton with Lise."
    assert check(text, new_number_share=0.1, new_name_share=0.1, new_numbers=1)[1]
    assert not check(text, new_number_share=0.1, min_count=2)[1]
    assert check("Nobody knows.", "In 1698 they built 2 of them.", kept_numbers=1)[1]
    assert not check("Nobody knows.", "In 1698 they built 2 of them.", kept_numbers=1, min_count=2)[1]


def test_what_cannot_be_scored_is_nan_and_passes():
    bounds = FactsSettings(new_numbers=0, new_number_share=0, new_names=0, new_name_share=0, kept_numbers=1, kept_names=1, min_count=1)
    result = FactCheck("facts", bounds)(batch([None, " ", INVENTED, "no facts"], [CURIE, CURIE, " ", "none here"]))
    assert result.keep.all()
    assert all(np.isnan(values[:3]).all() for values in result.scores.values())
    last = {name.removeprefix("facts."): values[3] for name, values in result.scores.items()}
    assert {name for name, value in last.items() if np.isnan(value)} == {"new_number_share", "kept_numbers", "new_name_share", "kept_names"}


def test_inflected_names_are_not_new():
    source = "Когда-то в Москве жил и работал писатель Толстой, а в городе под названием Тула мастера делали хорошие самовары."
    scores, keep = check(
        "Самые лучшие и дорогие чайники всегда привозили старому Толстому в его Москву из Тулы, а совсем не из далёкой Казани.",
        source,
        new_names=2,
        min_count=1,
    )
    assert scores["new_names"] == 2  # Тулы, too short to tell, and Казани
    assert keep
    assert check("Of the Phoenicians we know.", "Once in Phoenicia there was a king.")[0]["new_names"] == 0


def test_languages_are_not_rejected_for_their_capitals():
    bounds = {"new_names": 0, "new_name_share": 0, "kept_names": 1, "min_count": 1}
    assert check(GERMAN_REWRITE, GERMAN, **bounds)[1]
    assert check("1698年に灯台が建てられた。", "灯台は1698年に初めて点灯された。", **bounds)[1]
    assert check("Tolstoy lived in Yasnaya with Sofia.", "托尔斯泰和索菲亚住在一起。", **bounds)[1]
    scores, keep = check("In 1867 they came from Warsaw.", CURIE.lower(), **bounds)
    assert keep
    assert scores["new_names"] == 0


def test_the_default_cascade_rejects_a_rephrasing_that_invents():
    text = INVENTED * 2  # long enough for the check of length
    cascade = build_cascade(filter_of(["facts"]))
    assert cascade.judge(batch([text, CURIE_REWRITE], CURIE, recipe="wrap/medium"))[0] == ["facts", "keep"]
    assert cascade.judge(batch([text], CURIE, recipe="mind/debate"))[0] == ["keep"]
    assert cascade.judge(batch([REWRITE, GERMAN_REWRITE], [SOURCE, GERMAN]))[0] == ["keep", "keep"]


def test_long_texts_take_time_in_proportion():
    many = " ".join(f"of N{number:x}" for number in range(50_000))
    for text in ("1," * 200_000, "9" * 400_000, '"a' * 100_000, "\n" * 300_000, " " * 300_000 + "x", many, "\n1. " * 100_000):
        check(text, text[::-1])


FRAGMENTS = st.sampled_from(
    [
        *("3", "three", "Three", "1,234", "1234", "1.50", "1.5", "twenty", "two", "-", "million", "one", "May", "5%", "12.05.2020", "H2O"),
        *("Marie", "Curie", "NASA", "the", "river", "River", "é", "É", "日本", "it is so", ". ", ", ", ": ", '"', "(", ")", "\n", "\n2. "),
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=25).map(lambda parts: " ".join(parts).replace("\n ", "\n"))

WORDS = {"one": 1, "two": 2, "three": 3, "may": 5, "twenty": 20, "million": 1_000_000}


def plain_numbers(text: str) -> set[Decimal]:
    """Numbers of texts made of FRAGMENTS, read one word after the other."""
    text = "\n".join(re.sub(r"^ *2\. ", "listed ", line) for line in text.split("\n"))
    found = set()
    for digits in re.split(r"[^\w.,]+", text):
        number = digits.strip(".,")
        if number == "12.05.2020":
            found |= {Decimal(12), Decimal(5), Decimal(2020)}
        elif re.fullmatch(r"[\d.,]+", number) and not re.search(number + r"[ -]million", text):
            found.add(Decimal(number.replace(",", "")))
    words = re.findall(r"\w+", text.lower())
    at = 0
    while at < len(words):
        value = WORDS.get(words[at])
        fact = words[at] in ("two", "three", "twenty")
        at += 1
        if value is None:
            continue
        if value == 20 and at < len(words) and WORDS.get(words[at], 20) < 10:
            value += WORDS[words[at]]
            at += 1
        while at < len(words) and words[at] == "million":
            value, fact, at = value * 1_000_000, True, at + 1
        if fact:
            found.add(Decimal(value))
    return found


def plain_names(text: str) -> set[str]:
    """Names of texts made of FRAGMENTS, character by character."""
    words = set(re.findall(r"\w+", text))
    found = set()
    for line in text.split("\n"):
        if len(line) <= 100 and (not line.strip() or line.rstrip()[-1] not in '.,:"'):
            continue
        for word in re.finditer(r"\w+", line):
            inner = word.start() >= 2 and line[word.start() - 1] == " " and re.match(r"[\w,;)]", line[word.start() - 2])
            acronym = re.fullmatch("[A-Z]{2,}[0-9]*", word[0])
            if len(word[0]) > 1 and ((inner and word[0][0].isupper()) or acronym):
                found.add(word[0].lower())
    return found - words


def without_scaled_digits(text: str) -> str:
    return re.sub(r"(\d%?[\s.,-]*) (million)", r"\1 x \2", text)


@given(TEXTS.map(without_scaled_digits))
def test_facts_are_those_of_the_plain_reference(text):
    facts = facts_of(text)
    assert facts.numbers == plain_numbers(text)
    if facts.names is not None:
        assert facts.names == {name[:5] for name in plain_names(text)}


@given(st.lists(st.tuples(TEXTS, st.integers(0, 2)), max_size=6), st.lists(TEXTS, min_size=3, max_size=3))
def test_scores_of_a_batch_are_those_of_sets(rows, sources):
    result = FactCheck("facts", FactsSettings())(batch([text for text, _ in rows], [sources[at] for _, at in rows]))
    for row, (text, at) in enumerate(rows):
        if not text.strip() or not sources[at].strip():
            continue
        own, source = facts_of(text), facts_of(sources[at])
        new = [number for number in own.numbers if number not in source.mentioned]
        assert result.scores["facts.new_numbers"][row] == len(new)
        share = result.scores["facts.new_number_share"][row]
        assert share == len(new) / len(own.numbers) if own.numbers else np.isnan(share)
        if own.names is not None and source.names is not None:
            names = [name for name in own.names if not any(word[:5] == name for word in source.wording.split())]
            assert result.scores["facts.new_names"][row] == len(names)
        kept = result.scores["facts.kept_numbers"][row]
        survivors = [number for number in source.numbers if number in own.mentioned]
        assert kept == len(survivors) / len(source.numbers) if source.numbers else np.isnan(kept)


@given(st.text(), st.text())
def test_any_text_is_taken(text, source):
    scores, _ = check(text, source)
    assert all(np.isnan(value) or value >= 0 for value in scores.values())
    if text.strip():
        again = check(text, text)[0]
        assert not again["new_numbers"] > 0
        assert not again["new_names"] > 0
        assert not again["new_quotes"] > 0
