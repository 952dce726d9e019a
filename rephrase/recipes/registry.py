"""Recipes by name, shipped or of a user's package: each with the class of its options and what builds it from them.

A recipe in Python is registered by `recipe` above the function that builds it, a family in YAML by `recipes.add(family, RecipeFile(…))`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from rephrase.recipes.base import Recipe
from rephrase.recipes.prompts import flow_file, head_of
from rephrase.recipes.sections import SamplingSection
from rephrase.settings.kinds import Kinds
from rephrase.settings.section import Section

Build = Callable[[Any, SamplingSection], Recipe]
"""Makes a recipe from its options, an object of their class, and from the sampling that a run sets. Raises `UserError`."""


@dataclass(frozen=True)
class Entry:
    """A recipe that a run can name."""

    name: str
    options: type[Section]
    build: Build
    example: Mapping[str, Any] = field(default_factory=dict)  # options without a default, as lists of recipes show them
    head: str = ""  # what its recipe file says of itself at its head
    file: str = ""  # of a recipe in Python: the file of its prompts, by the name of `flow_prompts`

    def entries(self) -> Mapping[str, Entry]:
        """Itself alone, by its name."""
        return {self.name: self}

    @property
    def defaults(self) -> dict[str, Any]:
        """The options with their defaults, as JSON values; an example for one without."""
        options: dict[str, Any] = self.own_options(self.example).model_dump()
        return options

    @property
    def facts(self) -> str:
        """Where the numbers of the recipe come from, as the file of its prompts says at its head; empty for one that says nothing."""
        return self.head or (head_of(flow_file(self.file)) if self.file else "")

    def own_options(self, options: Mapping[str, Any], context: Any = None) -> Any:
        """The options as an object of their class, from those of several recipes. Raises pydantic's `ValidationError`."""
        own = {key: value for key, value in options.items() if key in self.options.model_fields}
        return self.options.model_validate(own, context=context)


class Source(Protocol):
    """Where recipes come from: a file of several, or one in Python."""

    def entries(self) -> Mapping[str, Entry]:
        """The recipes by full name ("wrap/easy"). Raises `UserError`."""
        ...


recipes: Kinds[Source] = Kinds(
    "recipe",
    [
        "rephrase.recipes.shipped",
        "rephrase.recipes.entigraph",
        "rephrase.recipes.chunkwise",
        "rephrase.recipes.translate",
        "rephrase.recipes.long.stitch",
        "rephrase.recipes.long.qa",
        "rephrase.recipes.long.aggregate",
        "rephrase.recipes.long.summaries",
        "rephrase.recipes.instruct",
        "rephrase.recipes.evol",
        "rephrase.recipes.preference",
        "rephrase.recipes.reasoning",
        "rephrase.recipes.tinygsm",
        "rephrase.recipes.code_tests",
        "rephrase.recipes.code_concepts",
        "rephrase.recipes.procedural",
        "rephrase.recipes.mistakes",
        "rephrase.recipes.seeded",
        "rephrase.recipes.instruction_templates",
        "rephrase.recipes.function_calling",
        "rephrase.recipes.multihop",
        "rephrase.recipes.baseline",
    ],
)
"""By the full name of a recipe in Python, or the family of a file."""


def recipe(name: str, options: type[Section], *, file: str = "", **example: Any) -> Callable[[Build], Build]:
    """A decorator that lets runs name the recipe that a function builds: `@recipe("mine/letters", Options)`.

    The name is family/style. `file` is the one of its prompts, by the name of `flow_prompts`. `example` gives options that have no
    default, for lists of recipes. Raises `UserError` for a name that another has.
    """

    def decorate(build: Build) -> Build:
        function = getattr(build, "func", build)  # a `functools.partial` says nothing of its own
        recipes.add(name, Entry(name, options, build, example, file=file), f"{function.__module__}.{function.__qualname__}")
        return build

    return decorate
