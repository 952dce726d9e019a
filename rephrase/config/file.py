"""A run.yaml, read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rephrase.config.paths import resolve_paths
from rephrase.config.run import Run
from rephrase.engines.settings import EngineConfig
from rephrase.errors import UserError
from rephrase.settings.section import Section
from rephrase.settings.validation import parse_yaml, validate, yaml_lines


def load_run(path: str, overrides: dict[str, Any] | None = None) -> Run:
    """Read a run.yaml.

    `overrides` maps dotted keys ("engine.kind") to values that replace the file's; a whole section may be replaced. Raises `UserError`
    for a missing file, bad YAML, unknown keys (with the nearest right one) and wrong values, with the line in the file.

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
    for key, value in (overrides or {}).items():
        _override(data, key.split("."), value)
    run = validate(Run, data, path, lines=yaml_lines(text), cure="`rephrase config {section}` explains the keys")
    return resolve_paths(run, Path(path).resolve().parent)


def _override(data: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = data.get(key)
        if isinstance(inner, list):
            raise UserError(f"`{key}` is a list", where="--set", cure=f"replace it whole: --set '{key}=[…]', with the keys before it")
        if not isinstance(inner, dict):
            inner = data[key] = {}
        data = inner
    data[keys[-1]] = value


class _Engine(Section):
    engine: EngineConfig


def engine_of(settings: dict[str, Any] | EngineConfig) -> EngineConfig:
    """An engine config from the mapping that would stand under `engine:`. Raises `UserError`."""
    if isinstance(settings, BaseModel):
        return settings
    chosen: EngineConfig = validate(_Engine, {"engine": settings}, "engine").engine
    return chosen
