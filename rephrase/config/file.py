"""A run.yaml, read."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.settings.lines import Lines
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import MOST_BYTES, MOST_LEVELS, Place, read_yaml, shortened, too_long


def load_run(path: str, overrides: dict[str, Any] | None = None, options: Mapping[str, str] | None = None) -> Run:
    """Read a run.yaml.

    `overrides` maps dotted keys ("engine.kind") to values that replace the file's; a whole section may be replaced. `options` names, by
    their keys, those that another option of the command line than `--set` brings. Raises `UserError`
    for a missing file, bad YAML, unknown keys, names and options (with the nearest right one) and wrong values at any depth, with the
    line in the file; or with `--set` and the key for what an override brings.

    >>> run = load_run("examples/run.yaml", {"mix.seed": 8})
    >>> run.engine.kind, run.mix.seed
    ('replay', 8)
    """
    return run_of_text(_text(path), path, overrides, options)


def run_of_text(text: str, path: str, overrides: dict[str, Any] | None = None, options: Mapping[str, str] | None = None) -> Run:
    """As `load_run`, from the text that a file at `path` would have."""
    data, places = read_yaml(text, path)
    if not isinstance(data, dict):
        raise UserError("a run config is a mapping of keys", where=path, cure="see examples/run.yaml")
    for key, value in (overrides or {}).items():
        places = _override(data, places, key, value, (options or {}).get(key, f"--set {shortened(key)}"))
    base = Path(path).resolve().parent
    run: Run = validate(Run, data, path, places, cure="`rephrase config {section}` explains the keys", base=base)
    return run.of_lines(Lines(path, places))


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)  # a device never ends
        if len(content) > MOST_BYTES:
            raise too_long(path)
        return content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"the config is no text in UTF-8: {error.reason}", where=path, cure="give the path of a run.yaml") from error
    except (OSError, ValueError) as error:  # such as a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read the config: {reason}", where=path, cure="give the path of a run.yaml") from error


def _override(data: dict[str, Any], places: dict[Place, str], dotted: str, value: Any, where: str) -> dict[Place, str]:
    """Put a value into the data. Returns the places once it stands instead of what the file has there. Raises `UserError`."""
    keys = tuple(dotted.split("."))
    if not all(keys):
        raise UserError(f"`{shortened(dotted)}` has an empty part", where=where, cure="for example --set mix.seed=7")
    if len(keys) > MOST_LEVELS:
        raise UserError(f"the key has more than {MOST_LEVELS} parts", where=where, cure="for example --set mix.seed=7")
    added: dict[Place, str] = {keys: where}
    for depth, key in enumerate(keys[:-1], 1):
        inner = data.get(key)
        if inner is None:
            inner = data[key] = {}
            added[keys[:depth]] = where
        if not isinstance(inner, dict):
            whole = ".".join(keys[:depth])
            what = "a list" if isinstance(inner, list) else "one value"
            example = "[…]" if isinstance(inner, list) else "…"
            raise UserError(f"`{whole}` is {what}, without keys below it", where=where, cure=f"replace it whole: --set '{whole}={example}'")
        data = inner
    data[keys[-1]] = deepcopy(value)  # a later override may go into it, and it is the caller's
    return {place: spot for place, spot in places.items() if place[: len(keys)] != keys} | added
