from __future__ import annotations

import pyarrow as pa
import pytest

from classifiers.cascade import build_cascade
from classifiers.rejudge import rejudged
from classifiers.settings import Filter, filter_of
from rephrase.records import JUDGED
from tests.classifiers.batches import REWRITE, SOURCE, batch

TEXTS = [
    REWRITE,
    REWRITE[:150],
    REWRITE * 5,
    SOURCE,
    f"{SOURCE} {REWRITE}",
    "Sure! Here is the text:\n\n" + REWRITE,
    "Short.",
    None,
    None,
    " ",
]
ROWS = batch(
    TEXTS * 2,
    finish_reasons=["stop", "length"] * 10,
    errors=([None] * 7 + ["parse:x", None, None]) * 2,
    recipes=["wrap/easy"] * 10 + ["mind/debate"] * 10,
)
CONFIGS = [
    None,
    ["finished", "parsed", "chatter", "leaked", {"length": {"max_ratio": 0.9}}, "repetition", "copied"],
    ["copied", {"length": {"min_words": 40, "recipes": {"wrap/*": {"min_words": 1}}}}],
    [{"copied": {"max": 0.3}}, "finished"],
    [{"repetition": {"compression": 1.2}}],
    ["parsed"],
]


def judged(config) -> pa.Table:
    cascade = build_cascade(filter_of(config))
    verdicts, scores = cascade.judge(ROWS)
    rows = [
        {"id": str(n), "recipe": recipe, "step": "rewrite", "verdict": verdict, "scores": list(found.items()), "n_tokens": 1}
        for n, (recipe, verdict, found) in enumerate(zip(ROWS.recipes, verdicts, scores, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=JUDGED)


@pytest.mark.parametrize("config", CONFIGS)
def test_kept_scores_give_the_verdicts_that_the_texts_would(config):
    assert list(rejudged(judged(None), build_cascade(filter_of(config)))) == judged(config).column("verdict").to_pylist()


def test_an_empty_table():
    assert list(rejudged(JUDGED.empty_table(), build_cascade(Filter()))) == []
