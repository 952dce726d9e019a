from __future__ import annotations

import pickle
from importlib.util import find_spec

import numpy as np
import orjson
import pytest

from classifiers.batch import JudgeBatch
from classifiers.cascade import build_cascade
from classifiers.checks import checks as kinds_of_checks
from classifiers.settings import Filter, filter_of
from rephrase.errors import UserError
from tests.classifiers.batches import REWRITE, SOURCE, batch
from tests.classifiers.texts import BAD, GOOD

DEFAULT = ["finished", "parsed", "chatter", "commentary", "leaked", "length", "repetition", "copied", "facts"]


def test_the_default_cascade():
    cascade = build_cascade(Filter())
    assert cascade.names == DEFAULT
    chatty = "Sure, here is the text in simpler words:\n\n" + REWRITE
    rows = batch(
        [REWRITE, REWRITE, None, chatty, "Too short.", REWRITE[:60] * 10, SOURCE, None, None],
        finish_reasons=["stop", "length", "stop", "stop", "stop", "stop", "stop", "stop", "error"],
        errors=[None, None, "parse:no_marker", None, None, None, None, None, "engine:timeout"],
    )
    verdicts, scores = cascade.judge(rows)
    assert verdicts == ["keep", "finished", "parsed", "chatter", "length", "repetition", "copied", "intermediate", "parsed"]
    assert scores[7] == {}
    assert scores[2] == {"finished": 1.0, "parsed": 0.0}
    assert scores[8] == {"parsed": 0.0}


def test_every_score_is_kept_for_rejected_rows():
    verdicts, scores = build_cascade(Filter()).judge(
        batch([REWRITE, "Sure! Here is a paraphrase:\n\n" + SOURCE], finish_reasons=["stop", "length"])
    )
    assert verdicts == ["keep", "finished"]
    assert scores[0].keys() == scores[1].keys()
    assert scores[1]["chatter.opening"] == 1
    assert scores[1]["copied"] > 0.8
    assert not any(np.isnan(value) for row in scores for value in row.values())


def test_the_listed_order_decides_and_others_do_not_run():
    rows = batch(["Too short."], finish_reasons=["length"])
    assert build_cascade(filter_of(["length", "finished"])).judge(rows)[0] == ["length"]
    verdicts, scores = build_cascade(filter_of(["finished"])).judge(rows)
    assert verdicts == ["finished"]
    assert scores == [{"finished": 0.0}]


def test_rows_without_text_are_never_kept():
    rows = batch([None, " ", None], errors=["parse:x", None, None])
    assert build_cascade(filter_of(["finished"])).judge(rows)[0] == ["parsed", "parsed", "intermediate"]
    assert build_cascade(filter_of([])).judge(batch([None, "x"], errors=["parse:x", None]))[0] == ["parsed", "keep"]


def test_no_rows():
    assert build_cascade(Filter()).judge(batch([])) == ([], [])


def settings_of(cascade, recipe: str, place: int = 0) -> dict:
    return cascade.checks(recipe)[place].settings.model_dump()


def test_defaults_differ_by_recipe():
    cascade = build_cascade(Filter())
    length = DEFAULT.index("length")
    assert settings_of(cascade, "wrap/hard", length)["max_ratio"] == 3
    assert settings_of(cascade, "wrap/qa", length)["max_ratio"] == 4
    assert settings_of(cascade, "mind/debate", length)["min_tokens"] == 50
    assert settings_of(cascade, "entigraph/relations", length)["min_ratio"] is None
    assert settings_of(cascade, "my/own", length)["max_ratio"] == 4


def test_partial_settings_are_merged_over_the_defaults():
    cascade = build_cascade(
        filter_of([{"length": {"max_ratio": 9, "recipes": {"mind/*": {"min_tokens": 70}, "mind/debate": {"max_ratio": 20}}}}])
    )
    assert settings_of(cascade, "my/own") == {
        "min_ratio": 0.1,
        "max_ratio": 9,
        "min_words": 10,
        "max_words": None,
        "min_tokens": None,
        "max_tokens": None,
    }
    assert settings_of(cascade, "wrap/easy")["max_ratio"] == 9  # what the user writes wins over the defaults of recipes
    assert settings_of(cascade, "wrap/easy")["min_ratio"] == 0.2
    assert settings_of(cascade, "mind/interview")["min_tokens"] == 70
    assert settings_of(cascade, "mind/interview")["max_ratio"] == 9
    assert settings_of(cascade, "mind/debate")["max_ratio"] == 20


def test_rows_of_many_recipes_in_one_batch():
    checks = [{"copied": {"max": None, "recipes": {"b/*": {"max": 0.5}}}}]
    rows = batch([SOURCE] * 600, recipes=["a/x", "b/y", "b/z"] * 200)
    assert build_cascade(filter_of(checks)).judge(rows)[0] == ["keep", "copied", "copied"] * 200


def test_verdicts_do_not_depend_on_the_company_of_a_row():
    texts = [REWRITE, SOURCE, None, REWRITE * 3, "x", REWRITE + "\n\nI hope this helps!", "日本語の文章です。" * 20, "word " * 300_000] * 40
    texts = texts[:41]
    sources = [SOURCE, "", "日本語の別の文章。", REWRITE] * 11
    cascade = build_cascade(Filter())
    together = cascade.judge(batch(texts, sources[:41]))
    alone = [cascade.judge(batch([text], [source])) for text, source in zip(texts, sources, strict=False)]
    assert together == ([verdicts[0] for verdicts, _ in alone], [scores[0] for _, scores in alone])


def test_odd_texts_do_not_fail():
    texts = ["\ud800", "\0\0", "\x85", "\U0001f600" * 300, "a\u0301" * 500, "|-|-|\n" * 300, "İ" * 99]
    assert len(build_cascade(Filter()).judge(batch(texts, ["\udfff", "", *texts[:5]]))[0]) == len(texts)


def test_it_is_picklable_and_describes_itself(quality):
    cascade = build_cascade(filter_of(["finished", {"quality": {"model": quality.model}}]))
    rows = batch([" ".join(GOOD), " ".join(BAD)])
    before = cascade.judge(rows)
    copy = pickle.loads(pickle.dumps(cascade))
    assert copy.judge(rows) == before
    described = orjson.loads(orjson.dumps(cascade.describe()))
    assert described[1]["settings"]["min"] == quality.card.threshold
    assert described[1]["settings"]["model_digest"] == quality.card.digest
    assert described == copy.describe()
    assert cascade.describe() != build_cascade(filter_of(["finished", {"quality": {"model": quality.model, "min": 0.9}}])).describe()
    assert build_cascade(Filter()).describe() == build_cascade(filter_of(DEFAULT)).describe()


def test_quality_with_the_cards_threshold_and_with_bounds(quality):
    rows = batch([" ".join(GOOD), " ".join(BAD), None], errors=[None, None, None])
    verdicts, scores = build_cascade(filter_of([{"quality": {"model": quality.model}}])).judge(rows)
    assert verdicts == ["keep", "quality", "intermediate"]
    assert scores[0]["quality"] > 0.9
    assert scores[1]["quality"] < 0.1
    both = [
        {"quality": {"model": quality.model, "min": 0}},
        {"spam": {"use": "quality", "model": quality.model, "label": "__label__bad", "max": 0.4}},
    ]
    verdicts, scores = build_cascade(filter_of(both)).judge(rows)
    assert verdicts == ["keep", "spam", "intermediate"]
    assert scores[1]["spam"] > 0.9


def test_language(tmp_path):
    import fasttext

    lines = [f"__label__en the old tower and the sea {n}\n__label__de der alte turm und das meer {n}\n" for n in range(50)]
    (tmp_path / "train.txt").write_text("".join(lines))
    fasttext.train_supervised(str(tmp_path / "train.txt"), dim=5, epoch=50, lr=1.0, thread=1, verbose=0).save_model(
        str(tmp_path / "lid.bin")
    )
    cascade = build_cascade(filter_of([{"language": {"model": str(tmp_path / "lid.bin"), "min": 0.6}}]))
    rows = batch(["the old sea", "das alte meer", "das alte meer", "das alte meer"], languages=["en", "en", "de", None])
    verdicts, scores = cascade.judge(rows)
    assert verdicts == ["keep", "language", "keep", "keep"]
    assert scores[1] == {"language": 0.0}
    assert scores[3] == {}
    spelled = ["eng_Latn", "en-US", "English", "eng", "EN", "de", "deu_Latn", "und", "", "unknown", "mul"]
    rows = batch(["the old sea"] * len(spelled), languages=spelled)
    assert cascade.judge(rows)[0] == ["keep"] * 5 + ["language"] * 2 + ["keep"] * 4
    assert all(scores == {} for scores in cascade.judge(rows)[1][-4:])


@pytest.mark.parametrize(
    ("label", "tag"), [("eng_Latn", "en"), ("en", "eng"), ("zho_Hans", "zh"), ("cmn_Hans", "zh-CN"), ("nob_Latn", "no")]
)
def test_the_labels_of_a_language_model_are_spelled_in_any_way(label, tag, tmp_path):
    import fasttext

    lines = [f"__label__{label} the old tower and the sea {n}\n__label__xho_Latn der alte turm und das meer {n}\n" for n in range(50)]
    (tmp_path / "train.txt").write_text("".join(lines))
    fasttext.train_supervised(str(tmp_path / "train.txt"), dim=5, epoch=50, lr=1.0, thread=1, verbose=0).save_model(
        str(tmp_path / "lid.bin")
    )
    cascade = build_cascade(filter_of([{"language": {"model": str(tmp_path / "lid.bin"), "min": 0.6}}]))
    assert cascade.judge(batch(["the old sea", "das alte meer"], languages=[tag, tag]))[0] == ["keep", "language"]


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        (["repetiton"], "unknown check `repetiton` .did you mean `repetition`"),
        (["nothing like it"], "unknown check.*there are: finished, parsed"),
        ([{"length": {"max_ration": 2}}], "filter: unknown key `checks.0.length.max_ration` .did you mean `max_ratio`"),
        (
            [{"length": {"max_ratio": -1}}],
            "max_ratio`: should be greater than 0, not -1 .`rephrase config checks.length",
        ),
        ([{"copied": {"recipes": {"wrap/qa": {"maxi": 1}}}}], "unknown key `checks.0.copied.recipes.wrap/qa.maxi` .did you mean `max`"),
        ([{"copied": {"recipes": {"wrap/qa": 0.5}}}], "`recipes` is a mapping"),
        (["length", {"length": {}}], "listed twice"),
        (["quality"], "the key `checks.0.quality.model` is missing"),
        ([{"quality": {"model": "no-such.bin"}}], "no-such.bin: there is no such model, and no card.*check the path; or set `min`"),
    ],
)
def test_faults_are_named(checks, message):
    with pytest.raises(UserError, match=message):
        build_cascade(filter_of(checks))


def test_each_kind_keeps_its_contract(quality, topics_encoder, tmp_path):
    rows: JudgeBatch = batch([REWRITE, None, ""], errors=[None, "x", None])
    (tmp_path / "quiz.jsonl").write_bytes(orjson.dumps({"question": SOURCE}))
    needed = {
        "language": {"model": quality.model, "min": 0.5},
        "quality": {"model": quality.model, "min": 0.5},
        "encoder": {"model": topics_encoder, "label": "law", "min": 0.5},
        "ensemble": {"models": [quality.model] * 2, "of": "score", "min": 0.5},
        "contamination": {"benchmarks": [{"name": "quiz", "paths": str(tmp_path / "quiz.jsonl")}]},
        "datatrove": {"filter": "RegexFilter", "arguments": {"regex_exp": "reef"}},
    }
    elsewhere = {"similarity", "perplexity"} | ({"datatrove"} if find_spec("datatrove") is None else set())  # need other packages
    kinds = {name: kind for name, kind in kinds_of_checks.items() if name not in elsewhere}
    for name, kind in kinds.items():
        check = kind(name, kind.Settings(**needed.get(name, {})))
        result = check(rows)
        assert check.name == name
        assert result.keep.dtype == np.bool_
        assert result.keep.shape == (3,)
        assert all(
            key.split(".")[0] == name and values.dtype == np.float64 and values.shape == (3,) for key, values in result.scores.items()
        )
