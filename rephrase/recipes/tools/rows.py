"""Rows of function calling that need no documents: a kind of request and functions, drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from typing_extensions import override

from rephrase.recipes.base import RowSource
from rephrase.recipes.tools.draws import Drawing
from rephrase.records import Document, content_id


@dataclass(frozen=True)
class ToolRows(RowSource):
    """A row for each draw; the text names the kind and the functions, so that a row can be told from another."""

    recipe: str
    drawing: Drawing
    count: int
    seed: int

    @override
    def documents(self) -> Iterator[Document]:
        for number in range(self.count):
            id_ = content_id(self.recipe, str(self.seed), str(number))
            draw = self.drawing.draw(id_)
            wanted = ", ".join(function.name for function in draw.wanted)
            metadata = {"kind": draw.kind, "wanted": wanted, "declared": ", ".join(function.name for function in draw.declared)}
            yield Document(id_, f"{draw.kind}: {wanted}", source=f"rows:{self.recipe}", metadata=metadata)

    @override
    def named(self, recipe: str) -> ToolRows:
        return replace(self, recipe=recipe)

    @override
    def describe(self) -> Any:
        return [self.drawing.describe(), self.count, self.seed]
