"""The public names of `rephrase`, `rephrase.spark` and `classifiers`: found lazily, documented, with examples that run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rephrase.config.file import load_run
from rephrase.spark.runtime.session import LazySession

ROOT = Path(__file__).parent.parent
DOORS = ("rephrase", "rephrase.spark", "classifiers")
NAMES = [(door, name) for door in DOORS for name in importlib.import_module(door).__all__]
OF_SPARK = [name for name in NAMES if name[0] == "rephrase.spark"]


@pytest.mark.parametrize("door", DOORS)
def test_a_door_offers_what_it_names_and_nothing_else(door: str) -> None:
    package = importlib.import_module(door)
    assert dir(package) == package.__all__ == sorted(package.__all__)
    with pytest.raises(ImportError):
        exec(f"from {door} import nothing_of_this_name")


def test_an_import_loads_no_room_behind_it() -> None:
    code = "import rephrase, rephrase.spark, classifiers, json, sys; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    ours = {name for name in json.loads(loaded) if name.split(".")[0] in ("rephrase", "classifiers")}
    assert ours == {*DOORS, "rephrase.lazy"}
    assert not {"pyarrow", "numpy", "pydantic", "pyspark"} & set(json.loads(loaded))


def examples_of(door: str, name: str) -> list[doctest.DocTest]:
    item = getattr(importlib.import_module(door), name)
    return [test for test in doctest.DocTestFinder(recurse=False).find(item, name, globs=globals_of(item)) if test.examples]


def globals_of(item: Any) -> dict[str, Any]:
    return dict(vars(inspect.getmodule(item)))


def run(door: str, name: str, **given: Any) -> None:
    tests = examples_of(door, name)
    assert tests, f"{door}.{name} has no example"
    for test in tests:
        test.globs.update(given)
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test)
        assert result.failed == 0


@pytest.mark.parametrize(("door", "name"), [name for name in NAMES if name not in OF_SPARK])
def test_each_name_has_an_example_that_runs(door: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    run(door, name)


@pytest.mark.parametrize(("door", "name"), OF_SPARK)
def test_each_name_of_spark_has_an_example_that_runs(
    door: str, name: str, spark: LazySession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import rephrase.spark

    config = {
        "output": str(tmp_path / "run"),
        "input": {"paths": [str(ROOT / "examples/crawl/notes.jsonl")]},
        "tokenizer": str(ROOT / "examples/tokenizer.json"),
        "engine": {"kind": "echo"},
        "recipes": ["wrap/easy"],
        "mix": {"components": [{"origin": "original", "share": 1}]},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(ROOT)
    run(door, name, spark=spark.get(), rewrite=rephrase.spark.rewrite, example=load_run(str(tmp_path / "run.yaml")))


@pytest.mark.parametrize(("door", "name"), NAMES)
def test_each_name_and_what_it_offers_has_a_docstring(door: str, name: str) -> None:
    item = getattr(importlib.import_module(door), name)
    assert inspect.getdoc(item)
    members = [member for key, member in vars(item).items() if not key.startswith("_")] if inspect.isclass(item) else []
    own = [member for member in members if inspect.isfunction(member) or isinstance(member, property | staticmethod | classmethod)]
    assert [member for member in own if not inspect.getdoc(member)] == []
