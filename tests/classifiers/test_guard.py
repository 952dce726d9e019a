"""Whatever a check raises on one text, that row is told and the others are judged."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from classifiers import Cascade, Check, build_cascade
from classifiers.batch import within
from classifiers.rejudge import rejudged
from classifiers.settings import filter_of
from rephrase.errors import UserError
from rephrase.records import JUDGED
from rephrase.settings.section import Section
from tests.classifiers.batches import REWRITE, batch


class Limits(Section):
    max: float = 0.5


class Brittle(Check):
    """Scores a text by what it says, and raises where it says so."""

    Settings = Limits
    raised: type[Exception] = RecursionError

    def score(self, batch):
        if any("boom" in (text or "") for text in batch.texts):
            raise self.raised("boom")
        return {self.name: np.array([float(text) if text else np.nan for text in batch.texts])}

    def decide(self, scores):
        return within(scores[self.name], None, self.settings.max)


class Unfit(Brittle):
    """Forgets a row where a text is odd."""

    def score(self, batch):
        return {self.name: np.zeros(len(batch) - sum("boom" in (text or "") for text in batch.texts))}


class Unready(Brittle):
    raised = UserError


def cascade_of(*checks: Check) -> Cascade:
    return Cascade((), {"wrap/medium": checks})


TEXTS = ["0.1", "0.9", "boom", None, "0.2"]


@pytest.mark.parametrize("kind", [Brittle, Unfit])
def test_a_row_on_which_a_check_fails_is_told_and_its_neighbours_are_judged(kind):
    cascade = cascade_of(kind("brittle", Limits()), Brittle("other", Limits()))
    verdicts, scores = cascade.judge(batch(TEXTS))
    rejected = ["keep", "brittle" if kind is Brittle else "other"]
    assert verdicts == [*rejected, "error:brittle", "intermediate", "keep"]
    error = "RecursionError" if kind is Brittle else "ValueError"
    assert scores[2] == {f"brittle.error.{error}": 1.0, "other.error.RecursionError": 1.0}
    assert scores[0].keys() == scores[4].keys() == {"brittle", "other"}


def test_an_earlier_rejection_stays_the_verdict():
    assert cascade_of(Brittle("a", Limits()), Unfit("b", Limits())).judge(batch(["0.9", "boom"]))[0] == ["a", "error:a"]
    assert cascade_of(build_cascade(filter_of(["length"])).checks("wrap/medium")[0], Brittle("a", Limits())).judge(batch(["boom"]))[0] == [
        "length"
    ]


def test_kept_scores_give_the_same_verdicts():
    cascade = cascade_of(Brittle("brittle", Limits()))
    verdicts, scores = cascade.judge(batch(TEXTS))
    rows = [
        {"id": str(n), "recipe": "wrap/medium", "step": "rewrite", "verdict": verdict, "scores": list(values.items()), "n_tokens": 1}
        for n, (verdict, values) in enumerate(zip(verdicts, scores, strict=True))
    ]
    assert rejudged(pa.Table.from_pylist(rows, schema=JUDGED), cascade).tolist() == verdicts


def test_what_is_wrong_with_a_check_is_raised():
    with pytest.raises(UserError):
        cascade_of(Unready("unready", Limits())).judge(batch(["0.1", "boom"]))


@pytest.mark.parametrize(("text", "keep"), [("inf", "brittle"), ("-inf", "keep"), ("1e308", "brittle"), ("nan", "keep")])
def test_scores_that_are_stored_are_finite(text, keep):
    verdicts, [scores] = cascade_of(Brittle("brittle", Limits())).judge(batch([text]))
    assert verdicts == [keep]
    assert all(np.isfinite(value) for value in scores.values())


def test_texts_that_change_their_length_in_lower_case_are_judged():
    texts = ["ı İ ſ ß ŉ ﬁ ǰ " * 200 + REWRITE, "İ" * 500, "I" * 500]
    verdicts, _ = build_cascade(filter_of(["chatter", "commentary", "leaked", "copied", "facts"])).judge(batch(texts, ["i" * 500] * 3))
    assert not any(verdict.startswith("error:") for verdict in verdicts)
