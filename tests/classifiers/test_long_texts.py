"""Texts of one awkward character without end, as small models write them: each check reads them in time that grows with their length."""

from __future__ import annotations

import orjson
import pytest

from classifiers.cascade import build_cascade
from classifiers.configured import defaults
from classifiers.diversity import words_in
from classifiers.minhash import MinhashSettings, signatures
from classifiers.pii import scrub
from classifiers.settings import filter_of
from rephrase.readers.settings import StandIns
from tests.classifiers.batches import SOURCE, batch

SIZE = 200_000
AWKWARD = [
    *(
        " ",
        "\n",
        "\t",
        "\r\n",
        "*",
        "_",
        "#",
        "`",
        "-",
        ">",
        "(",
        "[",
        "]",
        "<",
        "<|",
        "{",
        ":",
        ".",
        "9",
        "1 ",
        "1.",
        "0-",
        '"',
        "'",
        "“",
        "«",
    ),
    *("„", "\u00a0", "。", "字", "\u0301", "@", "a@b.", "\n ", "\n_", "\n* ", "million ", "the passage ", "Okay, ", "İ", ' \n\t*_#`[9"“。'),
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("awkward", AWKWARD)
def test_no_check_stands_still(awkward, tmp_path):
    run = (awkward * (SIZE // len(awkward) + 1))[:SIZE]
    text = f"Answer: a{run}b"
    (tmp_path / "quiz.jsonl").write_bytes(orjson.dumps({"question": SOURCE}))
    quiz = {"contamination": {"benchmarks": [{"name": "quiz", "paths": str(tmp_path / "quiz.jsonl")}]}}
    verdicts, scores = build_cascade(filter_of([*defaults(), quiz])).judge(batch([text, SOURCE], [SOURCE, text]))
    assert len(verdicts) == len(scores) == 2
    assert len(scrub([text], StandIns())[0]) == 1
    assert signatures([text], MinhashSettings()).shape == (1, MinhashSettings().places)
    assert len(words_in([text]).counts) == 1


@pytest.mark.timeout(60)
def test_many_phrases_that_the_source_has_too_do_not_multiply():
    tags = "".join(f"<|token_{number}|> “a b c{number}” The text {number} is about. " for number in range(4000))
    assert len(build_cascade(filter_of([*defaults()])).judge(batch([tags], tags))[0]) == 1
