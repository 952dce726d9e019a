"""The JSON schema of run.yaml, for editors: all sections, and the checks, engines and recipes that are registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from typing_extensions import override

from rephrase.config.run import Run
from rephrase.settings.explanations import explanations
from rephrase.settings.models import ONE_MODEL, as_scorer
from rephrase.settings.section import as_list

if TYPE_CHECKING:
    from pydantic_core import core_schema


def run_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) as JSON values. Kinds of installed packages are in it, those of a run's `plugins` are not."""
    schema = Run.model_json_schema(schema_generator=_Generator)
    return {"$schema": _Generator.schema_dialect, **schema, "title": "run.yaml"}


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, with the meaning of each key, and with the short forms that our validators take."""

    @override
    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        json_schema = super().model_schema(schema)
        for name, meaning in explanations(schema["cls"]).items():
            if name in json_schema.get("properties", {}):
                json_schema["properties"][name]["description"] = meaning
        return json_schema

    @override
    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        json_schema = super().function_before_schema(schema)
        function = schema["function"]["function"]
        if function is as_list:
            return {"anyOf": [json_schema["items"], json_schema]}
        return {"anyOf": [ONE_MODEL, json_schema]} if function is as_scorer else json_schema
