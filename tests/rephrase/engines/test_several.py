"""Engines by name: what a caller may give, and which of them a step's name means."""

from __future__ import annotations

import pytest

from rephrase.engines.base import Completion, Engine, Identity
from rephrase.engines.echo import EchoSettings
from rephrase.engines.endpoint import EndpointSettings
from rephrase.engines.several import Engines, engines_of
from rephrase.errors import UserError

ECHO = {"kind": "echo"}
OTHER = {"kind": "replay", "path": "recorded"}


class Own(Engine):
    model, batch_size, concurrency, identity = "own", 1, 1, Identity("own 1")

    async def complete(self, requests):
        return [Completion("yes") for _ in requests]


@pytest.mark.parametrize(
    ("engine", "models"),
    [
        (ECHO, {"": "echo"}),
        (EchoSettings(kind="echo"), {"": "echo"}),
        (Own(), {"": "own"}),
        ({"writer": ECHO, "judge": OTHER}, {"writer": "echo", "judge": "recorded"}),
        ({"small": EchoSettings(kind="echo"), "large": Own()}, {"small": "echo", "large": "own"}),
        ({"kind": ECHO}, {"kind": "echo"}),
    ],
)
def test_one_engine_or_several_by_name_in_their_order(engine, models):
    engines = engines_of(engine)
    assert {name: settings.model_name for name, settings in engines.by_name.items()} == models
    assert engines.default.model_name == next(iter(models.values()))
    assert engines.find(None) is engines.default
    assert engines.are_several == (list(models) != [""])


def test_writer_is_the_default_wherever_it_stands():
    assert engines_of({"judge": ECHO, "writer": OTHER}).default.model_name == "recorded"
    assert engines_of({"label": OTHER, "judge": ECHO}).default.model_name == "recorded"


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ({}, "the key `engine.kind` is missing"),
        ({"model": "m"}, "the key `engine.kind` is missing"),
        ({"writer": ECHO, "judge": {"kind": "ehco"}}, r"engines, judge: `engine.kind`: unknown engine `ehco` \(did you mean `echo`"),
        ({"writer": ECHO, "judge": 3}, "the key `engine.kind` is missing"),
        (Own, "is no engine"),
        (None, "None is no engine"),
    ],
)
def test_what_is_no_engine_is_told(engine, message):
    with pytest.raises(UserError, match=message):
        engines_of(engine)


def test_a_name_that_no_engine_has_is_told_with_the_nearest():
    several = engines_of({"writer": ECHO, "judge": OTHER})
    assert several.find("judge").model_name == "recorded"
    with pytest.raises(UserError, match=r"there is no engine `jugde` \(did you mean `judge`\?\)"):
        several.find("jugde")
    for name in ("judge", ""):
        with pytest.raises(UserError, match=r"there is no engine `.*` \(list engines by name under `engines`"):
            engines_of(ECHO).find(name)


def test_what_is_wrong_with_one_of_several_is_told_with_its_name():
    broken = EndpointSettings(kind="endpoint", url="ftp://host", model="m")
    with pytest.raises(UserError, match=r"^engines\.judge, ftp://host: not an http\(s\) URL"):
        Engines({"writer": EchoSettings(kind="echo"), "judge": broken}).check()
    with pytest.raises(UserError, match=r"^ftp://host: "):
        Engines.alone(broken).check()
