"""`_stage.json`: what a stage's table means. A rerun that means something else refuses instead of mixing two tables."""

from __future__ import annotations

from typing import Any

import orjson

from rephrase import __version__, storage
from rephrase.errors import UserError
from rephrase.records import content_id

_NAME = "_stage.json"


def claim(folder: str, stage: str, meaning: dict[str, Any]) -> None:
    """Say that `folder` holds the stage's output under these settings, or check that it does.

    `meaning` holds only what changes the rows; never scheduling. Raises `UserError` that names the settings that differ from those the
    folder was started with.
    """
    path = storage.join(folder, _NAME)
    data = orjson.loads(orjson.dumps(meaning, option=orjson.OPT_SORT_KEYS))
    note = {"stage": stage, "version": __version__, "digest": digest(data), "meaning": data}
    if storage.create(path, orjson.dumps(note, option=orjson.OPT_INDENT_2)):
        return
    before = stage_note(folder)
    if before["digest"] == note["digest"]:
        return
    changed = "; ".join(_differences(before["meaning"], data)) or "the settings"
    raise UserError(
        f"this folder holds the {stage} stage of another config: {changed}",
        where=folder,
        cure="write to another `output`, put the setting back, or remove the folder",
    )


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


def _differences(before: Any, now: Any, path: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted({*before, *now})
        return [d for key in keys for d in _differences(before.get(key), now.get(key), f"{path}.{key}" if path else key)]
    if before == now:
        return []
    return [f"`{path}` was {_short(before)}, is {_short(now)}"]


def _short(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 80 else text[:77] + "…"
