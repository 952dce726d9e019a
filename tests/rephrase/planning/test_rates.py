"""Which rate a plan reckons with: the run's own where its engine was full, that of `tune`, a published one, or any at all."""

from __future__ import annotations

import orjson
import pytest

from rephrase import storage
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.notes import EngineFigures, GenerationsNote
from rephrase.planning.rates import Rate, published, rate_of


def run_of(output: object, model: str, **engine: object) -> Run:
    settings = {"kind": "vllm", "model": model, "concurrency": 8, **engine}
    return Run.model_validate({"output": str(output), "tokenizer": "t.json", "engine": settings, "recipes": ["wrap/easy"]})


def notes(model: str, requests: int) -> list[GenerationsNote]:
    """Two units side by side on one server, which starts for 30 s and writes 1,000 tokens in 10 s; half of the first was there."""
    figures = EngineFigures(server="a", ready=130.0)
    common = {"model": model, "requests": requests // 2, "started": 100.0, "engine": figures}
    first = GenerationsNote(**common, completion_tokens=800, reused_tokens=400, reused=1, ended=138.0)
    return [first, GenerationsNote(**common, completion_tokens=600, ended=140.0)]


def rate(run: Run, own: list[GenerationsNote]) -> Rate | None:
    assert run.engine is not None
    return rate_of(run, run.engine, own, "the trial pilot-9")


def test_a_full_engines_own_rate_is_taken_first_and_that_of_one_which_was_not_full_last(tmp_path):
    run = run_of(tmp_path, "Qwen/Qwen3-4B-Instruct-2507", tensor_parallel=2)
    full = rate(run, notes("Qwen/Qwen3-4B-Instruct-2507", 40))
    assert full == Rate(1000 / (2 * 10), "measured by the trial pilot-9")
    few = rate(run, notes("Qwen/Qwen3-4B-Instruct-2507", 20))
    assert few.tokens_per_second == pytest.approx(7919 * 0.44)
    unknown = rate(run_of(tmp_path, "mine/model", tensor_parallel=2), notes("mine/model", 20))
    assert unknown.tokens_per_second == full.tokens_per_second
    assert "too few requests to fill the engine" in unknown.source
    assert rate(run_of(tmp_path, "mine/model"), []) is None
    as_many_as_fill = rate(run_of(tmp_path, "mine/model", concurrency=None, tensor_parallel=2), notes("mine/model", 40))
    assert "too few requests to fill the engine" in as_many_as_fill.source, "512 where the config does not say"


def test_what_tune_measured_holds_for_the_engine_as_it_is_now(tmp_path):
    trials = [
        {"model": "mine/model", "gpus": 4, "engine_args": args, "tensor_parallel": None, "tokens_per_second": tokens}
        for args, tokens in (([], 4000.0), (["--fast"], 8000.0), ([], 4400.0), (["--broken"], 0.0))
    ]
    storage.put(storage.join(str(tmp_path), "stats", "tune.json"), orjson.dumps([*trials, {"tokens_per_second": 1.0}]))
    assert rate(run_of(tmp_path, "mine/model"), []).tokens_per_second == 1100
    assert rate(run_of(tmp_path, "mine/model", args=["--fast"]), []).tokens_per_second == 2000
    assert rate(run_of(tmp_path, "mine/model", args=["--broken"]), []) is None
    assert rate(run_of(tmp_path, "other/model"), []) is None


@pytest.mark.parametrize(
    "content", [b"", b'[{"model":', b"[1]", b"3", b'[{"model": "mine/model"}]', b'[{"model": "mine/model", "tokens_per_second": "x"}]']
)
def test_what_tune_did_not_write_is_named(tmp_path, content):
    storage.put(storage.join(str(tmp_path), "stats", "tune.json"), content)
    with pytest.raises(UserError, match=r"tune\.json: not what `rephrase tune` has measured"):
        rate(run_of(tmp_path, "mine/model"), [])


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("HuggingFaceTB/SmolLM2-1.7B-Instruct", "SmolLM2-1.7B"),
        ("google/gemma-3-1b-it", "gemma-3-1b"),
        ("Qwen/Qwen3-30B-A3B-Thinking-2507", "Qwen3-30B-A3B-Thinking"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", None),
        ("openai/gpt-oss-120b", "gpt-oss-120b"),
        ("Qwen/Qwen3-80B", None),
        ("Qwen3-8Bit/other", None),
    ],
)
def test_models_are_known_by_their_names(tmp_path, model, known):
    found = rate(run_of(tmp_path, model), [])
    expected = known and published()["models"][known]["default"] * published()["realised"]
    assert (found.tokens_per_second if found else None) == expected
    assert known is None or published()["source"] in found.source
