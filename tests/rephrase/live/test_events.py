"""The log of a run's events: lines on disk at once, objects of a store now and then."""

from __future__ import annotations

import json
from pathlib import Path

import orjson

from rephrase import storage
from rephrase.live import events
from rephrase.live.events import EventLog


def read(folder: str) -> list[dict]:
    files = sorted(file.path for file in storage.list_files(folder))
    return [orjson.loads(line) for path in files for line in storage.read(path).splitlines()]


def test_an_event_stands_on_disk_as_soon_as_it_is_told(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path))
    assert not (tmp_path / "logs").exists(), "nothing happened yet"
    log.add("stage_begun", stage="rewrite", units=3, note=None)
    log.add("figures", answers=5)
    first, second = read(str(tmp_path / "logs"))
    assert (first["event"], first["units"], second["answers"]) == ("stage_begun", 3, 5)
    assert "note" not in first
    assert len(list((tmp_path / "logs").glob("events-*.jsonl"))) == 1


def test_a_store_gets_few_objects_and_loses_nothing(bucket, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(events.time, "monotonic", lambda: now[0])
    log = EventLog(f"{bucket}/run")
    for number in range(1000):
        now[0] += 10.0
        log.add("figures", number=number)
    log.close()
    assert [line["number"] for line in read(f"{bucket}/run/logs")] == list(range(1000))
    assert len(list(storage.list_files(f"{bucket}/run/logs"))) < 200


def test_a_place_that_takes_nothing_ends_no_run(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder would be")
    log = EventLog(str(tmp_path))
    log.add("stage_begun", stage="rewrite")
    log.close()


def test_a_name_that_is_no_text_and_a_number_too_large_end_nothing(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path))
    log.add("error", error="cannot read: b\udcff.jsonl", bytes=2**70)
    [line] = next((tmp_path / "logs").glob("*.jsonl")).read_text().splitlines()
    assert json.loads(line)["bytes"] == 2**70
