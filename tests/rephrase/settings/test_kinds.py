"""Kinds are found by name, whoever registers them, and what is wrong in their settings keeps its place."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import SerializeAsAny, ValidationError

from classifiers.batch import Check
from classifiers.checks import checks
from rephrase.errors import UserError
from rephrase.settings.by_kind import ByKind
from rephrase.settings.kinds import Kinds, load_plugin
from rephrase.settings.section import Section
from tests.places import ROOT

SHAPES: Kinds[type[Section]] = Kinds("shape", ())


class Shape(Section):
    kind: str


@SHAPES.register("circle")
class Circle(Shape):
    kind: Literal["circle"]
    radius: float


class Drawing(Section):
    shapes: list[Annotated[SerializeAsAny[Shape], ByKind(SHAPES)]]


def test_a_section_is_of_the_class_that_its_kind_names():
    drawing = Drawing.model_validate({"shapes": [{"kind": "circle", "radius": 2}]})
    assert drawing.shapes == [Circle(kind="circle", radius=2)]
    assert drawing.model_dump() == {"shapes": [{"kind": "circle", "radius": 2.0}]}
    assert drawing.model_dump(exclude={"shapes": {0: {"radius"}}}) == {"shapes": [{"kind": "circle"}]}


@pytest.mark.parametrize(
    ("shape", "place", "kind"),
    [
        ({"kind": "circle", "radius": "wide"}, ("shapes", 0, "radius"), "float_type"),
        ({"kind": "circle", "radius": 1, "colour": "red"}, ("shapes", 0, "colour"), "extra_forbidden"),
        ({"kind": "cirkle"}, ("shapes", 0, "kind"), "user_error"),
        ({"radius": 1}, ("shapes", 0, "kind"), "missing"),
    ],
)
def test_errors_keep_their_place(shape, place, kind):
    with pytest.raises(ValidationError) as failure:
        Drawing.model_validate({"shapes": [shape]})
    [error] = failure.value.errors()
    assert (error["loc"], error["type"]) == (place, kind)


def test_the_nearest_name_is_told():
    with pytest.raises(UserError, match=r"unknown shape `cirkle`.*did you mean `circle`"):
        SHAPES.find("cirkle")


def test_one_name_is_for_one_kind():
    with pytest.raises(UserError, match="two packages register the shape `circle`"):
        SHAPES.add("circle", Drawing)
    SHAPES.add("circle", Circle)  # the same again is nothing new


def test_a_plugin_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "shapes_of_mine.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(UserError, match="the plugin `shapes_of_mine` cannot be imported: ModuleNotFoundError"):
        load_plugin("shapes_of_mine")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit(3)", "the plugin `shapes_of_mine` cannot be imported: SystemExit: 3"),
        ("@engines.register('')\nclass Mine(EngineSettings): ...", "`shapes_of_mine` .*has no name, but ''"),
        ("engines.add(3, EngineSettings)", "`shapes_of_mine` .*has no name, but 3"),
        ("@engines.register('mine')\nclass Mine: ...", "the engine `mine`, shapes_of_mine.Mine, is no subclass of .*EngineSettings"),
        ("engines.add('mine', 'Mine')", "`shapes_of_mine` .*the engine `mine`, .* is no subclass"),
        ("@engines.register('mine')\nclass Mine(EngineSettings): ...", "shapes_of_mine.Mine, lacks `model_name`, `open`"),
        ("@readers.register('mine')\nclass Mine(Reader): ...", "the input format `mine`, shapes_of_mine.Mine, lacks `read`"),
        (
            "@readers.register('mine')\nclass Mine(Reader):\n  Settings = dict\n  def read(self, file, config): ...",
            "shapes_of_mine.Mine, has no class `Settings`",
        ),
        (
            "@readers.register('jsonl')\nclass Mine(Reader):\n  def read(self, file, config): ...",
            "the plugin `shapes_of_mine` .*register the input format `jsonl`: rephrase.readers.jsonl.* and shapes_of_mine.Mine",
        ),
    ],
)
def test_what_a_plugin_registers_wrongly_is_told_with_its_module(code, message, tmp_path: Path):
    """In a process of its own, where none of the shipped kinds is loaded yet."""
    imports = "from rephrase.engines.settings import EngineSettings, engines\nfrom rephrase.readers.registry import Reader, readers\n"
    (tmp_path / "shapes_of_mine.py").write_text(imports + code)
    load = "from rephrase.settings.kinds import load_plugin; load_plugin('shapes_of_mine')"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-c", load], env=environment, capture_output=True, text=True, timeout=60, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("rephrase.errors.UserError: plugins: "), done.stderr
    assert re.search(message, last), last


def test_a_check_has_a_class_of_settings():
    class Mine(Check):
        def score(self, batch): ...
        def decide(self, scores): ...

    with pytest.raises(UserError, match=r"the check `mine`, .*Mine, has no class `Settings`"):
        checks.add("mine", Mine)
