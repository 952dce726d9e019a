from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest

from rephrase.config.run import Spark
from rephrase.engines.echo import EchoSettings
from rephrase.engines.endpoint import EndpointSettings
from rephrase.engines.replay import ReplaySettings
from rephrase.engines.vllm.engine import launch
from rephrase.engines.vllm.settings import VllmSettings, argument
from rephrase.errors import UserError
from rephrase.spark.runtime.session import LazySession


def vllm(model, **fields) -> VllmSettings:
    return VllmSettings(kind="vllm", model=str(model), **fields)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "there is no such model folder"),
        (lambda folder: folder.mkdir(), "the model folder has no config.json"),
        (lambda folder: (folder.mkdir(), (folder / "config.json").write_text("{")), "config.json cannot be read"),
    ],
)
def test_a_model_that_is_not_there_is_found_before_any_start(tmp_path, make, message):
    make(tmp_path / "model")
    settings = vllm(tmp_path / "model")
    for call in (settings.check, settings.open):
        with pytest.raises(UserError, match=rf"model: .*{message}.*\(give a folder"):
            call()


def test_the_echo_engine_says_that_it_is_no_model():
    echo = EchoSettings(kind="echo")
    assert "no model runs" in echo.notice
    assert "filter.checks=[finished]" in echo.notice_among(None)
    assert "filter.checks=[finished]" in echo.notice_among({"finished", "language"})
    assert echo.notice_among({"finished"}) == echo.notice_among({"parsed", "finished"}) == echo.notice, "that is set already"


def test_hub_ids_pass_and_urls_do_not():
    vllm("org/model").check()
    with pytest.raises(UserError, match="not from URLs"):
        vllm("s3://bucket/model").check()


def test_a_missing_vllm_is_found_where_tasks_run_on_this_machine(monkeypatch):
    monkeypatch.delitem(sys.modules, "vllm", raising=False)
    monkeypatch.setattr(sys, "path", [])
    vllm("org/model").check()
    with pytest.raises(UserError, match="vLLM is not installed on this machine"):
        vllm("org/model").check(here=LazySession(Spark(master="local[2]")).is_local)
    assert not LazySession(Spark(master="spark://somewhere:7077")).is_local


def test_what_is_wrong_with_the_other_engines_is_found_too(tmp_path, monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(UserError, match="SOME_KEY is not set"):
        EndpointSettings(kind="endpoint", url="https://api.example.com/v1", model="m", api_key_env="SOME_KEY").check()
    for url in ("http://[::1", "ftp://host/v1", "http://host:99999/v1"):
        with pytest.raises(UserError, match=r"not an http\(s\) URL"):
            EndpointSettings(kind="endpoint", url=url, model="m").check()
    for url in ("http://user:hidden@host/v1", "http://host/v1?key=hidden"):
        with pytest.raises(UserError, match="may be secret") as failure:
            EndpointSettings(kind="endpoint", url=url, model="m").check()
        assert "hidden" not in failure.value.line()
    with pytest.raises(UserError, match="no input files found"):
        ReplaySettings(kind="replay", path=str(tmp_path / "none")).check()


def test_the_server_is_started_as_configured(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    config = vllm(tmp_path, revision="main", max_model_len=512, gpu_memory_utilization=0.8, args=["--max-num-seqs", "8"], env={"A": "b"})
    made = launch(config, ["2", "3"])
    words = " ".join(made.arguments)
    assert "--performance-mode throughput" in words
    assert json.loads(made.arguments[made.arguments.index("--structured-outputs-config") + 1])["disable_any_whitespace"]
    for part in ("--tensor-parallel-size 2", "--max-model-len 512", "--gpu-memory-utilization 0.8", "--revision main", "--max-num-seqs 8"):
        assert part in words
    assert made.devices == ("2", "3")
    assert made.environment == (("A", "b"),)
    assert "--tensor-parallel-size" not in launch(config, ["2"]).arguments
    on_processor = launch(config)
    assert "VLLM_CPU_KVCACHE_SPACE" in dict(on_processor.environment)
    assert "--performance-mode" not in on_processor.arguments
    assert made.digest() != launch(config, ["0", "1"]).digest()
    assert made.digest() == launch(config.model_copy(update={"startup_timeout": 1.0, "batch_size": 1}), ["2", "3"]).digest()


def test_servers_that_share_an_executor_have_gpus_of_their_own(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    config = vllm(tmp_path, tensor_parallel=2)
    made = [launch(config, gpus) for gpus in (["0", "1"], ["2", "3"])]
    assert [server.devices for server in made] == [("0", "1"), ("2", "3")], "which become CUDA_VISIBLE_DEVICES"
    assert made[0].digest() != made[1].digest(), "each is a server of its own"
    assert made[0].compiled_digest() == made[1].compiled_digest(), "and one compiles for all"
    for server in made:
        assert " ".join(server.arguments).count("--tensor-parallel-size 2") == 1
    assert "--tensor-parallel-size" not in launch(vllm(tmp_path, tensor_parallel=1), ["3"]).arguments
    assert "--tensor-parallel-size 2" in " ".join(launch(config).arguments), "where nobody shares out GPUs, vLLM takes so many"


@pytest.mark.parametrize(
    ("args", "shared"),
    [
        ([], 8),
        (["--data-parallel-size", "2"], 4),
        (["-dp=8"], None),
        (["--pipeline_parallel_size=2", "-dp", "2"], 2),
        (["--data-parallel-size", "two"], 8),
    ],
)
def test_copies_and_pipelines_in_one_server_share_its_gpus(tmp_path, args, shared):
    (tmp_path / "config.json").write_text("{}")
    words = launch(vllm(tmp_path, args=args), [str(gpu) for gpu in range(8)]).arguments
    given = dict(itertools.pairwise(words)).get("--tensor-parallel-size")
    assert given == (shared and str(shared))


@pytest.mark.parametrize(
    "args", [["--tensor-parallel-size", "4"], ["-tp", "4"], ["--tensor_parallel_size=4"], ["--data-parallel-size", "2"]]
)
def test_two_ways_to_share_gpus_are_refused(args):
    vllm("org/model", args=args).check()
    vllm("org/model", tensor_parallel=2, args=["--max-num-seqs", "8"]).check()
    with pytest.raises(UserError, match=r"`tensor_parallel` and `-.*` in `args` both say how the GPUs are shared"):
        vllm("org/model", tensor_parallel=2, args=args).check()


def test_rows_name_the_model_briefly(tmp_path):
    assert vllm("org/model").model_name == "org/model"
    assert vllm(f"{tmp_path}/tiny/").model_name == "tiny"
    assert vllm(tmp_path, name="mine").model_name == "mine"


def test_server_arguments_are_understood_in_both_forms():
    assert argument(vllm("a/b", args=["--tokenizer", "c/d"]), "--tokenizer") == "c/d"
    assert argument(vllm("a/b", args=["--tokenizer=c/d"]), "--tokenizer") == "c/d"
    assert argument(vllm("a/b", args=["--tokenizer-mode", "auto"]), "--tokenizer") is None


def test_importing_the_engines_stays_light():
    heavy = ("aiohttp", "transformers", "tokenizers", "vllm", "torch", "jinja2")
    names = ("settings", "client", "connection", "replay", "endpoint", "prompts", "vllm.settings", "vllm.engine", "vllm.watchdog")
    modules = [f"rephrase.engines.{name}" for name in names]
    code = f"import sys, {', '.join(modules)}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
