"""Python code beside a model runs where the config says so in one key, and nowhere else."""

from __future__ import annotations

import json
import shutil

import pytest

from classifiers.encoder.folder import encoder_folder
from classifiers.encoder.network import load_network
from rephrase.engines.endpoint import EndpointSettings
from rephrase.engines.prompts import ChatPrompter
from rephrase.engines.vllm.engine import launch
from rephrase.engines.vllm.settings import VllmSettings
from rephrase.errors import UserError
from tests.tiny_model import make_tokenizer

_TOKENIZER = """\
from pathlib import Path
from transformers import PreTrainedTokenizerFast
Path({marker!r}).touch()
class Own(PreTrainedTokenizerFast):
    pass
"""


@pytest.fixture
def marker(tmp_path):
    """A file that is there once the code of a model has run."""
    return tmp_path / "ran"


@pytest.fixture
def folder(tmp_path, marker, monkeypatch):
    """A model whose tokenizer is Python code."""
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    path = make_tokenizer(tmp_path / "model")
    settings = json.loads((path / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": [None, "own.Own"]}}
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    (path / "own.py").write_text(_TOKENIZER.format(marker=str(marker)))
    (path / "config.json").write_text("{}")
    return path


def vllm(folder, **fields):
    return VllmSettings(kind="vllm", model=str(folder), **fields)


def test_it_is_refused_without_a_question_and_runs_where_it_is_trusted(folder, marker, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("nobody is asked"))
    for make in (lambda: ChatPrompter(str(folder)), vllm(folder).prompt_counter, endpoint(folder).prompt_counter):
        with pytest.raises(UserError, match=r"Python code that lies beside the model.*trust_remote_code: true"):
            make()
    assert not marker.exists()
    assert vllm(folder, trust_remote_code=True).prompt_counter() is not None
    assert marker.exists()


def endpoint(folder):
    return EndpointSettings(kind="endpoint", url="http://127.0.0.1:1/v1", model="m", tokenizer=str(folder))


@pytest.mark.parametrize(
    "args",
    [
        ["--trust-remote-code"],
        ["--trust_remote_code"],
        ["--trust-remote-code=true"],
        ["--max-num-seqs", "8", "--trust"],
        ["--tr"],
        ["--no-trust-remote-code"],
    ],
)
def test_the_server_s_bare_argument_is_refused_with_its_cure(folder, args):
    config = vllm(folder, args=args)
    for call in (config.check, config.open):
        with pytest.raises(UserError, match=r"would have the server run Python code.*set `trust_remote_code: true`"):
            call()


def test_the_key_becomes_the_argument(folder):
    assert "--trust-remote-code" in launch(vllm(folder, trust_remote_code=True)).arguments
    assert "--trust-remote-code" not in launch(vllm(folder)).arguments
    vllm(folder, args=["--tokenizer-mode", "auto", "--no-enable-prefix-caching"]).check()


@pytest.mark.parametrize(
    ("args", "cure"),
    [(["--hf-token", "hidden"], "HF_TOKEN"), (["--api-key=hidden"], "take it out"), (["--config", "server.yaml"], "write the file's")],
)
def test_keys_and_files_of_arguments_stand_in_no_command_line(folder, args, cure):
    with pytest.raises(UserError, match=cure) as failure:
        vllm(folder, args=args).check()
    assert "hidden" not in failure.value.line()


def test_an_encoder_s_code_is_never_run(tmp_path, folder, marker, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("nobody is asked"))
    encoder = tmp_path / "encoder"
    shutil.copytree(folder, encoder)
    (encoder / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}))
    (encoder / "model.safetensors").touch()
    with pytest.raises(UserError, match=r"Python code that lies beside its weights, which is never run"):
        load_network(encoder_folder(str(encoder)), "cpu")
    assert not marker.exists()
