"""Problems of reasoning-gym, a library of generators with levels and scorers, which runs in a process of its own."""

from __future__ import annotations

import functools
import logging
import re
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from rephrase.errors import UserError
from rephrase.problems.base import Place, Problem
from rephrase.verifiers.children import Children
from rephrase.verifiers.sandbox import check_machine

_PACKAGE = "reasoning-gym"
_CURE = "pip install 'rephrase[procedural]', or name tasks of ours alone: `tasks: ours/*`"
_LONGEST = 20_000  # characters of an answer; the longest right ones, grids of numbers, have some thousands

_log = logging.getLogger(__name__)
_children = Children(Path(__file__).with_name("gym_child.py"), _PACKAGE, _CURE, seconds=120.0)


@functools.cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(files("rephrase.problems").joinpath("gym.yaml").read_text(encoding="utf-8"))
    return table


@functools.cache
def gym_tasks() -> dict[str, int]:
    """The tasks that are used, with the highest level of each. Needs no package."""
    return {f"{category}/{name}": level for category, levels in _table()["tasks"].items() for name, level in levels.items()}


def excluded_tasks() -> dict[str, str]:
    """The library's other tasks, and why they are not used."""
    reasons: dict[str, str] = _table()["excluded"]
    return reasons


def gym_version() -> str:
    """The version of the library that is installed; empty where there is none."""
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        return ""


def gym_problem(place: Place) -> Problem | None:
    """The problem of a place; None where its generator brings none about there.

    Raises `UserError` for parameters that the task does not have or take, and where the library or the sandbox is not there.
    """
    reply = _ask(place, {})
    if reply is None or "question" not in reply:
        reason = "no answer in time" if reply is None or "error" not in reply else reply["error"]
        if reply is not None and reply.get("settings") and place.parameters:
            what = f"the task does not take these parameters: {reason}"
            raise UserError(
                what, where=f"task `{place.task}`", cure="change its `parameters`; its config class in reasoning-gym has their names"
            )
        _log.warning("task %s, level %s, problem %s is left out: %s", place.task, place.level, place.index, reason)
        return None
    return Problem(place, reply["question"], reply["answer"])


def is_right_by_gym(problem: Problem, answer: str) -> bool:
    """Whether the task's scorer gives an answer the full score. An answer that it does not survive, or not in time, is wrong.

    Raises `UserError` where another version of the library is here than made the problem.
    """
    if not answer or len(answer) > _LONGEST or not _is_written_well(problem.place.task, answer):
        return False
    if problem.place.task in _table()["exact"]:
        return _plain(answer) == _plain(problem.answer)
    reply = _ask(problem.place, {"question": problem.question, "answer": answer})
    if reply is not None and reply.get("other"):
        cure = f"install the version of {_PACKAGE} on all machines that made the rows; here is {gym_version()}"
        raise UserError("the task gives another problem here than the row holds", where=f"task `{problem.place.task}`", cure=cure)
    return reply is not None and reply.get("right") is True


def _ask(place: Place, more: dict[str, str]) -> dict[str, Any] | None:
    if not gym_version():
        raise UserError(f"the package {_PACKAGE} is not installed", where=f"task `{place.task}`", cure=_CURE)
    check_machine()
    question = {"task": place.task, "level": place.level, "seed": place.seed, "index": place.index, "parameters": dict(place.parameters)}
    reply: dict[str, Any] | None = _children.ask({**question, **more})
    return reply


def _plain(answer: str) -> str:
    return " ".join(answer.replace(",", " , ").split()).casefold()


def _is_written_well(task: str, answer: str) -> bool:
    pattern = _table()["written"].get(task)
    return pattern is None or re.fullmatch(_table()["formula"] if pattern == "formula" else pattern, answer) is not None
