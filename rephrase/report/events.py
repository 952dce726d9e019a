"""What the event log of a run tells of its time: the stages, and the requests in engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from rephrase import storage
from rephrase.errors import UserError
from rephrase.live.events import FOLDER, PREFIX

_REWRITE = "rewrite"


@dataclass(frozen=True, slots=True)
class Queue:
    """What all engines had at a moment."""

    at: float
    """Unix time, seconds."""
    running: int
    """Requests in their batches."""
    waiting: int | None
    """Requests that wait for a place in a batch; None where no server tells."""
    gpu_busy: float | None
    """The mean share of time in which GPUs computed; None where nothing tells."""


@dataclass(frozen=True, slots=True)
class Events:
    """The event logs of a run, of all commands that worked on it."""

    stages: dict[str, float]
    """Seconds by stage in the order of their first beginnings, over all commands."""
    queues: tuple[Queue, ...]
    """Of the rewrite stage, about one a minute, without those at which engines only started."""


def events_of(output: str) -> Events | None:
    """What the logs of a run tell; None without any. Raises `UserError` for a line that is no event, but the last of a file."""
    stages: dict[str, float] = {}
    queues: list[Queue] = []
    logs = _logs(output)
    for paths in logs:
        begun: dict[str, float] = {}
        at = 0.0
        for event in _events(paths):
            at = event["at"]
            stage = str(event.get("stage", "")).split(" (")[0]  # what stands in brackets is a part of a stage, or the steps of a recipe
            if event["event"] == "stage_begun":
                stages.setdefault(stage, 0.0)
                begun[stage] = at
            elif event["event"] == "stage_ended" and stage in begun:
                stages[stage] += at - begun.pop(stage)
            elif event["event"] == "figures" and stage == _REWRITE and _has_queue(event):
                queues.append(Queue(at, event["running"], event.get("waiting"), event.get("gpu_busy")))
        for stage, start in begun.items():  # of a command that was killed, which told nothing of its end
            stages[stage] += at - start
    return Events(stages, tuple(sorted(queues, key=lambda queue: queue.at))) if logs else None


def _has_queue(event: dict[str, Any]) -> bool:
    """Whether units were in flight, and not all engines only started."""
    return bool(event.get("units_in_flight")) and "running" in event and bool(event["running"] or not event.get("starting"))


def _logs(output: str) -> list[list[str]]:
    """The files of each command: one on disk, several numbered ones in a store."""
    by_command: dict[str, list[str]] = {}
    for file in storage.list_files(storage.join(output, FOLDER)):
        name = storage.name_of(file.path)
        if name.startswith(PREFIX) and name.endswith(".jsonl"):
            stamp = "-".join(name.removesuffix(".jsonl").split("-")[:3])
            by_command.setdefault(stamp, []).append(file.path)
    return [sorted(paths) for _, paths in sorted(by_command.items())]


def _events(paths: list[str]) -> Iterator[dict[str, Any]]:
    for path in paths:
        lines = storage.read(path).splitlines()
        for number, line in enumerate(lines, 1):
            try:
                event = orjson.loads(line)
                yield {**event, "at": float(event["at"]), "event": str(event["event"])}
            except (ValueError, TypeError, KeyError) as error:
                if number == len(lines):  # a command that was killed while it wrote
                    return
                cure = "mend the line, or remove the file: a report does without it"
                raise UserError(f"line {number} is no event", where=path, cure=cure) from error
