"""What a user sees while a stage runs on a server that is slow, or answers nothing: in its log, and from another shell."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.errors import UserError
from rephrase.live import totals
from rephrase.spark.runtime import lines, task_reports
from rephrase.spark.runtime.job import run_action
from rephrase.spark.runtime.task_reports import Reports
from rephrase.spark.stages.pipeline import run_stage
from rephrase.storage import tables
from tests.rephrase.engines.scripted import serving_thread
from tests.rephrase.spark.stages.test_pipeline import write_run
from tests.rephrase.spark.standalone import wait_for

EVERY = 1.0  # seconds instead of 15 between two lines of a log
SLACK = 1.0  # seconds that a busy machine may be late


@pytest.fixture
def printed(monkeypatch) -> Iterator[list[tuple[float, str]]]:
    """The lines of the console with their times, in a log in which a line is due every second."""
    told: list[tuple[float, str]] = []
    plain = type(lines.console).print

    def note(console, *objects, **options) -> None:
        told.append((time.monotonic(), " ".join(map(str, objects))))
        plain(console, *objects, **options)

    monkeypatch.setattr(type(lines.console), "print", note)
    for name, seconds in (("EVERY", EVERY), ("_GRACE", 0.2), ("_POLL", 0.05)):
        monkeypatch.setattr(lines, name, seconds)
    monkeypatch.setattr(task_reports, "_REFRESHED", 0.4)
    monkeypatch.setattr(totals, "_LEAST", 0.3)
    return told


def answered(body: dict) -> dict:
    text = f"Question: What is told of {len(body['messages'][0]['content'])}?\nAnswer: What the passage tells, and no more than that."
    message = {"index": 0, "finish_reason": "stop", "message": {"content": text}}
    return {"choices": [message], "usage": {"prompt_tokens": 9, "completion_tokens": 20}}


def a_run(folder: Path, tokenizer: str, url: str, **engine):
    endpoint = {"kind": "endpoint", "url": url, "model": "m", "concurrency": 4, **engine}
    return load_run(str(write_run(folder, tokenizer, endpoint, documents=6, input=one_object(folder))))


def one_object(folder: Path) -> dict:
    return {"paths": [str(folder / "raw" / "notes.jsonl")], "tokens_per_unit": 100_000}


def status(config: Path, *options: str) -> str:
    command = [sys.executable, "-m", "rephrase.cli.main", "status", str(config), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_slow_server_leaves_no_long_silence_and_its_rate_is_told_before_a_unit_ends(tmp_path, tokenizer_file, spark, printed):
    async def slow(body: dict, _call: int) -> dict:
        await asyncio.sleep(1.2)
        return answered(body)

    with serving_thread(slow) as url:
        run = a_run(tmp_path, tokenizer_file, url)
        run_stage("shard", run, spark)
        printed.clear()
        began = time.monotonic()
        run_stage("rewrite", run, spark)
        ended = time.monotonic()
    times = [began, *(at for at, _ in printed), ended]
    assert max(late - early for early, late in itertools.pairwise(times)) < EVERY * 20 / 15 + SLACK
    texts = [text for _, text in printed]
    assert re.match(r"rewrite: begins, 4 units of wrap/\w+, wrap/\w+, wrap/\w+ and 1 more recipes over 6 rows with [\d,]+ tokens", texts[0])
    assert "asks m by an engine endpoint" in texts[0]
    before = [text for text in texts if text.startswith("rewrite: 0/4 units")]
    assert any(re.search(r"\d+ answers, \d running, \d+ tokens/s now, \d+ since the first token", text) for text in before), texts
    assert any(re.search(r"\d+( s| min)? (to \d+ (s|min) )?left", text) for text in before), "before a unit has ended"
    assert texts[-1].startswith("rewrite: 4 units in ")
    names = {storage.name_of(file.path) for file in storage.list_files(storage.join(run.output, "generations"))}
    assert not [name for name in names if "figures" in name], "what was told goes with the job"
    [log] = Path(run.output, "logs").glob("events-*-*.jsonl")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [one["event"] for one in events if one.get("stage") == "rewrite"] == ["stage_begun", "stage_ended"]
    jobs = spark.get().sparkContext._jsc.sc().statusStore().jobsList(None)
    descriptions = [jobs.apply(number).description() for number in range(jobs.size())]
    assert any("rewrite: wrap/" in text.get() and "units 1 to 4 of 4" in text.get() for text in descriptions if text.isDefined())


def test_a_server_that_hangs_is_told_and_seen_from_another_shell(tmp_path, tokenizer_file, spark, printed, monkeypatch):
    monkeypatch.setattr(totals, "STALLED", 2.0)
    go, seen = threading.Event(), []

    async def hang(body: dict, _call: int) -> dict:
        while not go.is_set():  # noqa: ASYNC110  # another thread ends it
            await asyncio.sleep(0.05)
        return answered(body)

    def look_on() -> None:
        try:
            wait_for(lambda: any("no answer for" in text for _, text in printed))
            seen.extend([json.loads(status(tmp_path / "out.yaml", "--json")), status(tmp_path / "out.yaml")])
        finally:
            go.set()

    with serving_thread(hang) as url:
        run = a_run(tmp_path, tokenizer_file, url)
        run_stage("shard", run, spark)
        printed.clear()
        looking = threading.Thread(target=look_on)
        looking.start()
        run_stage("rewrite", run, spark)
        looking.join()
    stalls = [text for _, text in printed if "no answer for" in text]
    assert re.search(rf"rewrite: 0/4 units, \d+ s, no answer for \d+ s: 8 requests wait at {re.escape(url)}", stalls[0])
    as_json, in_words = seen
    [at_work] = as_json["at_work"]
    assert (at_work["stage"], at_work["units"], at_work["units_in_all"]) == ("rewrite", 0, 4)
    assert at_work["totals"]["running"] == 8, "four a task"
    assert "8 requests wait" in at_work["totals"]["stall"]
    assert len(at_work["executors"]) == 1, "one object for all workers of an executor"
    assert at_work["seconds_since_heard"] < 30
    assert [stage["stage"] for stage in as_json["stages"]] == ["shard", "rewrite", "filter", "mix"]
    assert re.search(r"Now, rewrite.*: 0 of 4 units, at work for \d+ s, no answer for \d+ s", " ".join(in_words.split()))
    assert json.loads(status(tmp_path / "out.yaml", "--json"))["at_work"] == [], "the stage has ended"


def test_a_server_that_goes_away_ends_the_run_and_costs_no_row(tmp_path, tokenizer_file, spark, printed, monkeypatch):
    monkeypatch.setattr(totals, "_FAILING", 0.5)
    patience, before, calls = 4, 5, []

    async def answer(body: dict, _call: int) -> dict:
        calls.append(body)
        await asyncio.sleep(0.1)
        return answered(body)

    with ExitStack() as first:
        url = first.enter_context(serving_thread(answer))

        def end_server() -> None:
            wait_for(lambda: len(calls) >= before)
            first.close()

        run = a_run(tmp_path, tokenizer_file, url, concurrency=1, outage_timeout=patience)
        run_stage("shard", run, spark)
        printed.clear()
        ending = threading.Thread(target=end_server)
        ending.start()
        cause = f"cannot connect to {urlsplit(url).netloc}: Connection refused"
        with pytest.raises(UserError, match=rf"the endpoint does not answer: {cause} \(start it, or check `url`"):
            run_stage("rewrite", run, spark)
        ending.join()
    stalls = [text for _, text in printed if "no answer for" in text]
    words = rf"2 requests wait at {url} \({cause}; gives up after {patience} s\), \d answers, 2 running"
    assert any(re.search(words, text) for text in stalls), printed
    assert not any("failed" in text or "errors" in text for text in stalls), "whoever waits has not failed"
    with serving_thread(answer, port=urlsplit(url).port):
        run_stage("rewrite", run, spark)
    rows = tables.read_folder(storage.join(run.output, "generations"), ["error"])
    assert set(rows["error"].to_pylist()) == {None}
    assert rows.num_rows <= len(calls) <= rows.num_rows + 2, "what was answered is not asked again"


def test_an_action_without_units_tells_of_its_tasks(tmp_path, spark, printed):
    def busy(batches):
        time.sleep(4)
        yield from batches

    action = spark.get().range(0, 2, 1, 2).mapInArrow(busy, "id long").collect
    run_action(action, spark.get(), Reports(str(tmp_path)), title="dedup (judged)")
    texts = [text for _, text in printed]
    assert len(texts) >= 2
    assert all(text.startswith("dedup (judged): at work for ") for text in texts)
    assert any(re.search("Spark tasks: .*0 of 2 done in this step", text) for text in texts)


@pytest.mark.long
def test_no_20_seconds_pass_without_a_line(tmp_path, tokenizer_file):
    async def slow(body: dict, _call: int) -> dict:
        await asyncio.sleep(25)
        return answered(body)

    with serving_thread(slow) as url:
        a_run(tmp_path, tokenizer_file, url, concurrency=64)
        command = [sys.executable, "-m", "rephrase.cli.main", "run", str(tmp_path / "out.yaml"), "--master", "local[2]"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        times = [time.monotonic()]
        times += [time.monotonic() for _ in process.stderr]
        assert process.wait() == 0
    assert max(late - early for early, late in itertools.pairwise(times)) < 20
