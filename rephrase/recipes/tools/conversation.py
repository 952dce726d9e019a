"""A conversation with calls: in OpenAI's chat format for trainers, and as the plain text of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from rephrase.recipes.tools.calls import Call
from rephrase.recipes.tools.draws import Draw


def messages_of(request: str, calls: Sequence[Call], reply: str, results: Sequence[Any] = (), answer: str = "") -> list[dict[str, Any]]:
    """The messages in OpenAI's chat format: the arguments of calls, and results, are JSON in strings."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": request}]
    if not calls:
        return [*messages, {"role": "assistant", "content": reply}]
    entries = [
        {"id": f"call_{number}", "type": "function", "function": {"name": call["name"], "arguments": _json(call["arguments"])}}
        for number, call in enumerate(calls, 1)
    ]
    messages.append({"role": "assistant", "content": None, "tool_calls": entries})
    for entry, result in zip(entries, results, strict=False):
        messages.append({"role": "tool", "tool_call_id": entry["id"], "content": _json(result)})
    return [*messages, {"role": "assistant", "content": answer}] if answer else messages


def told(draw: Draw, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields of a row: `messages` and `tools`, as trainers read them, and what kind of request it is."""
    return {"messages": list(messages), "tools": [function.tool for function in draw.declared], "kind": draw.kind}


def text_of(fields: Mapping[str, Any]) -> str:
    """The conversation as plain text: the functions as JSON, one a line, then who says what; calls and results are JSON, one a line."""
    functions = "\n".join(_json(tool["function"]) for tool in fields["tools"])
    parts = [f"Functions:\n{functions}"]
    for message in fields["messages"]:
        if calls := message.get("tool_calls"):
            lines = (f'{{"name": {_json(call["function"]["name"])}, "arguments": {call["function"]["arguments"]}}}' for call in calls)
            parts.append("Calls:\n" + "\n".join(lines))
        elif message["role"] == "tool":
            parts.append(f"Result: {message['content']}")
        else:
            parts.append(f"{message['role'].capitalize()}: {message['content']}")
    return "\n\n".join(parts)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
