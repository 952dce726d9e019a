"""Points of a passage that a rewrite keeps, loses, contradicts and adds to, and how the verdict agrees with people's marks."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from classifiers.cascade import build_cascade
from classifiers.checks.faithful import Faithful, FaithfulSettings
from classifiers.points import points_of
from classifiers.settings import filter_of
from tests.classifiers.batches import batch

PAIRS = [json.loads(line) for line in Path(__file__).with_name("faithful_pairs.jsonl").read_text(encoding="utf-8").splitlines()]
"""Marked by hand: 11 passages, each with two good rewrites and two bad ones, and what is wrong with these."""
PASSAGE = "Bats are not blind. Most of them see about as well as people do. In 1793 Spallanzani watched 52 of them. Owls hunt at night."


OTHERS = [
    "Fledermäuse sind nicht blind. Die meisten sehen etwa so gut wie Menschen. 1793 beobachtete Spallanzani 52 von ihnen.",
    "Les chauves-souris ne sont pas aveugles. La plupart voient aussi bien que nous. En 1793, Spallanzani en observa 52.",
    "Los murciélagos no son ciegos. Casi todos ven tan bien como las personas. En 1793 Spallanzani observó 52 de ellos.",
    "Vleermuizen zijn niet blind. De meeste zien ongeveer zo goed als mensen. In 1793 had Spallanzani er 52 in een kamer.",
    "Nietoperze nie są ślepe. Większość z nich widzi tak dobrze jak ludzie. W 1793 roku badał je Spallanzani. To są ssaki.",
    "Летучие мыши не слепы. Большинство из них видит не хуже людей. В 1793 году Спалланцани наблюдал 52 из них.",
    "蝙蝠并不是瞎子。它们大多数看得和人一样清楚。1793年，斯帕兰札尼观察了52只蝙蝠。",
]


def scores_of(text: str, passage: str = PASSAGE, **columns: Any) -> dict[str, float]:
    result = Faithful("faithful", FaithfulSettings())(batch([text], passage, **columns))
    return {name.removeprefix("faithful."): float(values[0]) for name, values in result.scores.items()}


@pytest.mark.parametrize(
    ("text", "kept", "contradicted", "added"),
    [
        (PASSAGE, 1, 0, 0),
        ("Bats aren’t blind. Most see about as well as people. Spallanzani watched 52 in 1793. At night, owls hunt.", 1, 0, 0),
        (PASSAGE.replace("not blind", "blind"), 0.75, 0.25, 0),
        (PASSAGE.replace("52", "97"), 0.75, 0.25, 0),
        (PASSAGE.replace("Owls hunt", "Owls never hunt"), 0.75, 0.25, 0),
        ("Bats are not blind.", 0.25, 0, 0),
        (f"{PASSAGE} Cats drink warm milk. Dogs chase red balls. Fish swim around ponds. Hens lay brown eggs.", 1, 0, 0.5),
    ],
    ids=["the passage", "reworded", "a negation lost", "a number changed", "a negation added", "three points lost", "four points added"],
)
def test_points_are_kept_contradicted_and_added(text: str, kept: float, contradicted: float, added: float) -> None:
    scores = scores_of(text)
    assert (scores["points"], scores["kept"], scores["contradicted"], scores["added"]) == (4, kept, contradicted, added)


@pytest.mark.parametrize(
    ("text", "columns"),
    [("", {}), (PASSAGE, {"sources": "!"})],
    ids=["no text", "a passage without a point"],
)
def test_what_cannot_be_compared_has_no_score_and_stays(text: str, columns: dict[str, Any]) -> None:
    judged = batch([text], columns.pop("sources", PASSAGE), **columns)
    result = Faithful("faithful", FaithfulSettings())(judged)
    assert all(math.isnan(values[0]) or name == "faithful.other_language" for name, values in result.scores.items())
    assert result.keep.tolist() == [True]


@pytest.mark.parametrize("language", [None, "und", "de", "cmn_Hans"])
@pytest.mark.parametrize("rewrite", OTHERS)
@pytest.mark.parametrize("passage", OTHERS)
def test_other_languages_are_told_and_never_rejected(passage: str, rewrite: str, language: str | None) -> None:
    result = Faithful("faithful", FaithfulSettings())(batch([rewrite], passage, languages=[language]))
    assert result.keep.tolist() == [True]
    assert result.scores["faithful.other_language"].tolist() == [1]


@pytest.mark.parametrize("language", ["en", "eng_Latn", None, "und"])
def test_a_translation_is_not_measured_by_english_words(language: str | None) -> None:
    translations = Faithful("faithful", FaithfulSettings())(batch(OTHERS, PASSAGE, languages=[language] * len(OTHERS)))
    assert translations.keep.all()
    lost = Faithful("faithful", FaithfulSettings())(batch(["Owls hunt at night, and that is all."], PASSAGE, languages=[language]))
    assert (lost.keep.tolist(), lost.scores["faithful.other_language"].tolist()) == ([False], [0])


def agreements(check: str) -> list[bool]:
    """For each pair whether the check keeps it, as a rephrasing, just where it is marked as good."""
    rewrites, passages = [pair["rewrite"] for pair in PAIRS], [pair["passage"] for pair in PAIRS]
    verdicts, _ = build_cascade(filter_of([check])).judge(batch(rewrites, passages))
    return [(verdict == "keep") == (pair["mark"] == "good") for verdict, pair in zip(verdicts, PAIRS, strict=True)]


def test_the_verdict_agrees_with_marks_also_on_pairs_that_its_bounds_were_not_chosen_on() -> None:
    passages = list(dict.fromkeys(pair["passage"] for pair in PAIRS))
    agrees = agreements("faithful")
    others = [agreed for agreed, pair in zip(agrees, PAIRS, strict=True) if passages.index(pair["passage"]) % 2]
    # What docs/judging.md tells.
    assert (sum(agrees), len(agrees), sum(others), len(others)) == (40, 44, 18, 20)
    assert sum(agreements("facts")) == 24


@pytest.mark.timeout(60)
def test_a_text_of_blank_lines_has_no_points() -> None:
    assert not points_of("\n" * 1_000_000).points


@pytest.mark.timeout(60)
def test_a_long_text_takes_time_that_grows_with_its_length() -> None:
    scores_of("The seal swims. " * 12_000, "The seal swims. " * 12_000)
