"""Keys of a config that name modules and kinds, for annotations: they are loaded and chosen while the config is validated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from rephrase.errors import UserError
from rephrase.settings.faults import fault
from rephrase.settings.kinds import Kinds, load_plugin
from rephrase.settings.validation import nested

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
    from pydantic.json_schema import JsonSchemaValue

    from rephrase.settings.section import Section


def _loaded(module: str) -> str:
    try:
        load_plugin(module)
    except UserError as error:
        raise fault(error.what, error.cure) from error
    return module


Plugin = Annotated[str, AfterValidator(_loaded)]
"""The name of a module in a config, imported while the config is validated: what comes after it can name its kinds."""


class ByKind:
    """For annotations: a section whose key `kind` says which of some registered classes of settings it is.

    `engine: Annotated[SerializeAsAny[EngineSettings], ByKind(engines)]`. Errors of the chosen class keep their place in the config.
    """

    def __init__(self, kinds: Kinds[Any], key: str = "kind") -> None:
        self.kinds, self.key = kinds, key

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self._choose, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        del schema
        return {"oneOf": [handler(settings.__pydantic_core_schema__) for _, settings in self.kinds.items()]}

    def _choose(self, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str):
            what = f"it is keys with values, of which `{self.key}` names the {self.kinds.noun}"
            raise fault(what, f"write {{{self.key}: {value}, …}}", value=value)
        if not isinstance(value, dict):
            return value
        name = value.get(self.key)
        if name is None:
            missing = PydanticCustomError("missing", "it is missing", {"cure": f"it is one of: {', '.join(self.kinds.names())}"})
            raise ValidationError.from_exception_data("config", [{"type": missing, "loc": (self.key,), "input": value}])
        if not isinstance(name, str) or name not in self.kinds:
            raise fault(f"unknown {self.kinds.noun} `{name}`", self.kinds.cure(name), (self.key,), name)
        settings: type[Section] = self.kinds.find(name)
        try:
            return settings.model_validate(value, context=info.context)
        except ValidationError as failure:
            raise nested(failure, settings) from None
        except UserError as error:
            raise fault(error.what, error.cure) from error
