"""The base of all sections of a config."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of all sections: frozen, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


def as_list(value: Any) -> Any:
    """One name or one mapping as a list of it; for `BeforeValidator`."""
    return [value] if isinstance(value, str | dict) else value
