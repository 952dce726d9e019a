"""Commands, stages and their parts as spans of OpenTelemetry, where the process has set that up. Nothing is imported for it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import Span


@dataclass
class _Open:
    """A span, and that of the part which is at work in it."""

    span: Span
    part: Span | None = None


_open: list[_Open] = []


@contextlib.contextmanager
def span(name: str, **attributes: str) -> Iterator[None]:
    """A span around a block, which keeps the error that ends it. Requests of instrumented libraries in the block are its children."""
    trace = _api()
    if trace is None:
        yield
        return
    with trace.get_tracer("rephrase").start_as_current_span(name, attributes=_named(attributes)) as current:
        entry = _Open(current)
        _open.append(entry)
        try:
            yield
        finally:
            _open.remove(entry)
            if entry.part:  # it was begun, and Spark did not start
                entry.part.end()


def event(name: str, fields: Mapping[str, Any]) -> None:
    """Take an event of the run's log: a part of a stage that begins or ends is a span of its own, others are events of the innermost."""
    trace = _api()
    if trace is None or not _open:
        return
    inner = _open[-1]
    if name == "stage_begun":
        inner.part = trace.get_tracer("rephrase").start_span(fields["stage"], attributes=_named(fields))
    elif name == "stage_ended" and inner.part:
        inner.part.set_attributes(_named({**fields, **fields["counts"]}))
        if not fields["complete"]:
            inner.part.set_status(trace.StatusCode.ERROR)
        inner.part.end()
        inner.part = None
    elif name != "figures":  # of which there are many in a long run, and a span keeps some hundred events
        (inner.part or inner.span).add_event(name, _named(fields))


def _api() -> Any:
    """The module `opentelemetry.trace`, which whoever has set up a provider has imported; None without one."""
    return sys.modules.get("opentelemetry.trace")


def _named(fields: Mapping[str, Any]) -> dict[str, str | int | float]:
    return {f"rephrase.{name}": value for name, value in fields.items() if isinstance(value, str | int | float)}
