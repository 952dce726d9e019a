"""Labels that a config gives to texts: of what, by which model, or from which field."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from pydantic import ConfigDict, Field, model_validator

from rephrase.settings.faults import fault
from rephrase.settings.paths import FastTextModel
from rephrase.settings.section import Section

if TYPE_CHECKING:
    from pydantic.config import JsonDict

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_TAKEN = ("origin", "source", "recipe", "language", "license", "model", "synthetic_depth", "epoch")
"""Dimensions of the mixture that reports and components know already."""


def _string(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"type": "string"}}}


_ONE_OF: JsonDict = {"oneOf": [_string("model"), _string("field")]}


class TextLabel(Section):
    """A label that a classifier of one of many gives."""

    model: FastTextModel
    """Path or `s3://` URL of a supervised fastText model, as `rephrase classifier train` makes it of more than two labels."""
    min_probability: float | None = Field(default=None, ge=0, le=1)
    """A text whose likeliest label is less probable has none. Default: that of the model's card, or 0."""


class InputLabel(Section):
    """A label of documents: by a classifier, or as the input has it."""

    model_config = ConfigDict(json_schema_extra=_ONE_OF)
    model: FastTextModel | None = None
    """Path or `s3://` URL of a supervised fastText model, as `rephrase classifier train` makes it of more than two labels."""
    min_probability: float | None = Field(default=None, ge=0, le=1)
    """A text whose likeliest label is less probable has none. Default: that of the model's card, or 0."""
    field: str | None = None
    """Instead of a model: the field of the input that holds the label; a dot goes into an object. It goes into the metadata, too."""

    @model_validator(mode="after")
    def _model_or_field(self) -> Self:
        if (self.model is None) == (self.field is None):
            what = "a label is given by a `model` or by a `field`" + (
                ", and there is neither" if self.model is None else ", and there are both"
            )
            raise fault(what, "give one of the two")
        if self.field is not None and self.min_probability is not None:
            raise fault("a field has no probability", "take `min_probability` out", ("min_probability",))
        return self

    @property
    def of_text(self) -> TextLabel | None:
        """The same as one that a model gives; None for a field."""
        return None if self.model is None else TextLabel(model=self.model, min_probability=self.min_probability)


def check_names(names: Iterable[str], key: str) -> None:
    """Raise the `fault` of a name under `key` that components, reports or commands could not tell from others."""
    for name in names:
        if name in _TAKEN:
            raise fault(f"`{name}` is no name for a label, as texts have that already", "name it otherwise, such as `topic`", (key, name))
        if not _NAME.fullmatch(name):
            raise fault(f"`{name}` is no name for a label", "write a letter, then letters, digits, `_` and `-`", (key, name))
