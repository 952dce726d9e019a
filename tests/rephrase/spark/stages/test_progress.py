"""What the rewrite stage tells while it runs, from the notes of real objects."""

from __future__ import annotations

import pickle
import time
from types import SimpleNamespace

import pyarrow as pa

from rephrase import storage
from rephrase.live.figures import Totals
from rephrase.notes import EngineFigures, GenerationsNote, JudgedNote
from rephrase.spark.runtime.account import Sums
from rephrase.spark.runtime.progress import StageProgress
from rephrase.spark.stages.rewrite.pace import Pace
from rephrase.storage import tables


def note(start: float, end: float, *, server: str = "", written: float = 0) -> GenerationsNote:
    """What a unit of 100 rows leaves behind. `written` is the server's own count of tokens by then."""
    counts = {"requests": 100, "generations": 100, "errors": 5, "completion_tokens": 1200, "reused": 10, "reused_tokens": 200}
    figures = EngineFigures(server=server, generation_tokens=written, cache_queries=1000.0, cache_hits=400.0)
    engine = figures if server else EngineFigures()
    return GenerationsNote(**counts, started=start, ended=end, engine=engine, causes={"parse:json": 5})


def commit(folder, number: int, about: GenerationsNote) -> str:
    path = str(folder / f"part-{number}.parquet")
    tables.commit(path, pa.table({"id": ["x"]}), about)
    return path


def test_the_line_tells_units_rows_rates_errors_cache_and_the_time_left(tmp_path, capsys, monkeypatch):
    now = time.time()
    clock = SimpleNamespace(monotonic=lambda: 1000.0, time=time.time)
    monkeypatch.setattr("rephrase.spark.runtime.progress.time", clock)
    weights = {str(tmp_path / f"part-{number}.parquet"): weight for number, weight in enumerate([10.0, 30.0, 60.0])}
    commit(tmp_path, 0, note(now - 300, now - 200))
    with StageProgress("rewrite", str(tmp_path), 3, 1, Pace(), weights=weights) as progress:
        clock.monotonic = lambda: 1060.0
        commit(tmp_path, 1, note(now - 90, now - 50, server="a", written=1000))
        progress.look()
        first = capsys.readouterr().err
        commit(tmp_path, 2, note(now - 50, now - 10, server="a", written=9000))
        clock.monotonic = lambda: 1120.0
        progress.look()
        second = capsys.readouterr().err
    last = capsys.readouterr().err
    assert "rewrite: 1 of 3 units is there already, resuming" in first
    counts = "100 generations, 17 tokens/s with starts and waiting, 5.0% errors, 10 reused, 40% of"
    assert f"rewrite: 2/3 units, 60 s, about 2 min left, {counts}" in first
    counts = "200 generations, 200 tokens/s now, 17 with starts and waiting, 5.0% errors, 20 reused, 40% of prompts cached"
    assert counts in second
    assert "rewrite: 2 units in 120.0 s" in last
    assert counts.replace("200 tokens/s now, 17", "17 tokens/s") in last, "when all is done, nothing is written now"


def test_no_time_left_is_told_while_no_answer_comes(tmp_path, monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: 1000.0, time=time.time)
    monkeypatch.setattr("rephrase.spark.runtime.progress.time", clock)
    with StageProgress("rewrite", str(tmp_path), 3, 0, None) as progress:
        clock.monotonic = lambda: 1060.0
        commit(tmp_path, 0, note(0.0, 10.0))
        progress.look()
        assert "left" in progress.line()
        progress.hear(Totals(stall="no answer for 66 s", all_stalled=True))
        assert "left" not in progress.line()
        assert progress.figures().seconds_left is None
        progress.hear(Totals())
        assert "left" in progress.line()


def test_servers_that_are_gone_write_nothing_now_and_idle_days_are_no_work():
    pace = Pace()
    for day in (0, 1):  # a run that died, and was resumed the day after on another server
        for second in range(0, 600, 20):
            at = 86400.0 * day + second
            pace.add(note(at, at + 20, server=f"server of day {day}", written=50.0 * second))
    assert pace.seconds == 1200
    assert pace.now(86400 + 610) == 50
    assert pace.now(3 * 86400) is None, "the driver has died"
    assert "now" not in pace.describe(pace.seconds)
    assert "50 tokens/s" in pace.describe(pace.seconds)


def test_units_of_a_server_that_end_together_do_not_tell_its_rate():
    pace = Pace()
    for end in (100.0, 100.1):
        pace.add(note(40.0, end, server="a", written=6000))
    assert pace.now(101) is None
    assert "now" not in pace.describe(60)
    pace.add(note(100.0, 110.0, server="a", written=7000))
    assert pace.now(111) == 100


def test_what_is_kept_does_not_grow_with_the_units():
    pace = Pace()
    sizes = []
    for number in range(10_000):
        pace.add(note(float(number), number + 2.0, server=f"s{number % 2}", written=10.0 * number))
        sizes.append(len(pickle.dumps(pace)))
    assert sizes[-1] < 1.1 * sizes[500]
    assert round(pace.now(10_001) or 0) == 20


def test_an_object_that_is_made_again_is_done_once_it_has_another_note(tmp_path, capsys):
    before = note(0.0, 10.0)
    path = commit(tmp_path, 0, before)
    with StageProgress("rewrite", str(tmp_path), 1, 0, Pace(), replaced={path: before}) as progress:
        progress.look()
        assert progress.done == 0
        storage.put(path, tables.encode(pa.table({"id": ["x"]}), note(20.0, 30.0)))
    assert progress.done == 1
    assert "rewrite: 1 unit in " in capsys.readouterr().err


def test_what_is_said_of_a_stage_comes_from_the_sum_of_its_notes(tmp_path, capsys):
    account = Sums(JudgedNote, lambda sums, _seconds: f"{sums.judged} judged: {sums.verdicts}")
    with StageProgress("filter", str(tmp_path), 2, 0, account):
        for number in range(2):
            verdicts = {"keep": 2, f"check {number}": 1}
            tables.commit(str(tmp_path / f"{number}.parquet"), pa.table({"id": ["x"]}), JudgedNote(judged=3, verdicts=verdicts))
    assert "6 judged: {'keep': 4, 'check 0': 1, 'check 1': 1}" in capsys.readouterr().err


def test_an_object_that_another_driver_has_removed_meanwhile_is_passed_over(tmp_path, monkeypatch):
    there = commit(tmp_path, 0, note(0.0, 10.0))
    gone = storage.FileInfo(str(tmp_path / "part-1.parquet"), 7)
    with StageProgress("shard", str(tmp_path / "not yet"), 2, 0, Pace()) as progress:
        monkeypatch.setattr(storage, "list_files", lambda _folder: iter([storage.FileInfo(there, 7), gone]))
    assert progress.done == 1
