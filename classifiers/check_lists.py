"""Lists of checks as the type of a key: made while a config is validated, and described in its JSON schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic_core import CoreSchema, core_schema

from classifiers.batch import Check
from classifiers.checks import checks
from classifiers.configured import VERDICTS, ConfiguredCheck, configured

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler, ValidationInfo
    from pydantic.json_schema import JsonSchemaValue


@dataclass(frozen=True, slots=True)
class _Listed:
    """Makes the checks of a list while a config is validated, writes them as they came, and describes them in its schema."""

    needs: bool = True
    """Whether there may be checks that need more than a text."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        def validated(value: Any, info: ValidationInfo) -> tuple[ConfiguredCheck, ...]:
            return configured(value, info.context)

        serialization = core_schema.plain_serializer_function_ser_schema(lambda listed: [check.as_data() for check in listed])
        return core_schema.with_info_plain_validator_function(validated, serialization=serialization)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        del schema
        kinds = {name: kind for name, kind in checks.items() if self.needs or not kind.needs}
        settings = {name: self._settings(name, kind, handler) for name, kind in kinds.items()}
        alone = [name for name, section in settings.items() if not section.get("required")]
        by_use = [{"if": {"properties": {"use": {"const": name}}}, "then": section} for name, section in settings.items()]
        named = {"type": "object", "properties": {"use": {"enum": list(kinds)}}, "required": ["use"], "allOf": by_use}
        mapping = {"type": "object", "properties": {name: self._own(name, section) for name, section in settings.items()}}
        others = {"propertyNames": {"not": {"enum": [*VERDICTS, *(name for name in checks.names() if name not in kinds)]}}}
        items = {"anyOf": [{"enum": alone}, {**mapping, "additionalProperties": named, **others}]}
        return {"type": "array", "items": items, **({} if self.needs else {"minItems": 1})}

    def _settings(self, name: str, kind: type[Check], handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        section = dict(handler.resolve_ref_schema(handler(kind.Settings.__pydantic_core_schema__)))
        of_recipes = {key: value for key, value in section.items() if key != "required"}
        recipes = {"type": "object", "additionalProperties": of_recipes}
        return section | {"properties": {**section.get("properties", {}), "use": {"const": name}, "recipes": recipes}}

    def _own(self, name: str, section: JsonSchemaValue) -> JsonSchemaValue:
        """What stands below the name of a check: its settings, nothing where it needs none, or those of another that `use` names."""
        other = {"required": ["use"], "properties": {"use": {"enum": [kind for kind in checks.names() if kind != name]}}}
        nothing = [] if section.get("required") else [{"type": "null"}]
        return {"anyOf": [section, {"type": "object", **other}, *nothing]}


Checks = Annotated[tuple[ConfiguredCheck, ...], _Listed()]
"""For annotations: a list of checks in a config."""
ChecksOfDocuments = Annotated[tuple[ConfiguredCheck, ...], _Listed(needs=False)]
"""The same for texts that nobody rewrote: whoever holds it refuses checks that need more."""
