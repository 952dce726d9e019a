"""The paths of a config, made absolute as seen from the folder of its file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rephrase.config.run import Run
from rephrase.engines.settings import EndpointEngine, ReplayEngine, VllmEngine
from rephrase.recipes.use import SHIPPED_LISTS, RecipeUse
from rephrase.settings.section import as_list


def resolve_path(path: str, base: Path) -> str:
    """An absolute path or URL: as it is. A relative path: below `base`."""
    if "://" in path or os.path.isabs(path):
        return path
    return os.path.normpath(os.path.join(base, os.path.expanduser(path)))


def resolve_model(name: str, base: Path) -> str:
    """A model or tokenizer: a path if it looks like one or exists below `base`, else a hub id, which is left as it is."""
    path = resolve_path(name, base)
    return path if name.startswith((".", "/", "~")) or os.path.exists(path) else name


def resolve_paths(run: Run, base: Path) -> Run:
    """The same run with every path made absolute, seen from `base`."""
    engine: Any = run.engine
    if isinstance(engine, ReplayEngine):
        engine = engine.model_copy(update={"path": resolve_path(engine.path, base)})
    elif isinstance(engine, VllmEngine):
        engine = engine.model_copy(update={"model": resolve_model(engine.model, base)})
    elif isinstance(engine, EndpointEngine) and engine.tokenizer:
        engine = engine.model_copy(update={"tokenizer": resolve_model(engine.tokenizer, base)})
    source = run.input and run.input.model_copy(
        update={
            "paths": [resolve_path(p, base) for p in run.input.paths],
            "language_model": run.input.language_model and resolve_path(run.input.language_model, base),
            "scores": {
                name: given.model_copy(update={"models": [resolve_path(model, base) for model in given.models]})
                for name, given in run.input.scores.items()
            },
        }
    )
    recipes = [use.model_copy(update=_resolve_use(use, base)) for use in run.recipes]
    return run.model_copy(
        update={
            "output": resolve_path(run.output, base),
            "tokenizer": resolve_model(run.tokenizer, base),
            "engine": engine,
            "input": source,
            "recipes": recipes,
            "rewrite": run.rewrite.model_copy(update={"reuse": [resolve_path(path, base) for path in run.rewrite.reuse]}),
            "screen": run.screen and run.screen.model_copy(update={"checks": _resolve_checks(run.screen.checks, base)}),
            "filter": run.filter.model_copy(update={"checks": run.filter.checks and _resolve_checks(run.filter.checks, base)}),
        }
    )


def _resolve_use(use: RecipeUse, base: Path) -> dict[str, Any]:
    # Lists and seeds are files, but for those that are shipped.
    options = {
        key: resolve_path(value, base)
        if isinstance(value, str) and value.endswith((".txt", ".jsonl")) and not value.startswith(SHIPPED_LISTS)
        else value
        for key, value in use.options.items()
    }
    return {"use": resolve_path(use.use, base) if use.use.endswith((".yaml", ".yml")) else use.use, "options": options}


def _resolve_checks(checks: list[Any], base: Path) -> list[Any]:
    return [{name: _resolve_check(given, base) for name, given in check.items()} if isinstance(check, dict) else check for check in checks]


def _resolve_check(settings: dict[str, Any], base: Path) -> dict[str, Any]:
    def resolved(key: str, value: Any) -> Any:
        if key == "model" and isinstance(value, str):
            return resolve_path(value, base)
        if key == "models" and isinstance(value, list):
            return [resolve_path(item, base) if isinstance(item, str) else item for item in value]
        if key == "benchmarks" and isinstance(value, list):
            return [_resolve_benchmark(item, base) if isinstance(item, dict) else item for item in value]
        return value

    return {key: resolved(key, value) for key, value in (settings or {}).items()}


def _resolve_benchmark(settings: dict[str, Any], base: Path) -> dict[str, Any]:
    paths = as_list(settings.get("paths"))
    known = isinstance(paths, list) and all(isinstance(path, str) for path in paths)
    return settings | {"paths": [resolve_path(path, base) for path in paths]} if known else settings
