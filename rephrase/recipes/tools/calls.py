"""Calls as models write them, checked against what was declared and what was asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from rephrase.recipes.tools.draws import CALLING, SEVERAL, Draw
from rephrase.recipes.tools.schemas import moved
from rephrase.text.loose_json import read_json

Call = dict[str, Any]
"""`name` and `arguments`."""
Fault = tuple[str, str]
"""An error code, and its reason in words."""

_ARGUMENTS = re.compile(r'"arguments"\s*:')
_MARKS_OF_QUESTIONS = "?？؟;"  # the last is the Greek one, which is written as a semicolon


def read_answer(text: str) -> tuple[list[Call], str] | None:
    """Calls and reply of an answer: `{"calls": […], "reply": "…"}`, a list of calls, or calls one after the other.

    None where there is no such JSON, and where more calls are begun than can be read: nobody knows which are meant.
    """
    data = read_json(text, _is_whole) or read_json(text, _is_list)
    answer = None if data is None else _read(data)
    return answer if answer and len(_ARGUMENTS.findall(text)) <= _named_arguments(answer[0]) else None


def _is_whole(value: Any) -> bool:
    return isinstance(value, dict) and "calls" in value and _read(value) is not None


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and _read(value) is not None


def _named_arguments(value: Any) -> int:
    """How many members have the name `arguments`."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (isinstance(value, dict) and "arguments" in value) + sum(map(_named_arguments, inner))


def _read(value: Any) -> tuple[list[Call], str] | None:
    if isinstance(value, dict) and "calls" in value:
        reply = value.get("reply") or ""
        calls = value["calls"] or []
        whole = isinstance(reply, str) and isinstance(calls, list) and all(map(_is_call, calls))
        return ([_call(call) for call in calls], reply.strip()) if whole else None
    if isinstance(value, list):
        return ([_call(call) for call in value], "") if value and all(map(_is_call, value)) else None
    return ([_call(value)], "") if _is_call(value) else None


def _is_call(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and "arguments" in value


def _call(value: dict[str, Any]) -> Call:
    arguments = value["arguments"]
    if isinstance(arguments, str):  # as OpenAI's own messages have them
        try:
            arguments = orjson.loads(arguments)
        except orjson.JSONDecodeError:
            return {"name": value["name"], "arguments": arguments}
    return {"name": value["name"], "arguments": {} if arguments is None else arguments}


def fault_of_calls(calls: Sequence[Call], reply: str, draw: Draw) -> Fault | None:
    """What is wrong with an answer to a request of this kind; None where nothing is.

    First what no request allows: functions that are not declared, arguments that the schema refuses. Then what this one does not.
    """
    fault = next(filter(None, (_fault_of_call(call, draw) for call in calls)), None)
    if fault is not None:
        return fault
    return _fault_with_calls(calls, draw) if draw.kind in CALLING else _fault_without_calls(calls, reply, draw)


def _fault_of_call(call: Call, draw: Draw) -> Fault | None:
    function = draw.find(call["name"])
    if function is None:
        return "rejected:unknown_function", f"`{call['name']}` is not declared"
    reason = function.fault_of_arguments(call["arguments"])
    return ("rejected:arguments", f"{call['name']}: {reason}") if reason else None


def _fault_with_calls(calls: Sequence[Call], draw: Draw) -> Fault | None:
    wanted = {function.name for function in draw.wanted}
    called = {call["name"] for call in calls}
    if not calls:
        return "rejected:no_call", "the request asks for a call, and the answer has none"
    if called != wanted:
        return "rejected:wrong_function", f"the request is about {', '.join(sorted(wanted))}; called: {', '.join(sorted(called))}"
    if (draw.kind in SEVERAL) != (len(calls) > 1):
        needed = "several calls" if draw.kind in SEVERAL else "one call"
        return "rejected:number_of_calls", f"the request needs {needed}, and the answer has {len(calls)}"
    if len({orjson.dumps(call, option=orjson.OPT_SORT_KEYS) for call in calls}) < len(calls):
        return "rejected:repeated_call", "the same call comes twice"
    return None


def _fault_without_calls(calls: Sequence[Call], reply: str, draw: Draw) -> Fault | None:
    if calls:
        why = "no function fits the request" if draw.kind == "none_fits" else f"the request does not give `{draw.missing}`"
        return "rejected:needless_call", f"{why}, and {calls[0]['name']} is called"
    if not reply:
        return "rejected:no_reply", "there is neither a call nor a reply"
    if draw.kind == "missing_argument" and not any(mark in reply for mark in _MARKS_OF_QUESTIONS):
        return "rejected:no_question", f"the reply does not ask for `{draw.missing}`"
    return None


def schema_of_answer(draw: Draw) -> dict[str, Any]:
    """The JSON schema of an answer: calls of the declared functions with their arguments, and a reply."""
    shapes = []
    for number, function in enumerate(draw.declared):
        of_one = f"/anyOf/{number}" if len(draw.declared) > 1 else ""
        arguments = moved(function.parameters, f"/properties/calls/items{of_one}/properties/arguments")
        fields = {"name": {"const": function.name}, "arguments": arguments}
        shapes.append({"type": "object", "properties": fields, "required": ["name", "arguments"], "additionalProperties": False})
    calls = {"type": "array", "items": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}, "maxItems": 8}
    fields = {"calls": calls, "reply": {"type": "string", "maxLength": 1000}}
    # Open to further members, as what closes them makes clients ask for OpenAI's strict mode, which refuses optional arguments.
    return {"type": "object", "properties": fields, "required": ["calls", "reply"]}
