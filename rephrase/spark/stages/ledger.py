"""`_stage.json`: what a stage's table means. A rerun that means something else refuses instead of mixing two tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from rephrase import __version__, storage
from rephrase.errors import UserError
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.base import Table
from rephrase.spark.stages.meaning import Meaning, plain

Result = TypeVar("Result")

_NAME = "_stage.json"
_MOST = 6  # differences that are named

_REUSE = "write to another `output`; there `rewrite: {reuse: [<this output>/generations]}` takes over the completions of equal requests"
_REPLACE = "`--replace` makes it again, and no completion is asked for again; or write to another `output`"


def claim(folder: str, table: Table, meaning: Meaning) -> None:
    """Say that `folder` holds the table under these settings, or check that it does.

    A note of an earlier version of rephrase will do where it means the same: its digest stays, and so do those that later stages noted.
    Raises `UserError`, which names the settings that differ from those the folder was started with, or says that rows of an earlier
    version mean something else.
    """
    note = {
        "stage": table.stage,
        "version": __version__,
        "stage_version": table.version,
        "digest": meaning.digest(table.version),
        "meaning": plain(meaning.content),
    }
    if storage.create(storage.join(folder, _NAME), orjson.dumps(note, option=orjson.OPT_INDENT_2)):
        return
    before = stage_note(folder)
    if not _same(before, table, meaning):
        raise _refusal(folder, before, table, meaning)


def replace_other(folder: str, table: Table, meaning: Meaning, begin: Callable[[], Result]) -> Result | None:
    """Remove what another config made in `folder`. Returns what `begin` gave, or None where nothing had to go.

    `begin` is called first: it must raise where the new work cannot be done, so that a mistake does not cost what is there.
    """
    before = note_of(folder)
    if not before or _same(before, table, meaning):
        return None
    begun = begin()
    console.print(f"{table.stage}: made again by the config as it is now")
    remove_stage(folder)
    return begun


def remove_stage(folder: str) -> None:
    """Remove a stage's folder in an order that a crash may cut anywhere.

    What is left is never taken for complete, nor for the work of other settings.
    """
    for file in list(storage.list_files(folder)):
        name = storage.name_of(file.path)
        if name.startswith("_") and name != _NAME:  # says that all is there
            storage.delete(file.path)
    storage.remove_folder(folder, last=_NAME)


def stage_note(folder: str) -> dict[str, Any]:
    """What `claim` wrote about a folder: stage, version (of rephrase), stage_version (of the rows), digest and meaning.

    Raises `UserError` if it holds no stage.
    """
    try:
        note: dict[str, Any] = orjson.loads(storage.read(storage.join(folder, _NAME)))
    except FileNotFoundError as error:
        raise UserError("this folder holds no finished stage", where=folder, cure="run the stages in order, or `rephrase run`") from error
    return {"stage_version": 1, **note}  # version 0.1.0 of rephrase did not write it


def note_of(folder: str) -> dict[str, Any]:
    """The same, or nothing where the folder holds no stage."""
    return stage_note(folder) if storage.exists(storage.join(folder, _NAME)) else {}


def _same(before: dict[str, Any], table: Table, meaning: Meaning) -> bool:
    # Digests are not compared: those of an earlier version may be made otherwise, and do not show a default that has changed.
    return bool(before["stage_version"] == table.version and meaning.spelled_out(before["meaning"]) == meaning.spelled_out())


def _refusal(folder: str, before: dict[str, Any], table: Table, meaning: Meaning) -> UserError:
    cure = table.cure or (_REPLACE if table.replaceable else _REUSE)
    if all(storage.name_of(file.path) == _NAME for file in storage.list_files(folder)):
        # Not done here: a driver of the other config may be starting.
        cure = "nothing was made yet: unless that config runs now, remove the folder"
    if before["stage_version"] != table.version:
        versions = f"version {before['stage_version']}, here {table.version}"
        what = f"rephrase {before['version']} made this folder, and the rows of its {table.stage} stage mean something else ({versions})"
        return UserError(what, where=folder, cure=f"{cure}; or go on with rephrase {before['version']}")
    differences = _differences(meaning.spelled_out(before["meaning"]), meaning.spelled_out())
    changed = "; ".join(differences[:_MOST]) + (f"; and {len(differences) - _MOST} more" if len(differences) > _MOST else "")
    return UserError(f"this folder holds the {table.stage} stage of another config: {changed}", where=folder, cure=cure)


def _differences(before: Any, now: Any, path: str = "") -> list[str]:
    if before == now:
        return []
    parts, other = _parts(before), _parts(now)
    if parts is None or other is None:
        return [f"`{path}` was {_short(before)}, is {_short(now)}"]
    if path.startswith("checks.") and parts.get("settings") != other.get("settings"):
        return _differences(parts.get("settings"), other.get("settings"), path)  # those by recipe have changed alike
    differences = [f"`{_below(path, key)}` is new" for key in sorted(other.keys() - parts.keys())]
    differences += [f"`{_below(path, key)}` is gone" for key in sorted(parts.keys() - other.keys())]
    differences += [d for key in sorted(parts.keys() & other.keys()) for d in _differences(parts[key], other[key], _below(path, key))]
    return differences or [f"`{path}` is in another order"]


def _parts(value: Any) -> dict[str, Any] | None:
    """What a mapping holds, or a list of things with names."""
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        return {str(item["name"]): item for item in value}
    return value if isinstance(value, dict) else None


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _short(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 80 else text[:77] + "…"
