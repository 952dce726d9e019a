"""A run.yaml, read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.settings.validation import Place, parse_yaml, validate, yaml_places


def load_run(path: str, overrides: dict[str, Any] | None = None) -> Run:
    """Read a run.yaml.

    `overrides` maps dotted keys ("engine.kind") to values that replace the file's; a whole section may be replaced. Raises `UserError`
    for a missing file, bad YAML, unknown keys, names and options (with the nearest right one) and wrong values at any depth, with the
    line in the file; or with `--set` and the key for what an override brings.

    >>> run = load_run("examples/run.yaml", {"mix.seed": 8})
    >>> run.engine.kind, run.mix.seed
    ('replay', 8)
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise UserError(f"cannot read the config: {error.strerror}", where=path, cure="give the path of a run.yaml") from error
    except UnicodeDecodeError as error:
        raise UserError(f"the config is no text in UTF-8: {error.reason}", where=path, cure="give the path of a run.yaml") from error
    data = parse_yaml(text, path)
    if not isinstance(data, dict):
        raise UserError("a run config is a mapping of keys", where=path, cure="see examples/run.yaml")
    places = yaml_places(text, path)
    for key, value in (overrides or {}).items():
        _override(data, key.split("."), value)
        places = _overridden(places, key)
    base = Path(path).resolve().parent
    run: Run = validate(Run, data, path, places, cure="`rephrase config {section}` explains the keys", base=base)
    return run


def _override(data: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = data.get(key)
        if isinstance(inner, list):
            raise UserError(f"`{key}` is a list", where="--set", cure=f"replace it whole: --set '{key}=[…]', with the keys before it")
        if not isinstance(inner, dict):
            inner = data[key] = {}
        data = inner
    data[keys[-1]] = value


def _overridden(places: dict[Place, str], key: str) -> dict[Place, str]:
    """The places once an override stands instead of what the file has there."""
    at = tuple(key.split("."))
    return {place: spot for place, spot in places.items() if place[: len(at)] != at} | {at: f"--set {key}"}
