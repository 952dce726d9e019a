"""Packages that only some checks need."""

from __future__ import annotations

import importlib
from typing import Any

from rephrase.errors import UserError


def package(name: str, check: str) -> Any:
    """The package of this name. `UserError` with the command that installs it where it is missing; `check` is who needs it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        cure = f"pip install {name.replace('_', '-')}"
        raise UserError(f"the package `{name}` cannot be imported: {error}", where=f"check `{check}`", cure=cure) from error
