"""The line that comes when nothing else does, and the log of events around a stage."""

from __future__ import annotations

import time
from pathlib import Path

import orjson
import pytest

from rephrase.errors import UserError
from rephrase.spark.runtime import lines
from rephrase.spark.runtime.lines import at_work, console, doing, event


@pytest.fixture
def hurried(monkeypatch):
    """A line is due after a fifth of a second instead of 15."""
    for name, seconds in (("EVERY", 0.2), ("_GRACE", 0.05), ("_POLL", 0.02)):
        monkeypatch.setattr(lines, name, seconds)


def test_a_stage_that_waits_for_something_says_so_again_and_again(tmp_path, hurried, capsys):
    with at_work("shard", str(tmp_path)):
        time.sleep(0.8)
        with doing(lambda: "Spark starts"):
            time.sleep(0.8)
    told = capsys.readouterr().err.splitlines()
    assert 2 <= told.count("shard: at work for 0 s") + told.count("shard: at work for 1 s") <= 4
    assert 2 <= told.count("Spark starts") <= 4


def test_nothing_is_added_where_lines_come_or_a_display_is_shown(tmp_path, hurried, capsys):
    with at_work("shard", str(tmp_path)):
        for _ in range(8):
            console.print("a line")
            time.sleep(0.1)
        with doing(lambda: ""):
            time.sleep(0.6)
    assert set(capsys.readouterr().err.splitlines()) == {"a line"}


def test_words_that_cannot_be_had_just_now_end_no_lines(tmp_path, hurried, capsys):
    def words() -> str:
        raise RuntimeError("dictionary changed size during iteration")

    with at_work("shard", str(tmp_path)), doing(words):
        time.sleep(0.8)
    assert len(capsys.readouterr().err.splitlines()) >= 2


def test_what_ends_a_stage_stands_in_the_log_of_events(tmp_path):
    def stage() -> None:
        with at_work("mix", str(tmp_path)):
            event("stage_begun", stage="mix")
            raise UserError("there is too little text", where="mix")

    with pytest.raises(UserError):
        stage()
    [log] = Path(tmp_path, "logs").glob("events-*.jsonl")
    events = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    assert [(one["event"], one["stage"]) for one in events] == [("stage_begun", "mix"), ("error", "mix")]
    assert events[1]["error"] == "mix: there is too little text"
    event("figures")  # of no stage: goes nowhere
    assert len(log.read_bytes().splitlines()) == 2
