"""The process that makes problems of reasoning-gym and scores answers to them, shut in: some of its scorers evaluate what they are given.

A question is `{"task", "level", "parameters", "seed", "index"}`; the answer to it the problem. With `"question"` and `"answer"` in it, the
answer is whether the answer is right.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import os
import sys
import types
from collections.abc import Callable
from typing import Any

from rephrase.problems.base import Place
from rephrase.verifiers.serving import serve

_SECONDS = 2.0  # of processor time for a problem or an answer; most take milliseconds
_BLOCK = 100  # problems of one data set of the library, which draws the one of number i by its seed plus i


def _begin() -> Callable[[Any], Any]:
    # Only tasks that are left out use these: the first loads a library for drawings, for most of the time of a start, and the second is
    # not there where nothing can be compiled.
    for name in ("cellpylib", "pycosat"):
        sys.modules[name] = types.ModuleType(name)
    import reasoning_gym  # noqa: F401  # all forks have it

    return _reply


def _reply(question: dict[str, Any]) -> Any:
    place = Place(question["task"], question["level"], question["seed"], question["index"], question["parameters"])
    try:
        tasks = _data_set(place.task, place.level, place.written_parameters, place.draw(str(place.index // _BLOCK)))
        entry = _entry(tasks, place.index % _BLOCK)
    except (AssertionError, TypeError, ValueError) as error:
        return {"error": str(error) or type(error).__name__, "settings": True}
    except Exception as error:  # noqa: BLE001  # a problem that its generator does not bring about
        return {"error": f"{type(error).__name__}: {error}"}
    if "answer" not in question:
        return {"question": entry["question"], "answer": entry["answer"]}
    if entry["question"] != question["question"]:
        return {"other": True}
    try:
        return {"right": tasks.score_answer(question["answer"], entry) >= 1}
    except Exception as error:  # noqa: BLE001  # whatever an answer makes of a scorer, it is not shown to be right
        return {"right": False, "reason": f"{type(error).__name__}: {error}"}


@functools.lru_cache(maxsize=64)
def _data_set(task: str, level: int, parameters: str, seed: int) -> Any:
    from reasoning_gym.factory import DATASETS, create_curriculum, has_curriculum

    name = task.rpartition("/")[2]
    data_set, settings = DATASETS[name]
    config = settings(seed=seed, size=_BLOCK)
    if has_curriculum(name):
        curriculum = create_curriculum(name)
        curriculum.set_global_level(level)
        config = curriculum.generate_configuration({"seed": seed, "size": _BLOCK})
    config = dataclasses.replace(config, **json.loads(parameters))
    if hasattr(config, "validate"):
        config.validate()
    return data_set(config)


@functools.lru_cache(maxsize=16)
def _entry(tasks: Any, number: int) -> dict[str, Any]:
    entry: dict[str, Any] = tasks[number]
    return entry


def _folders() -> list[str]:
    """Where the library's words and boards are, which it reads when they are needed."""
    place = importlib.util.find_spec("reasoning_gym")
    return [os.path.dirname(place.origin)] if place is not None and place.origin else []


if __name__ == "__main__":
    serve(_begin, _SECONDS, {"lost": True}, _folders())
