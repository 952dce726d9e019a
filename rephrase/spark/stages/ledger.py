"""`_stage.json`: what a stage's table means. A rerun that means something else refuses instead of mixing two tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from rephrase import __version__, storage
from rephrase.errors import UserError
from rephrase.lakehouse.journal import check_unshared
from rephrase.names import TABLE_FILES, TABLE_VERSION
from rephrase.settings.entries import entry_name
from rephrase.spark.runtime.job_folder import JobFolder
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.base import Table
from rephrase.spark.stages.meaning import Meaning, plain, without_digests

Result = TypeVar("Result")

_NAME = "_stage.json"
INPUTS = "_inputs.json"
"""What a stage notes of its input files beside its table: see `shard.inputs`."""
_BEFORE_WORK = (_NAME, TABLE_VERSION, TABLE_FILES, INPUTS)
_MOST = 6  # differences that are named
_LONGEST = 80  # characters of a value that differs

_DAMAGED = "restore the file from a copy; or remove the folder that it stands in, and run again"
_REUSE = "write to another `output`; there `rewrite: {reuse: [<this output>/generations]}` takes over the completions of equal requests"
_REPLACE = "`--replace` makes it again and asks for no completion: `rephrase {} run.yaml --replace`; or write to another `output`"


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
        "explained": plain(meaning.explained),
    }
    path, written = storage.join(folder, _NAME), orjson.dumps(note, option=orjson.OPT_INDENT_2)
    if storage.create(path, written):
        return
    before = stage_note(folder)
    if _same(before, table, meaning):
        return
    JobFolder.remove_left_over(folder)
    if any(storage.name_of(file.path) not in _BEFORE_WORK for file in storage.list_files(folder)):
        raise _refusal(folder, before, table, meaning)
    storage.put(path, written)  # nothing was made yet, and no driver is at work: a first attempt that failed binds nobody


def refusal_of(folder: str, table: Table, meaning: Callable[[], Meaning]) -> UserError | None:
    """The error that `claim` raises where a folder holds the table of another config, None where it does not. Claims nothing.

    Where the tables that it was made from are gone, nobody can tell.
    """
    before = note_of(folder)
    try:
        now = meaning() if before else None
    except UserError:
        return None
    return None if now is None or _same(before, table, now) else _refusal(folder, before, table, now)


def replace_other(folder: str, table: Table, meaning: Meaning, begin: Callable[[], Result]) -> Result | None:
    """Remove what another config made in `folder`. Returns what `begin` gave, or None where nothing had to go.

    `begin` is called first: it must raise where the new work cannot be done, so that a mistake does not cost what is there.
    """
    before = note_of(folder)
    if not before or _same(before, table, meaning):
        return None
    if folder.endswith(f"/{table.path}"):  # a mixture of a swarm lies elsewhere, and is in no table of a lakehouse
        check_unshared(folder.removesuffix(f"/{table.path}"), table.path)
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
        note = read_json(storage.join(folder, _NAME), ("digest", "meaning"))
    except FileNotFoundError as error:
        raise UserError("this folder holds no finished stage", where=folder, cure="run the stages in order, or `rephrase run`") from error
    if not isinstance(note["meaning"], dict) or not isinstance(note.get("explained", {}), dict):
        raise UserError("not the file that a stage wrote: it means no settings", where=storage.join(folder, _NAME), cure=_DAMAGED)
    return {"stage_version": 1, "explained": {}, **note}  # earlier versions of rephrase did not write these


def described(folder: str) -> dict[str, Any]:
    """What a stage's table means, in settings rather than digests as far as it noted them: for the `explained` of later stages."""
    note = note_of(folder)
    return without_digests(note["meaning"], note["explained"], note["explained"]) if note else {}


def read_json(path: str, keys: Sequence[str]) -> dict[str, Any]:
    """A mapping with at least these keys that a stage wrote. Raises `UserError` where the file holds something else, FileNotFoundError."""
    try:
        value: Any = orjson.loads(storage.read(path))
    except orjson.JSONDecodeError as error:
        raise UserError(f"not the file that a stage wrote: {error}", where=path, cure=_DAMAGED) from error
    if not isinstance(value, dict):
        raise UserError("not the file that a stage wrote: no mapping", where=path, cure=_DAMAGED)
    if missing := [key for key in keys if key not in value]:
        raise UserError(f"not the file that a stage wrote: there is no `{missing[0]}`", where=path, cure=_DAMAGED)
    result: dict[str, Any] = value
    return result


def note_of(folder: str) -> dict[str, Any]:
    """The same, or nothing where the folder holds no stage."""
    return stage_note(folder) if storage.exists(storage.join(folder, _NAME)) else {}


def _same(before: dict[str, Any], table: Table, meaning: Meaning) -> bool:
    # Digests are not compared: those of an earlier version may be made otherwise, and do not show a default that has changed.
    return bool(before["stage_version"] == table.version and meaning.spelled_out(before["meaning"]) == meaning.spelled_out())


def _refusal(folder: str, before: dict[str, Any], table: Table, meaning: Meaning) -> UserError:
    cure = table.cure or (_REPLACE.format(table.maker) if table.replaceable else _REUSE)
    if before["stage_version"] != table.version:
        versions = f"version {before['stage_version']}, here {table.version}"
        what = f"rephrase {before['version']} made this folder, and the rows of its {table.stage} stage mean something else ({versions})"
        return UserError(what, where=folder, cure=f"{cure}; or go on with rephrase {before['version']}")
    was, now, explained = meaning.spelled_out(before["meaning"]), meaning.spelled_out(), plain(meaning.explained)
    differences = _differences(without_digests(was, before["explained"], explained), without_digests(now, explained, before["explained"]))
    differences = differences or _differences(was, now)
    changed = "; ".join(differences[:_MOST]) + (f"; and {len(differences) - _MOST} more" if len(differences) > _MOST else "")
    return UserError(f"this folder holds the {table.stage} stage of another config: {changed}", where=folder, cure=cure)


def _differences(before: Any, now: Any, path: str = "") -> list[str]:
    if before == now:
        return []
    parts, other = _parts(before), _parts(now)
    if parts is None or other is None:
        return [f"`{path}` was {_short(before, now)}, is {_short(now, before)}"]
    if path.startswith("checks.") and parts.get("settings") != other.get("settings"):
        return _differences(parts.get("settings"), other.get("settings"), path)  # those by recipe have changed alike
    differences = [f"`{_below(path, key)}` is new" for key in sorted(other.keys() - parts.keys())]
    differences += [f"`{_below(path, key)}` is gone" for key in sorted(parts.keys() - other.keys())]
    differences += [d for key in sorted(parts.keys() & other.keys()) for d in _differences(parts[key], other[key], _below(path, key))]
    return differences or [f"`{path}` is in another order"]


def _parts(value: Any) -> dict[str, Any] | None:
    """What a mapping holds, or a list of mappings: by their names where these tell them apart, else by their places."""
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        names = [entry_name(item) or str(place) for place, item in enumerate(value)]
        return dict(zip(names if len(set(names)) == len(names) else map(str, range(len(value))), value, strict=True))
    return value if isinstance(value, dict) else None


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _short(value: Any, other: Any) -> str:
    """A value as JSON; of a long one the part in which it begins to differ from the other."""
    text, beside = orjson.dumps(value).decode(), orjson.dumps(other).decode()
    if len(text) <= _LONGEST:
        return text
    same = next((place for place, (one, two) in enumerate(zip(text, beside, strict=False)) if one != two), min(len(text), len(beside)))
    start = max(0, min(same - _LONGEST // 4, len(text) - _LONGEST))
    return ("…" if start else "") + text[start : start + _LONGEST] + ("…" if start + _LONGEST < len(text) else "")
