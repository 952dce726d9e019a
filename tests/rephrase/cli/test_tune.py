from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace

import pytest
import yaml

from rephrase.cli.tune_load import steady_rates
from rephrase.cli.tune_trials import Bench, Candidate, Trial, candidates
from rephrase.cli.tuning import better_half, choose, combinations, sample_requests, tune
from rephrase.config.edit import write_engine
from rephrase.config.file import load_run
from rephrase.engines.base import Completion, Engine, Identity, Message, Request, Sampling
from rephrase.errors import UserError
from rephrase.notes import EngineFigures
from rephrase.spark.stages.pipeline import run_stage
from tests.rephrase.spark.stages.test_rewrite import config, entries

__all__ = ["config"]


def trial(name: str, *rates: float, kind: str = "k", **more) -> Trial:
    return Trial(Candidate(name=name, kind=kind, args=[f"--{name}"], **more), rates)


def test_the_best_must_beat_the_default_by_more_than_chance():
    default = trial("default", 100, 99, 101)
    assert choose([default, trial("a", 102, 102, 102)]) is None  # within the margin
    assert choose([default, trial("a", 120, 100, 125)]) is None  # one of its windows is no better than the default's best
    assert choose([default, trial("a", 110, 105, 112), trial("b", 120, 118, 125)]).candidate.name == "b"
    assert choose([Trial(default.candidate, failure="gone"), trial("a", 110)]) is None


def test_the_better_half_goes_on_and_is_combined_kind_by_kind():
    default = trial("default", 100)
    tried = [trial("a", 120), trial("b", 130), trial("c", 110, kind="other"), trial("d", 90, kind="third"), trial("e", 105, kind="third")]
    better = better_half([*tried, Trial(tried[0].candidate, failure="did not start")], default)
    assert [t.candidate.name for t in better] == ["b", "a", "c"]
    assert better_half([trial("slow", 90), trial("slower", 80)], default) == []
    fp8 = trial("e", 104, kind="third", changes="fp8")
    both = combinations([*better, fp8])
    assert [(c.name, c.args, c.changes) for c in both] == [
        ("b + c", ["--b", "--c"], None),
        ("b + c + e", ["--b", "--c", "--e"], "fp8"),
    ]


def test_what_is_tried_depends_on_the_machine_and_on_what_may_change():
    names = {candidate.name for candidate in candidates(gpus=0)}
    assert "max-num-seqs 128" in names
    assert not any("memory" in name for name in names)
    on_gpus = candidates(gpus=1)
    assert not any(candidate.changes for candidate in on_gpus)
    assert {candidate.changes for candidate in candidates(gpus=1, changes=["fp8"])} == {None, "fp8"}
    assert {"max-num-seqs 4096", "max-num-batched-tokens 32768", "memory 0.95"} <= {candidate.name for candidate in on_gpus}


class Steady(Engine):
    """Writes ten tokens a request, `at_once` requests side by side, each for a hundredth of a second."""

    model, identity, batch_size, concurrency = "steady", Identity("steady"), 4, 16

    def __init__(self, *, tells: bool) -> None:
        self.tells, self.written, self.now, self.most, self.prompts = tells, 0, 0, 0, []

    async def complete(self, requests):
        self.now += len(requests)
        self.most = max(self.most, self.now)
        self.prompts += [request.messages[0].content for request in requests]
        await asyncio.sleep(0.01)
        self.now -= len(requests)
        self.written += 10 * len(requests)
        return [Completion("x", "stop", 5, 10) for _ in requests]

    async def figures(self):
        return EngineFigures(generation_tokens=self.written if self.tells else None)


@pytest.mark.parametrize("tells", [True, False])
def test_a_load_keeps_the_queue_full_and_no_prompt_comes_twice(tells):
    engine = Steady(tells=tells)
    samplings = [Sampling(max_tokens=8), Sampling(max_tokens=9)]
    requests = [Request((Message("user", f"page {i}"),), samplings[i % 2]) for i in range(24)]
    rates, load = asyncio.run(steady_rates([engine], requests, 16, 0.1, 3))
    assert len(rates) == 3
    assert all(rate > 0 for rate in rates)
    assert engine.most == 16
    assert load.answers > len(requests)
    assert len(set(engine.prompts)) == len(engine.prompts)
    assert "1. page 0" in engine.prompts


def test_servers_of_one_model_share_the_load_and_their_tokens_are_added_up():
    engines = [Steady(tells=True), Steady(tells=True)]
    requests = [Request((Message("user", f"page {i}"),), Sampling()) for i in range(24)]
    [rate], _ = asyncio.run(steady_rates(engines, requests, 16, 0.2, 1))
    assert [engine.most for engine in engines] == [8, 8]
    assert not set(engines[0].prompts) & set(engines[1].prompts)
    written = sum(engine.written for engine in engines)
    assert written / 2 < rate * 0.2 <= written


def test_on_several_gpus_servers_on_fewer_of_them_are_tried():
    assert [c.tensor_parallel for c in candidates(gpus=8) if c.kind == "parallel"] == [1, 2, 4]
    assert not [c for c in candidates(gpus=1) if c.kind == "parallel"]


def test_a_load_ends_with_what_its_engine_raises():
    class Broken(Steady):
        async def complete(self, requests):
            raise UserError(f"{len(requests)} requests are too many")

    request = Request((Message("user", "page"),), Sampling())
    with pytest.raises(UserError, match="requests are too many"):
        asyncio.run(steady_rates([Broken(tells=True)], [request], 4, 5.0, 1))


@pytest.mark.parametrize(
    "text",
    [
        "output: out\nengine:  # mine\n  kind: vllm\n  model: m  # small\n\nrecipes: [wrap/easy]\n",
        'output: out\nengine:\n    model: m\n    args: ["--old", "1"]\n    kind: vllm\nrecipes: [x]\n',
        "engine:\n  args:\n    - --old\n    - '1'\n  kind: vllm\n  model: m\noutput: out\n",
        "engine: {kind: vllm, model: m}  # here\noutput: out\n",
    ],
)
def test_only_the_arguments_of_the_engine_change_in_the_config(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    args = ["--max-num-seqs", "64", "--speculative-config", '{"method": "ngram"}']
    assert write_engine(str(path), {"args": args, "tensor_parallel": 2})
    before, after = yaml.safe_load(text), yaml.safe_load(path.read_text())
    assert after["engine"].pop("args") == args
    assert after["engine"].pop("tensor_parallel") == 2
    before["engine"].pop("args", None)
    assert after == before
    assert [line for line in text.splitlines() if "#" in line and "engine: {" not in line] == [
        line for line in path.read_text().splitlines() if "#" in line and "engine: {" not in line
    ]


@pytest.mark.parametrize(
    "text",
    [
        "output: out\nengines:\n  writer: {kind: vllm, model: w}  # first\n  judge:\n    kind: vllm\n    model: j  # mine\nrecipes: [x]\n",
        'engines:\n    judge:  # mine\n        args: ["--old", "1"]\n        model: j\n    writer:\n        model: w\noutput: out\n',
        "engines:\n  judge: {kind: vllm, model: j}\n  writer: {kind: vllm, model: w}\noutput: out\n",
    ],
)
def test_only_the_arguments_of_one_of_the_engines_change(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    assert write_engine(str(path), {"args": ["--new", "2"]}, "judge")
    before, after = yaml.safe_load(text), yaml.safe_load(path.read_text())
    assert after["engines"]["judge"].pop("args") == ["--new", "2"]
    before["engines"]["judge"].pop("args", None)
    assert after == before
    assert path.read_text().count("#") == text.count("#")
    assert not write_engine(str(path), {"args": ["--new"]}, "nobody")
    assert not write_engine(str(path), {"args": ["--new"]})


def test_a_config_that_cannot_be_changed_line_by_line_is_left_alone(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("engine: {kind: vllm, model: m, args: [--old]}\n")
    assert not write_engine(str(path), {"args": ["--new"]})
    assert path.read_text() == "engine: {kind: vllm, model: m, args: [--old]}\n"


@pytest.mark.long
def test_settings_are_tried_on_the_runs_own_requests_and_the_best_is_written(config, tmp_path, spark, monkeypatch, capsys):
    path = config(documents=6, STAND_IN_SECONDS="0.25")
    run = load_run(str(path), {"engine.concurrency": 16})
    with pytest.raises(UserError, match="run the shard stage first"):
        tune(run, str(path))
    run_stage("shard", run, spark)
    requests = sample_requests(run, 20)
    assert requests == sample_requests(run, 20)
    assert len(requests) == 20
    tried = [
        Candidate(name="bad", kind="seqs", args=["--max-model-len", "none"]),
        Candidate(name="good", kind="seqs", args=["--stand-in-seconds", "0.02"]),
    ]
    monkeypatch.setattr("rephrase.cli.tuning.candidates", lambda **_: tried)
    trials = tune(run, str(path), sample=20, seconds=1, write=True)
    names = ["as configured", "bad", "good", "good", "as configured", "good"]
    assert [t.candidate.name for t in trials] == names
    assert "invalid int value" in trials[1].failure
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tune: ")]  # each as soon as it is known
    assert [line.split(": ")[1] for line in lines[1:7]] == names
    assert "tokens/s" in lines[3]
    assert [len(t.rates) for t in trials] == [1, 0, 1, 1, 3, 3]
    assert trials[5].rate > 1.5 * trials[4].rate
    assert load_run(str(path)).engine.args == ["--stand-in-seconds", "0.02"]
    kept = json.loads((tmp_path / "out" / "stats" / "tune.json").read_text())
    assert [entry["name"] for entry in kept] == names
    assert kept[-1]["engine_args"] == load_run(str(path)).engine.args, "a plan finds the rate of the engine as it is now"
    on_one = Candidate(name="tensor_parallel 1", kind="parallel", tensor_parallel=1)
    Bench(run.engine, sample_requests(run, 4), [], ("5", "6"), 16).measure(on_one, time.monotonic() + 600, seconds=0.2)
    assert {entry["devices"] for entry in entries(tmp_path) if "start" in entry} >= {"5", "6"}
    # On a machine with more GPUs than an executor has, it is an executor's engine that is tried.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6,7")

    def late(**_: object) -> list[Candidate]:
        monkeypatch.setattr("rephrase.cli.tune_trials.time", SimpleNamespace(monotonic=lambda: time.monotonic() + 3600))
        return tried

    monkeypatch.setattr("rephrase.cli.tuning.candidates", late)
    tune(load_run(str(path), {"rewrite.executor": {"gpus": 2}}), str(path), sample=4, seconds=0.2)
    assert [entry["devices"] for entry in entries(tmp_path) if "start" in entry][-1] == "5,6"
    kept = json.loads((tmp_path / "out" / "stats" / "tune.json").read_text())
    assert [entry["failure"] for entry in kept] == ["", *["not tried: the time is up"] * 2]


def test_an_engine_on_gpus_is_tried_with_as_many_requests_as_its_tasks_keep_in_flight(config, spark, monkeypatch, capsys):
    run = load_run(str(config(documents=40)), {"engine.concurrency": 15, "rewrite.tasks_per_gpu": 4})
    run_stage("shard", run, spark)
    monkeypatch.setattr("rephrase.cli.tuning.candidates", lambda **_: [])
    monkeypatch.setattr("rephrase.cli.tuning._SAMPLE", 10)
    for devices, asked in (("5", "of this run, 60 in flight, on 1 GPUs"), ("", "10 requests of this run, 15 in flight, on CPU")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
        tune(run, "unused", minutes=1, seconds=0.2)
        assert asked in capsys.readouterr().err


def test_only_vllm_can_be_tuned(tmp_path, config):
    path = config(documents=2)
    with pytest.raises(UserError, match="only a vllm engine has settings to tune"):
        tune(load_run(str(path), {"engine": {"kind": "echo"}}), str(path))
