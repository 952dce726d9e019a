"""Commands and stages as spans of OpenTelemetry, where the process that runs them has set that up. Nothing is imported for it."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_open: list[tuple[Span, Counter[str]]] = []


@contextlib.contextmanager
def span(name: str, **attributes: str) -> Iterator[None]:
    """A span around a block, which keeps the error that ends it. Requests of instrumented libraries in the block are its children."""
    trace: Any = sys.modules.get("opentelemetry.trace")  # whoever has set up a provider has imported it
    if trace is None:
        yield
        return
    named = {f"rephrase.{key}": value for key, value in attributes.items()}
    with trace.get_tracer("rephrase").start_as_current_span(name, attributes=named) as current:
        entry = (current, Counter[str]())
        _open.append(entry)
        try:
            yield
        finally:
            _open.remove(entry)


def event(name: str, fields: Mapping[str, Any]) -> None:
    """Add an event of the run's log to the innermost span; what parts of a stage count, at their ends, adds up to its attributes."""
    if not _open:
        return
    current, sums = _open[-1]
    current.add_event(name, {key: value for key, value in fields.items() if isinstance(value, str | int | float)})
    if name == "stage_ended":
        counts = {"units": fields["units_done"], **fields["counts"]}
        sums.update({key: value for key, value in counts.items() if isinstance(value, int)})
        current.set_attributes({f"rephrase.{key}": value for key, value in sums.items()})
