"""infra/terraform: it parses, refers to what there is, and keeps its promises about work tables, keys and roles."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest

from rephrase.spark.stages.mix import exchange
from rephrase.spark.stages.rewrite.tasks import ANSWERS
from rephrase.spark.stages.shard.plan import ShardPlan
from tests.places import ROOT

FOLDER = ROOT / "infra/terraform"
MODULES = sorted(path.parent.name for path in FOLDER.glob("*/main.tf"))


def text_of(module: str) -> str:
    """Without comments."""
    return re.sub(r"(?m)(^|\s)#.*$", "", (FOLDER / module / "main.tf").read_text())


def declared(module: str) -> Iterator[tuple[str, ...]]:
    """(kind, labels) of each block of a module."""
    for kind, labels in re.findall(r'(?m)^(variable|resource|data|module|output|locals)((?: "[\w-]+")*) \{', text_of(module)):
        yield kind, *re.findall(r'"([\w-]+)"', labels)


def folder_of_module(module: str, name: str) -> str:
    """The folder that `module.NAME` stands for."""
    match = re.search(rf'module "{name}" \{{\s*source\s*= "\.\./([\w-]+)"', text_of(module))
    assert match, f"module.{name}"
    return match[1]


@pytest.mark.parametrize("module", MODULES)
def test_it_parses_and_refers_to_what_there_is(module: str) -> None:
    hcl2.loads((FOLDER / module / "main.tf").read_text())
    text, blocks = text_of(module), set(declared(module))
    names = {block[1] for block in blocks if block[0] == "variable"}
    assert set(re.findall(r"\bvar\.(\w+)", text)) == names, "variables that are used, and that there are"
    for kind, name in re.findall(r"(?<![\w.])(aws_\w+)\.(\w+)", re.sub(r"data\.aws_\w+\.\w+", "", text)):
        assert ("resource", kind, name) in blocks
    for kind, name in re.findall(r"\bdata\.(aws_\w+)\.(\w+)", text):
        assert ("data", kind, name) in blocks
    locals_block = "\n".join(re.findall(r"(?ms)^locals \{.*?^\}", text))
    for name in re.findall(r"\blocal\.(\w+)", text):
        assert re.search(rf"(?m)^  {name}\s*=", locals_block), name
    for name, output in re.findall(r"\bmodule\.(\w+)\.(\w+)", text):
        assert ("output", output) in set(declared(folder_of_module(module, name)))
    for path in re.findall(r"\$\{path\.module\}/([\w./-]+)", text):
        assert (FOLDER / module / path).is_file(), path


@pytest.mark.parametrize("module", [module for module in MODULES if module != "store"])
def test_the_store_is_given_what_it_wants(module: str) -> None:
    [call] = re.findall(r'(?ms)^module "store" \{(.*?)^\}', text_of(module))
    given = set(re.findall(r"(?m)^  (\w+)\s*=", call)) - {"source"}
    wanted = {block[1] for block in declared("store") if block[0] == "variable"}
    without_default = {
        name for name in wanted if "default" not in re.findall(rf'(?ms)^variable "{name}" \{{(.*?)^\}}', text_of("store"))[0]
    }
    assert without_default <= given <= wanted


@pytest.mark.parametrize("module", MODULES)
def test_terraform_finds_it_valid(module: str, tmp_path: Path) -> None:
    tool = shutil.which("tofu") or shutil.which("terraform")
    if tool is None:
        pytest.skip("neither tofu nor terraform is on the PATH, and no package brings one: nothing has validated infra/terraform")
    shutil.copytree(FOLDER, tmp_path / "terraform")
    program: str = tool

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        place = tmp_path / "terraform" / module
        return subprocess.run([program, *words, "-no-color"], cwd=place, check=False, capture_output=True, text=True, timeout=300)

    begun = call("init", "-backend=false", "-input=false")
    if begun.returncode and re.search("Failed to query available provider|could not connect|Failed to install provider", begun.stderr):
        pytest.skip(f"{Path(tool).name} cannot have the provider hashicorp/aws here: nothing has validated infra/terraform/{module}")
    assert begun.returncode == 0, begun.stderr
    done = call("validate")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_terraform_finds_its_format_right(module: str) -> None:
    tool = shutil.which("tofu") or shutil.which("terraform")
    if tool is None:
        pytest.skip("neither tofu nor terraform is on the PATH, and no package brings one; with one, also run `tofu init && tofu validate`")
    done = subprocess.run([tool, "fmt", "-check", "-diff", str(FOLDER / module)], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_lifecycle_rules_are_of_work_tables_alone() -> None:
    [tables] = re.findall(r"work_tables = \[(.*?)\]", text_of("store"))
    extracted = ShardPlan.extracted.fget  # type: ignore[attr-defined]  # a property, asked of a plan that has no more than an output
    place = extracted(type("Output", (), {"output": "s3://bucket/run"})())
    ours = {place.removeprefix("s3://bucket/run/"), ANSWERS, f"mixture/{exchange._FOLDER}"}
    assert set(re.findall(r'"([\w/]+)"', tables)) == ours


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*.json")), ids=lambda path: path.name)
def test_json_is_json(path: Path) -> None:
    data: Any = json.loads(path.read_text())
    if path.name.endswith("configurations.json"):
        assert {"Classification", "Properties"} <= set.intersection(*[set(each) for each in data])


def test_gpus_are_parted_where_the_bootstrap_action_mounts_them() -> None:
    configured = (FOLDER / "emr-ec2/gpu-configurations.json").read_text()
    script = (FOLDER / "emr-ec2/bootstrap.sh").read_text()
    [place] = set(re.findall(r'"(?:root|yarn.nodemanager.linux-container-executor.cgroups.mount-path)": "([^"]+)"', configured))
    assert f"mount -t cgroup -o devices cgroupv1-devices {place}/devices" in script
    assert f"/{'opt/rephrase/infra/gpu-discovery.sh'}" in script
    assert subprocess.run(["bash", "-n", str(FOLDER / "emr-ec2/bootstrap.sh")], check=False).returncode == 0


def test_pools_have_the_labels_and_taints_that_the_operator_asks_for() -> None:
    text = text_of("emr-eks")
    asked = set(re.findall(r"rephrase(?:/|~1)(pool|spot)", "".join(path.read_text() for path in (ROOT / "infra/operator").rglob("*.yaml"))))
    assert asked == {"pool", "spot"}
    assert '"rephrase/pool" = each.key' in text
    assert '["rephrase/spot"]' in text
    assert '["nvidia.com/gpu"]' in text
