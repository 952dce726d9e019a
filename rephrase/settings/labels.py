"""Labels that a config gives to texts: of what, by which model, or from which field."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import ConfigDict, Field, model_validator

from rephrase.settings.encoders import EncoderReading
from rephrase.settings.faults import fault
from rephrase.settings.paths import EncoderModel, FastTextModel

if TYPE_CHECKING:
    from pydantic.config import JsonDict

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_TAKEN = ("origin", "source", "recipe", "language", "license", "model", "synthetic_depth", "epoch")
"""Dimensions of the mixture that reports and components know already."""


def _string(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"type": "string"}}}


_ONE_OF: JsonDict = {"oneOf": [_string("model"), _string("encoder")]}
_ONE_OF_THREE: JsonDict = {"oneOf": [_string("model"), _string("encoder"), _string("field")]}


class TextLabel(EncoderReading):
    """A label that a classifier of one of many gives: a fastText model, or an encoder."""

    model_config = ConfigDict(json_schema_extra=_ONE_OF)
    model: FastTextModel | None = None
    """Path or `s3://` URL of a supervised fastText model, as `rephrase classifier train` makes it of more than two labels."""
    encoder: EncoderModel | None = None
    """Instead: a sequence-classification model of transformers with several labels, a folder at the same path on all machines, or a hub
    id."""
    min_probability: float | None = Field(default=None, ge=0, le=1)
    """A text whose likeliest label is less probable has none. Default: that of the model's card, or 0."""
    _given_by: ClassVar[tuple[str, ...]] = ("model", "encoder")

    @model_validator(mode="after")
    def _given_by_one(self) -> Self:
        given = [name for name in self._given_by if getattr(self, name) is not None]
        if len(given) != 1:
            ways = "a `model`, an `encoder` or a `field`" if "field" in self._given_by else "a `model` or an `encoder`"
            raise fault(f"a label is given by {ways}, and there {'are both' if given else 'is neither'}", "give one of them")
        if given == ["field"] and self.min_probability is not None:
            raise fault("a field has no probability", "take `min_probability` out", ("min_probability",))
        idle = [] if given == ["encoder"] else [*EncoderReading.model_fields]
        for name in [name for name in idle if getattr(self, name) != type(self).model_fields[name].default]:
            raise fault(f"`{name}` says nothing of a label that a `{given[0]}` gives", f"take `{name}` out", (name,))
        return self


class InputLabel(TextLabel):
    """A label of documents: by a classifier, or as the input has it."""

    model_config = ConfigDict(json_schema_extra=_ONE_OF_THREE)
    field: str | None = None
    """Instead of a model: the field of the input that holds the label; a dot goes into an object. It goes into the metadata, too."""
    _given_by: ClassVar[tuple[str, ...]] = ("model", "encoder", "field")

    @property
    def of_text(self) -> TextLabel | None:
        """The same as one that a model gives; None for a field."""
        return None if self.field is not None else TextLabel(**self.model_dump(exclude={"field"}, exclude_unset=True))


def check_names(names: Iterable[str], key: str) -> None:
    """Raise the `fault` of a name under `key` that components, reports or commands could not tell from others."""
    for name in names:
        if name in _TAKEN:
            raise fault(f"`{name}` is no name for a label, as texts have that already", "name it otherwise, such as `topic`", (key, name))
        if not _NAME.fullmatch(name):
            raise fault(f"`{name}` is no name for a label", "write a letter, then letters, digits, `_` and `-`", (key, name))
