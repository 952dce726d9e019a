"""What Prometheus and OpenTelemetry get of a run: a whole one, on a server that fails now and then."""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from rephrase.config.file import load_run
from rephrase.errors import UserError
from rephrase.live import totals
from rephrase.spark.runtime import task_reports
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.pipeline import run_all, run_stage
from rephrase.spark.stages.trials import notes_of
from tests.rephrase.engines.scripted import error, serving_thread
from tests.rephrase.spark.stages.test_pipeline import write_run
from tests.rephrase.spark.stages.test_rewrite import answer_of

if TYPE_CHECKING:
    from aiohttp import web

Samples = dict[tuple[str, str, str], float]  # by name, stage, and the value of the other label, if there is one


@dataclass
class Observed:
    """A run with a budget of 1,000 tokens, what was scraped of it over and over, and its spans."""

    run: Any
    port: int
    scrapes: list[Samples]
    kinds: dict[str, str]
    spans: list[ReadableSpan]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """Fails every fourth request, and keeps the later ones back until enough was seen of the earlier ones."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    async def answer(self, _body: dict, call: int) -> dict | web.Response:
        await asyncio.sleep(0.1)
        deadline = time.monotonic() + 60
        while call > 8 and not self.go_on.is_set() and time.monotonic() < deadline:  # noqa: ASYNC110  # another thread sets it
            await asyncio.sleep(0.05)
        if call % 4 == 0:
            return error(400, f"no completion for request {call}")
        return {**answer_of("The tide rises twice a day."), "usage": {"prompt_tokens": 5, "completion_tokens": 10}}


def tells_all(samples: Samples) -> bool:
    """Whether all is told of a rewrite stage that can be before a unit has ended."""
    names = {"rephrase_tokens_per_second", "rephrase_answers_total", "rephrase_requests_running"}
    above = all(samples.get((name, "rewrite", ""), 0) > 0 for name in names)
    others = {("rephrase_left_seconds", "rewrite", "least"), ("rephrase_errors_total", "rewrite", "engine:bad_request")}
    return above and others <= samples.keys()


def scrape(port: int, kinds: dict[str, str]) -> Samples | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
            families = list(text_string_to_metric_families(reply.read().decode()))
    except (urllib.error.URLError, ConnectionError):
        return None
    kinds.update((family.name, family.type) for family in families)
    samples = {}
    for sample in (sample for family in families for sample in family.samples):
        labels = dict(sample.labels)
        stage = labels.pop("stage")
        samples[sample.name, stage, "".join(labels.values())] = sample.value
    return samples


@pytest.fixture(scope="module")
def spans() -> Iterator[InMemorySpanExporter]:
    """The spans of this process, which has one provider for all its life."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    exporter.shutdown()


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: str, spark: LazySession, spans: InMemorySpanExporter) -> Observed:
    folder, port = tmp_path_factory.mktemp("observed"), free_port()
    server, ended, scrapes, kinds = Server(), threading.Event(), list[Samples](), dict[str, str]()

    def look_on() -> None:
        while not ended.wait(0.1):
            if samples := scrape(port, kinds):
                scrapes.append(samples)
                if tells_all(samples):
                    server.go_on.set()

    looking = threading.Thread(target=look_on)
    with pytest.MonkeyPatch.context() as patch, serving_thread(server.answer) as url:
        patch.setattr(task_reports, "_REFRESHED", 0.4)
        patch.setattr(totals, "_LEAST", 0.3)
        engine = {"kind": "endpoint", "url": url, "model": "m", "concurrency": 2}
        more = {"rewrite": {"max_engine_errors": 1.0}, "budget": {"tokens": 1000}, "metrics": {"port": port}}
        material = {"paths": ["raw"], "tokens_per_unit": 3000}
        run = load_run(str(write_run(folder, tokenizer_file, engine, documents=12, input=material, recipes=["wrap/easy"], **more)))
        looking.start()
        try:
            run_all(run, spark)
        finally:
            ended.set()
            looking.join()
    return Observed(run, port, scrapes, kinds, list(spans.get_finished_spans()))


def test_figures_of_units_in_flight_can_be_scraped(observed: Observed) -> None:
    samples = next(filter(tells_all, observed.scrapes))
    assert samples["rephrase_units_done", "rewrite", ""] == samples["rephrase_generations_total", "rewrite", ""] == 0
    assert samples["rephrase_errors_total", "rewrite", "engine:bad_request"] > 0
    assert samples["rephrase_executors", "rewrite", "working"] == 1
    assert samples["rephrase_stalled", "rewrite", ""] == 0


def test_counters_only_grow_and_end_at_what_is_stored(observed: Observed) -> None:
    counters = {f"{name}_total" for name, kind in observed.kinds.items() if kind == "counter"}
    assert {"rephrase_answers_total", "rephrase_errors_total"} <= counters
    for before, after in itertools.pairwise(observed.scrapes):
        fallen = {key for key, value in before.items() if key[0] in counters and after.get(key, 0) < value}
        assert fallen == set()
    last, notes = observed.scrapes[-1], notes_of(observed.run)
    errors, written = sum(note.errors for note in notes), sum(note.completion_tokens for note in notes)
    rows = sum(note.generations for note in notes)
    assert errors > 0
    assert last["rephrase_errors_total", "rewrite", "engine:bad_request"] == errors, "by code, whatever the server's words are"
    assert len([key for key in last if key[0] == "rephrase_errors_total"]) == 1
    assert last["rephrase_answers_total", "rewrite", ""] == last["rephrase_generations_total", "rewrite", ""] == rows
    assert last["rephrase_completion_tokens_total", "rewrite", ""] == written
    assert last["rephrase_budget_spent_ratio", "rewrite", "tokens"] == written / 1000
    assert last["rephrase_verdicts_total", "filter", "keep"] == rows - errors
    for stage in ("shard", "rewrite", "filter"):
        assert last["rephrase_units_done", stage, ""] == last["rephrase_units", stage, ""] > 0


def test_the_endpoint_ends_with_the_command(observed: Observed) -> None:
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", observed.port)) != 0


def test_stages_and_their_parts_are_spans_of_a_command_with_what_they_count(observed: Observed) -> None:
    by_id = {span.context.span_id: span.name for span in observed.spans}
    tree = {span.name: by_id.get(span.parent.span_id) if span.parent else None for span in observed.spans}
    stages = dict.fromkeys(("shard stage", "rewrite stage", "filter stage", "mix stage"), "rephrase run")
    parts = {"shard": "shard stage", "shard (repeats)": "shard stage", "rewrite": "rewrite stage", "filter": "filter stage"}
    assert tree == {"rephrase run": None, **stages, **parts, "mix (exchange)": "mix stage", "mix": "mix stage"}
    notes = notes_of(observed.run)
    told = {span.name: {key.removeprefix("rephrase."): value for key, value in span.attributes.items()} for span in observed.spans}
    assert told["rewrite stage"] == {"stage": "rewrite", "output": observed.run.output}
    rewrite = told["rewrite"]
    assert (rewrite["units"], rewrite["units_done"], rewrite["complete"]) == (len(notes), len(notes), True)
    assert rewrite["generations"] == sum(note.generations for note in notes)
    assert rewrite["completion_tokens"] == sum(note.completion_tokens for note in notes)
    assert told["shard (repeats)"]["documents"] == 12


def test_an_error_is_kept_by_its_span(tmp_path: Path, tokenizer_file: str, spark: LazySession, spans: InMemorySpanExporter) -> None:
    run = load_run(str(write_run(tmp_path, tokenizer_file, {"kind": "echo"})))
    with pytest.raises(UserError, match="run the shard stage first"):
        run_stage("rewrite", run, spark)
    stage, command = spans.get_finished_spans()[-2:]
    assert (stage.name, command.name) == ("rewrite stage", "rephrase rewrite")
    assert stage.status.status_code is command.status.status_code is trace.StatusCode.ERROR
    assert "run the shard stage first" in stage.events[-1].attributes["exception.message"]


def test_a_port_that_is_taken_is_told_before_any_work(tmp_path: Path, tokenizer_file: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        run = load_run(str(write_run(tmp_path, tokenizer_file, {"kind": "echo"}, metrics={"port": port})))
        began = time.monotonic()
        with pytest.raises(UserError, match=rf"line \d+: `metrics`: port {port} of 127.0.0.1 cannot be had .*: Address already in use"):
            run_all(run, LazySession(run.spark))
    assert time.monotonic() - began < 5
    assert not Path(run.output).exists()


@pytest.mark.parametrize("address", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_told(tmp_path: Path, tokenizer_file: str, address: str) -> None:
    config = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, metrics={"port": free_port(), "address": address})
    run = load_run(str(config))
    with pytest.raises(UserError, match=f"of {address} cannot be had") as raised:
        run_all(run, LazySession(run.spark))
    assert "one of this machine's own" in raised.value.cure


def test_a_missing_library_is_told_with_its_name(tmp_path: Path, tokenizer_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    run = load_run(str(write_run(tmp_path, tokenizer_file, {"kind": "echo"}, metrics={"port": free_port()})))
    with pytest.raises(UserError, match=r"prometheus-client is not installed \(pip install '\.\[metrics\]' in the checkout of rephrase\)"):
        run_all(run, LazySession(run.spark))


def test_where_no_spans_are_gathered_nothing_is_loaded_for_them() -> None:
    code = "import sys\nfrom rephrase.live.spans import event, span\nwith span('s'): event('e', {})\nprint('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
