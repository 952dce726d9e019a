"""What is read from the event logs of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from rephrase.errors import UserError
from rephrase.live.events import EventLog
from rephrase.report.events import Queue, events_of


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE) for event in events)


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / "logs" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def test_the_log_of_a_command_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert events_of(str(tmp_path)) is None
    log = EventLog(str(tmp_path))
    log.add("stage_begun", stage="rewrite", units=2)
    log.add("figures", stage="rewrite", units_in_flight=2, running=3, waiting=1, starting=0)
    log.add("stage_ended", stage="rewrite", complete=True)
    log.close()
    told = events_of(str(tmp_path))
    assert told is not None
    assert list(told.stages) == ["rewrite"]
    assert [(queue.running, queue.waiting, queue.gpu_busy) for queue in told.queues] == [(3, 1, None)]


def test_stages_add_up_over_their_parts_and_over_commands_killed_ones_too(tmp_path: Path) -> None:
    begun, ended = ({"event": f"stage_{word}"} for word in ("begun", "ended"))
    first = [
        begun | {"at": 10, "stage": "shard"},
        ended | {"at": 14, "stage": "shard"},
        begun | {"at": 14, "stage": "shard (repeats)"},
        ended | {"at": 15, "stage": "shard (repeats)"},
        begun | {"at": 20, "stage": "rewrite"},
        {"at": 80, "event": "figures", "stage": "rewrite", "units_in_flight": 1, "running": 0, "starting": 1},
    ]
    write(tmp_path, "events-20260101T000000-1.jsonl", lines(*first) + b'{"at": 90, "event": "fig')
    second = [
        begun | {"at": 1000, "stage": "rewrite"},
        {"at": 1060, "event": "figures", "stage": "rewrite", "units_in_flight": 4, "running": 7, "waiting": 0, "gpu_busy": 0.9},
        ended | {"at": 1100, "stage": "rewrite"},
    ]
    write(tmp_path, "events-20260101T010000-2-0001.jsonl", lines(second[0]))
    write(tmp_path, "events-20260101T010000-2-0002.jsonl", lines(*second[1:]))
    write(tmp_path, "engine.log", b"not an event")
    told = events_of(str(tmp_path))
    assert told is not None
    assert told.stages == {"shard": 5, "rewrite": 60 + 100}
    assert told.queues == (Queue(1060, 7, 0, 0.9),), "engines that only start have no requests to tell of"


def test_a_line_that_is_no_event_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "events-20260101T000000-1.jsonl", b"[1]\n" + lines({"at": 1, "event": "stage_begun", "stage": "shard"}))
    with pytest.raises(UserError, match="line 1 is no event") as raised:
        events_of(str(tmp_path))
    assert raised.value.where == str(path)
