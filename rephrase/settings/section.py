"""The base of all sections of a config."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, model_validator

from rephrase.settings.bounds import crossed
from rephrase.settings.faults import fault
from rephrase.settings.yaml_text import Place

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

MERGED = {"is_merged": True}
"""The context in which settings of several places are put together: whoever knows what they are for compares their bounds."""

_ERRORS: dict[Any, str] = {int: "int_type", float: "float_type", bool: "bool_type"}  # pydantic's names
_TAKEN: dict[type, set[type]] = {bool: {bool}, str: {str}, int: {int, float}, float: {float, int}}  # by the types of values
_LISTS, _UNIONS = (list, tuple), (Union, UnionType)


class Section(BaseModel):
    """Base of all sections: frozen, and strict about its keys, its numbers, and the order of its bounds."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _take_numbers_as_they_are(cls, data: Any) -> Any:
        """Pydantic would take `true` for 1, and a text for what it spells; what editors know of the keys refuses both."""
        errors: list[InitErrorDetails] = [
            {"type": error, "loc": (name, *place), "input": value}
            for name, given in (data.items() if isinstance(data, dict) else ())
            if name in cls.model_fields
            for place, error, value in _mistaken(given, cls.model_fields[name].annotation)
        ]
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return data

    @model_validator(mode="after")
    def _keep_bounds_in_order(self, info: ValidationInfo) -> Self:
        if not (info.context or {}).get("is_merged") and (bounds := crossed(self.__dict__)):
            unset = [key for key in (bounds.low, bounds.high) if key[0] not in self.model_fields_set]
            cure = f"`{unset[0][0]}` is a default: set it too" if unset else "swap them, or leave one of them out"
            raise fault(bounds.what, cure, bounds.high if bounds.high not in unset else bounds.low)
        return self


def _mistaken(value: Any, annotation: Any) -> Iterator[tuple[Place, str, Any]]:
    """Where a value holds another kind of scalar than a number or a boolean that its type asks for; pydantic's name of the error."""
    options = list(_options(annotation))
    if isinstance(value, dict | list):
        several = [get_args(option) for option in options if get_origin(option) in (_LISTS if isinstance(value, list) else (dict,))]
        if len(several) == 1 and several[0]:
            inner = several[0][0 if isinstance(value, list) else -1]
            for part, item in enumerate(value) if isinstance(value, list) else value.items():
                yield from (((part, *place), error, wrong) for place, error, wrong in _mistaken(item, inner))
    elif type(value) in _TAKEN:
        scalars = [option for option in options if option in _ERRORS]
        taken = _TAKEN[type(value)].intersection(options)
        others = [option for option in options if option not in (*_ERRORS, str, NoneType) and get_origin(option) not in (*_LISTS, dict)]
        if scalars and not taken and not any(_may_be(value, option) for option in others):
            yield (), _ERRORS[scalars[0]], value


def _options(annotation: Any) -> Iterator[Any]:
    """The types of a union, or the one type, without what is annotated."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _options(get_args(annotation)[0])
    elif origin in _UNIONS:
        for option in get_args(annotation):
            yield from _options(option)
    else:
        yield annotation


def _may_be(value: Any, option: Any) -> bool:
    """Whether a type other than a scalar's takes the value, or tells better what is wrong with it."""
    if get_origin(option) is not Literal:
        return True
    return value in get_args(option) or (isinstance(value, str) and not value.strip().lstrip("+-")[:1].isdigit())


def as_list(value: Any) -> Any:
    """One name or one mapping as a list of it; for `BeforeValidator`."""
    return [value] if isinstance(value, str | dict) else value
