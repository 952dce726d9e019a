"""What the JSON schema of the section `mix:` says beside the types of its keys: which of them go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rephrase.mixing.presets import presets
from rephrase.text.reasoning_joint import MARKS

if TYPE_CHECKING:
    from pydantic.config import JsonDict

_Schema = dict[str, Any]


def _with(name: str) -> _Schema:
    """What sets a key to a number."""
    return {"required": [name], "properties": {name: {"type": "number"}}}


def _components(schema: _Schema) -> _Schema:
    """What has components of which each is such."""
    return {"properties": {"components": {"items": schema}}}


_ONE_MEASURE: _Schema = {"anyOf": [_components(_with("share")), _components(_with("tokens"))]}
_DIVIDED: _Schema = {"required": ["split_by"], "properties": {"split_by": {"type": "string"}}}
_HAS_TEMPERATURE: _Schema = {"required": ["temperature"], "properties": {"temperature": {"not": {"const": 1}}}}
_HAS_PHASES: _Schema = {"required": ["phases"], "properties": {"phases": {"minItems": 1}}}
_WRAPS: _Schema = {"required": ["reasoning"], "properties": {"reasoning": {"const": "wrap"}}}
_HAS_MARKS: _Schema = {"required": ["reasoning_marks"], "properties": {"reasoning_marks": {"not": {"const": [*MARKS]}}}}
_NOTHING_BESIDE: _Schema = {"preset": {"type": "null"}, "budget_tokens": {"type": "null"}, "components": {"maxItems": 0}}

COMPONENT: JsonDict = {"allOf": [{"oneOf": [_with("share"), _with("tokens")]}, {"if": _HAS_TEMPERATURE, "then": _DIVIDED}]}
PHASE: JsonDict = {"allOf": [_ONE_MEASURE, {"oneOf": [_with("tokens"), _components(_with("tokens"))]}]}
MIX: JsonDict = {
    "allOf": [
        _ONE_MEASURE,
        {"properties": {"preset": {"enum": [*presets(), None]}}},
        {"if": _HAS_PHASES, "then": {"properties": _NOTHING_BESIDE}},
        {"if": _HAS_MARKS, "then": _WRAPS},
        {"if": _with("budget_tokens"), "then": _components({"not": _with("tokens")})},
    ]
}
