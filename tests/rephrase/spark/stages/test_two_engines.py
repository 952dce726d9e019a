"""A run with two engines is killed in the step of each, and resumed to its end: a real small model writes, a scripted endpoint judges."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from rephrase import storage
from rephrase.cli.summary_tables import print_summary
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.storage import tables
from tests.rephrase.engines.scripted import serving_thread
from tests.rephrase.spark.stages.test_pipeline import TOPICS
from tests.rephrase.spark.stages.test_rewrite import answer_of, command
from tests.rephrase.spark.standalone import wait_for
from tests.small_model import small_model
from tests.tiny_model import ENGINE

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
MODEL = "SmolLM2-135M-Instruct"
ASPECTS = ("instruction_following", "truthfulness", "honesty", "helpfulness")
STYLES = 4  # answers to a document, each at another temperature
PATIENCE = 600.0  # seconds for a start of vLLM and some answers, on a machine with other work


class Judge:
    """Grades answers; after so many of them it says nothing any more."""

    def __init__(self, pause_after: int | None) -> None:
        self.pause_after = pause_after
        self.asked: list[str] = []
        self.answered: list[str] = []

    @property
    def is_paused(self) -> bool:
        return self.pause_after is not None and len(self.asked) > self.pause_after

    async def answer(self, body: dict, _call: int) -> dict:
        prompt = body["messages"][-1]["content"]
        self.asked.append(prompt)
        while self.is_paused:  # noqa: ASYNC110  # another thread ends it
            await asyncio.sleep(0.05)
        self.answered.append(prompt)
        return answer_of(json.dumps(dict.fromkeys(ASPECTS, 1 + sha256(prompt.encode()).digest()[0] % 5)))


def write_config(folder: Path, model: Path, judge_url: str) -> Path:
    requests = [f"The {topic} of the town is {age} years old, and people still talk about it. " for age, topic in enumerate(TOPICS, 100)]
    lines = [json.dumps({"id": str(n), "text": 2 * text + "Say in one sentence why."}) for n, text in enumerate(requests)]
    (folder / "requests.jsonl").write_text("\n".join(lines))
    short = {"max_tokens": 40, "stop": ["."]}
    config = {
        "output": "out",
        "input": {"paths": "requests.jsonl", "min_characters": 0, "tokens_per_unit": 150},
        "tokenizer": str(model),
        "engines": {
            "writer": {
                "kind": "vllm",
                "model": str(model),
                "args": [*ENGINE["args"], "--enable-log-requests"],
                "env": ENGINE["env"],
                "batch_size": 2,
                "concurrency": 4,
            },
            "judge": {"kind": "endpoint", "url": judge_url, "model": "the-judge", "concurrency": 2},
        },
        "recipes": [
            {"use": "preference/grades", "sampling": short, "steps": {"judge": {"engine": "judge"}}},
            {"use": "wrap/easy", "sampling": short},
        ],
        "filter": {"checks": ["finished", "parsed"]},
        "mix": {
            "skip_empty": True,
            "components": [
                {"origin": "original", "share": 0.4},
                {"recipe": "preference/*", "share": 0.3},
                {"recipe": "wrap/*", "share": 0.3},
            ],
        },
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@contextmanager
def driver(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`rephrase run`, in a process group of its own; its log grows beside the config."""
    with open(path.with_name("driver.log"), "ab") as log:
        process = subprocess.Popen(command("run", path, "--master", "local[2]"), stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run_until(path: Path, is_time: Callable[[], bool]) -> None:
    """Begin or resume the run, and kill its driver, which must still be at work then, with all of its process group."""
    log = path.with_name("driver.log")
    with driver(path) as process:
        wait_for(lambda: process.poll() is not None or is_time(), PATIENCE)
        assert process.poll() is None, log.read_text()[-3000:]


def kept_answers(run: Run) -> Counter[str]:
    """How many different answers a killed run has kept of each engine: in finished units, and of those that were cut off."""
    folder = Path(run.output) / "answers"
    lines = [
        json.loads(line) for file in folder.rglob("*.jsonl") for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")
    ]
    answers = {(line["request"], line["seed"], line["engine"].split()[0]) for line in lines}
    answers |= {(row["request_digest"], row["seed"], row["engine"].split()[0]) for row in generations(run)}
    return Counter(engine for *_, engine in answers)


def generations(run: Run) -> list[dict]:
    folder = storage.join(run.output, "generations")
    return [row for path in tables.objects(folder) for row in tables.read(path).to_pylist()]


def asked_of_writers(run: Run, servers: int) -> list[int]:
    """How many prompts each of so many servers got in their order, by their logs, which they leave when they end."""
    logs = Path(run.output) / "logs"
    wait_for(lambda: len(list(logs.glob("engine-*.log"))) == servers, 60)
    in_order = sorted(logs.glob("engine-*.log"), key=lambda log: log.stem.rpartition("-")[2])
    return [log.read_text(errors="replace").count("Received request ") for log in in_order]


def test_a_run_with_a_real_writer_and_a_judge_is_killed_in_the_step_of_each_and_resumed(tmp_path):
    judge = Judge(pause_after=12)
    with serving_thread(judge.answer) as judge_url:
        path = write_config(tmp_path, small_model(), judge_url)
        run = load_run(str(path))
        run_until(path, lambda: kept_answers(run)["vllm"] >= 10)
        [first] = asked_of_writers(run, 1)
        kept_by_writer = kept_answers(run)["vllm"]
        assert not judge.asked, "the judge's step comes after the writer's"

        run_until(path, lambda: judge.is_paused and kept_answers(run)["endpoint"] == len(judge.answered))
        _, second = asked_of_writers(run, 2)
        kept_by_judge, asked_before = len(judge.answered), len(judge.asked)
        judge.pause_after = None

        with driver(path) as process:
            assert process.wait(PATIENCE) == 0, path.with_name("driver.log").read_text()[-3000:]
    check_tables(run)
    check_provenance(run)

    rows = generations(run)
    of_writer, of_judge = [len([row for row in rows if row["model"] == model]) for model in (MODEL, "the-judge")]
    judged = len(judge.asked) - asked_before
    print(f"writer: {of_writer} rows, {kept_by_writer} answers kept at the kill, {first} asked before it, {second} after")
    print(f"judge: {of_judge} rows, {kept_by_judge} answers kept at the kill, {asked_before} asked before it, {judged} after")
    assert 10 <= kept_by_writer < of_writer
    assert second <= of_writer - kept_by_writer, "what the first server had answered is not asked again"
    assert path.with_name("driver.log").read_text().count(f"vLLM for {MODEL} answers after") == 2, "no third one starts for the judge"
    assert kept_by_judge == 12 < of_judge
    assert judged == of_judge - kept_by_judge, "nor what the judge had"
    assert len(set(judge.asked)) == of_judge


def check_tables(run: Run) -> None:
    """Each row is there once: of each document its answers, their grades, and its rewrite."""
    rows = generations(run)
    documents = tables.read_folder(storage.join(run.output, "documents"))["id"].to_pylist()
    assert len(documents) == len(set(documents)) == len(TOPICS)
    assert len({row["id"] for row in rows}) == len(rows)
    for document in documents:
        steps = {
            step: [row for row in rows if (row["document_id"], row["step"]) == (document, step)] for step in ("answers", "judge", "rewrite")
        }
        assert len(steps["answers"]) == STYLES
        assert len(steps["rewrite"]) == 1
        answers = {json.loads(row["fields"])["answer"] for row in steps["answers"] if not row["error"]}
        assert len(steps["judge"]) == len(answers)
        assert {id_ for row in steps["judge"] for id_ in row["lineage"]} <= {row["id"] for row in steps["answers"]}
    assert not [row["error"] for row in rows if row["error"] and not row["error"].startswith("parse:")]
    judged = tables.read_folder(storage.join(run.output, "judged"))["id"].to_pylist()
    assert sorted(judged) == sorted(row["id"] for row in rows)
    units = tables.read(storage.join(run.output, "stats", "rewrite.parquet"))
    assert sum(units["generations"].to_pylist()) == len(rows)
    assert not (Path(run.output) / "answers").exists(), "what was kept is removed once its units are stored"


def check_provenance(run: Run) -> None:
    """Rows, the mixture, its manifest and card, and the summary tell of both engines, and which of them wrote what."""
    rows = generations(run)
    steps = {(row["recipe"], row["step"], row["model"], row["engine"].split()[0]) for row in rows}
    assert steps == {
        ("preference/grades", "answers", MODEL, "vllm"),
        ("preference/grades", "judge", "the-judge", "endpoint"),
        ("wrap/easy", "rewrite", MODEL, "vllm"),
    }
    [revision] = {row["model_revision"] for row in rows if row["model"] == MODEL}
    assert revision.startswith("files:")
    mixture = tables.read_folder(storage.join(run.output, "mixture", "data")).to_pylist()
    writers = {(row["recipe"], row["model"]) for row in mixture}
    assert writers == {(None, None), ("preference/grades", f"{MODEL} + the-judge"), ("wrap/easy", MODEL)}
    manifest = json.loads((Path(run.output) / "mixture" / "_manifest.json").read_text())
    assert set(manifest["models"]) == {MODEL, "the-judge"}
    assert manifest["engines"]["preference/grades"]["judge"]["model"] == "the-judge"
    card = (Path(run.output) / "mixture" / "README.md").read_text()
    assert re.search(r"\| preference/grades \| judge \| the-judge \|", card)
    assert f"All other steps were answered by `{MODEL}`" in card
    print_summary(run, console := Console(width=200, file=io.StringIO()))
    summary = console.file.getvalue()
    for model, count in Counter(row["model"] for row in rows).items():
        assert re.search(rf"by {re.escape(model)} +│ +{count}\b", summary)
    prepared = sum(row["text"] is None for row in rows if row["recipe"] == "preference/grades" and not row["error"])
    assert f"preference/grades: {prepared} of its generations prepare others and are no texts" in summary
    assert "rejected by intermediate" not in summary
