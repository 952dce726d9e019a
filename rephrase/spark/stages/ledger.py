"""`_stage.json`: what a stage's table means. A rerun that means something else refuses instead of mixing two tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from rephrase import __version__, storage
from rephrase.errors import UserError
from rephrase.records import content_id
from rephrase.spark.runtime.progress import console

Result = TypeVar("Result")

_NAME = "_stage.json"
_MOST = 6  # differences that are named

_REUSE = "write to another `output`; there `rewrite: {reuse: [<this output>/generations]}` takes over the completions of equal requests"
_REPLACE = "`--replace` makes it again, and no completion is asked for again; or write to another `output`"
_CURES = {"documents": _REUSE, "screened": _REUSE, "generations": _REUSE, "judged": _REPLACE, "mixture": _REPLACE}  # by folder


def claim(folder: str, stage: str, meaning: dict[str, Any]) -> None:
    """Say that `folder` holds the stage's output under these settings, or check that it does.

    `meaning` holds only what changes the rows; never scheduling. Raises `UserError`, which names the settings that differ from those the
    folder was started with.
    """
    data = _plain(meaning)
    note = {"stage": stage, "version": __version__, "digest": digest(data), "meaning": data}
    if storage.create(storage.join(folder, _NAME), orjson.dumps(note, option=orjson.OPT_INDENT_2)):
        return
    before = stage_note(folder)
    if before["digest"] == note["digest"]:
        return
    found = _differences(before["meaning"], data) or ["the settings"]
    changed = "; ".join(found[:_MOST]) + (f"; and {len(found) - _MOST} more" if len(found) > _MOST else "")
    cure = _CURES.get(storage.name_of(folder), "put the setting back, write elsewhere, or remove the folder")
    if all(storage.name_of(file.path) == _NAME for file in storage.list_files(folder)):
        # Not done here: a driver of the other config may be starting.
        cure = "nothing was made yet: unless that config runs now, remove the folder"
    raise UserError(f"this folder holds the {stage} stage of another config: {changed}", where=folder, cure=cure)


def replace_other(folder: str, stage: str, meaning: dict[str, Any], begin: Callable[[], Result]) -> Result | None:
    """Remove what another config made in `folder`. Returns what `begin` gave, or None where nothing had to go.

    `begin` is called first: it must raise where the new work cannot be done, so that a mistake does not cost what is there.
    """
    before = note_of(folder)
    if not before or before["digest"] == digest(_plain(meaning)):
        return None
    begun = begin()
    console.print(f"{stage}: made again by the config as it is now")
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
    """What `claim` wrote about a folder: stage, version, digest and meaning. Raises `UserError` if it holds no stage."""
    try:
        note: dict[str, Any] = orjson.loads(storage.read(storage.join(folder, _NAME)))
    except FileNotFoundError as error:
        raise UserError("this folder holds no finished stage", where=folder, cure="run the stages in order, or `rephrase run`") from error
    return note


def note_of(folder: str) -> dict[str, Any]:
    """The same, or nothing where the folder holds no stage."""
    return stage_note(folder) if storage.exists(storage.join(folder, _NAME)) else {}


def digest(meaning: Any) -> str:
    """A digest of settings that does not depend on the order of keys."""
    return content_id(orjson.dumps(meaning, option=orjson.OPT_SORT_KEYS).decode())


def _plain(meaning: dict[str, Any]) -> Any:
    """Settings as they come back from JSON."""
    return orjson.loads(orjson.dumps(meaning, option=orjson.OPT_SORT_KEYS))


def _differences(before: Any, now: Any, path: str = "") -> list[str]:
    if before == now:
        return []
    parts, other = _parts(before), _parts(now)
    if parts is None or other is None:
        return [f"`{path}` was {_short(before)}, is {_short(now)}"]
    if path.startswith("checks.") and parts.get("settings") != other.get("settings"):
        return _differences(parts.get("settings"), other.get("settings"), path)  # those by recipe have changed alike
    found = [f"`{_below(path, key)}` is new" for key in sorted(other.keys() - parts.keys())]
    found += [f"`{_below(path, key)}` is gone" for key in sorted(parts.keys() - other.keys())]
    found += [d for key in sorted(parts.keys() & other.keys()) for d in _differences(parts[key], other[key], _below(path, key))]
    return found or [f"`{path}` is in another order"]


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
