"""An entry under `recipes:` of a run: a recipe by its name or file, and what is changed of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from rephrase.settings.section import Section, as_list

SHIPPED_LISTS = "lists/"  # begins the names of lists that recipes bring along


class Bounds(Section):
    """Least and greatest value, both included."""

    min: float = float("-inf")
    max: float = float("inf")


class When(Section):
    """Which documents a recipe takes: those that fit every key that is given."""

    min_tokens: int = Field(default=0, ge=0)
    max_tokens: int | None = Field(default=None, ge=0)
    languages: Annotated[list[str], BeforeValidator(as_list)] = []
    sources: Annotated[list[str], BeforeValidator(as_list)] = []
    """Names or patterns with wildcards."""
    scores: dict[str, Bounds] = {}
    """Numbers in the documents' metadata, by key. A document that lacks the key does not fit."""


class RecipeUse(Section):
    """One recipe of the run: a name of the catalogue (`wrap/easy`, `mind/*`), or a YAML file of the user's."""

    use: str
    options: dict[str, Any] = {}
    """Options of the recipe itself, such as EntiGraph's `triples`."""
    sampling: dict[str, Any] = {}
    """Sampling fields that replace the recipe's."""
    when: When | None = None
    """Which documents the recipe takes; default: all."""
    document_first: bool = False
    """Begin each prompt with its passage: the styles of a passage then share the engine's prefix cache."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"use": value} if isinstance(value, str) else value
