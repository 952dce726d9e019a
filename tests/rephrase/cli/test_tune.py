from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
import yaml

from rephrase.cli.tune import choose, combine, sample_requests, tune
from rephrase.cli.tune_trials import Candidate, Trial, candidates
from rephrase.config.edit import write_args
from rephrase.config.file import load_run
from rephrase.errors import UserError
from rephrase.spark.stages.pipeline import run_stage
from tests.rephrase.spark.stages.test_rewrite import config, entries

__all__ = ["config"]


def trial(name: str, rate: float, kind: str = "k", **more) -> Trial:
    return Trial(name, (f"--{name}",), 1.0, rate, kind=kind, **more)


def test_the_best_must_beat_the_default_by_more_than_chance():
    default = trial("default", 100, "")
    assert choose([default, trial("a", 102)], 0.0) is None
    assert choose([default, trial("a", 108)], 0.1) is None
    assert choose([default, trial("a", 108), trial("b", 120)], 0.05).name == "b"
    both = combine([default, trial("a", 120), trial("b", 130), trial("c", 110, "other"), trial("d", 90, "third")])
    assert [t.name for t in both] == ["b", "c"]


def test_what_is_tried_depends_on_the_machine():
    names = {candidate.name for candidate in candidates(on_gpu=False)}
    assert "max-num-seqs 64" in names
    assert not any("fp8" in name for name in names)
    assert any(candidate.changes_outputs for candidate in candidates(on_gpu=True))


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
    assert write_args(str(path), args)
    before, after = yaml.safe_load(text), yaml.safe_load(path.read_text())
    assert after["engine"].pop("args") == args
    before["engine"].pop("args", None)
    assert after == before
    assert [line for line in text.splitlines() if "#" in line and "engine: {" not in line] == [
        line for line in path.read_text().splitlines() if "#" in line and "engine: {" not in line
    ]


def test_a_config_that_cannot_be_changed_line_by_line_is_left_alone(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("engine: {kind: vllm, model: m, args: [--old]}\n")
    assert not write_args(str(path), ["--new"])
    assert path.read_text() == "engine: {kind: vllm, model: m, args: [--old]}\n"


def test_settings_are_tried_on_the_runs_own_requests_and_the_best_is_written(config, tmp_path, spark, monkeypatch, capsys):
    path = config(documents=6, STAND_IN_SECONDS="1.5")
    run = load_run(str(path))
    with pytest.raises(UserError, match="run the shard stage first"):
        tune(run, str(path))
    run_stage("shard", run, spark)
    requests = sample_requests(run, 20)
    assert requests == sample_requests(run, 20)
    assert len(requests) == 20
    tried = [
        Candidate(name="bad", kind="seqs", machine="both", args=["--max-model-len", "none"]),
        Candidate(name="good", kind="seqs", machine="both", args=["--stand-in-seconds", "0.02"]),
    ]
    monkeypatch.setattr("rephrase.cli.tune.candidates", lambda **_: tried)
    trials = {t.name: t for t in tune(run, str(path), sample=20, write=True)}
    assert "invalid int value" in trials["bad"].failure
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tune: ")]  # each as soon as it is known
    assert [line.split(": ")[1] for line in lines[1:6]] == ["as configured", "bad", "good", "good, again", "as configured, again"]
    assert "tokens/s" in lines[3]
    assert trials["good"].tokens_per_second > 1.5 * trials["as configured"].tokens_per_second
    assert load_run(str(path)).engine.args == ["--stand-in-seconds", "0.02"]
    kept = json.loads((tmp_path / "out" / "stats" / "tune.json").read_text())
    assert [entry["name"] for entry in kept] == ["as configured", "bad", "good", "good, again", "as configured, again"]
    # On a machine with more GPUs than an executor has, it is an executor's engine that is tried.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6,7")

    def late(**_: object) -> list[Candidate]:
        monkeypatch.setattr("rephrase.cli.tune_trials.time", SimpleNamespace(monotonic=lambda: time.monotonic() + 3600))
        return tried

    monkeypatch.setattr("rephrase.cli.tune.candidates", late)
    tune(load_run(str(path), {"rewrite.executor": {"gpus": 2}}), str(path), sample=4)
    assert [entry["devices"] for entry in entries(tmp_path) if "start" in entry][-1] == "5,6"
    kept = json.loads((tmp_path / "out" / "stats" / "tune.json").read_text())
    assert [entry["failure"] for entry in kept] == ["", *["not tried: the time is up"] * 3]


def test_an_engine_on_gpus_is_tried_with_as_many_requests_as_its_tasks_keep_in_flight(config, spark, monkeypatch, capsys):
    run = load_run(str(config(documents=40)), {"engine.concurrency": 15, "rewrite.tasks_per_gpu": 4})
    run_stage("shard", run, spark)
    monkeypatch.setattr("rephrase.cli.tune.candidates", lambda **_: [])
    monkeypatch.setattr("rephrase.cli.tune._SAMPLE", 10)
    for devices, asked in (("5", "60 requests of this run, on 1 GPUs"), ("", "10 requests, on CPU")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
        tune(run, "unused", minutes=1)
        assert asked in capsys.readouterr().err


def test_only_vllm_can_be_tuned(tmp_path, config):
    path = config(documents=2)
    with pytest.raises(UserError, match="only a vllm engine has settings to tune"):
        tune(load_run(str(path), {"engine": {"kind": "echo"}}), str(path))
