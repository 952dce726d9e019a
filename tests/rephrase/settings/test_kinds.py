"""Kinds are found by name, whoever registers them, and what is wrong in their settings keeps its place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import SerializeAsAny, ValidationError

from rephrase.errors import UserError
from rephrase.settings.kinds import ByKind, Kinds, load_plugin
from rephrase.settings.section import Section

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
        ({"kind": "circle", "radius": "wide"}, ("shapes", 0, "radius"), "float_parsing"),
        ({"kind": "circle", "radius": 1, "colour": "red"}, ("shapes", 0, "colour"), "extra_forbidden"),
        ({"kind": "cirkle"}, ("shapes", 0, "kind"), "user_error"),
        ({"radius": 1}, ("shapes", 0), "user_error"),
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
