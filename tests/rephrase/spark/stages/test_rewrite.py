"""The rewrite stage around its engines: what is redone, what is never redone, and how errors end it. Engines are stand-ins where the
model does not matter, real ones where the engine's own words do."""

from __future__ import annotations

import asyncio
import functools
import io
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from classifiers.settings import Screen
from rephrase import storage
from rephrase.cli.status_table import print_status
from rephrase.cli.summary_tables import print_summary
from rephrase.config.file import load_run
from rephrase.config.run import ExecutorRequest, Run
from rephrase.config.run import Spark as SparkConfig
from rephrase.engines.processes import Process
from rephrase.errors import UserError
from rephrase.notes import GenerationsNote
from rephrase.recipes.catalogue import recipes_of
from rephrase.settings.validation import validate
from rephrase.spark.runtime.gpus import discovery_script, rewrite_profile
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.runtime.units import run_units
from rephrase.spark.stages.encoders import encoder_profile
from rephrase.spark.stages.pipeline import run_all, run_stage
from rephrase.spark.stages.rewrite.plan import plan
from rephrase.spark.stages.rewrite.rows import sources_of
from rephrase.spark.stages.rewrite.stage import rewrite_stage
from rephrase.spark.stages.rewrite.task import rewrite_units
from rephrase.spark.stages.rewrite.tasks import tasks_of
from rephrase.storage import tables
from tests.chaos import check_table, expected_ids
from tests.places import STAND_IN
from tests.rephrase.engines.scripted import serving_thread
from tests.rephrase.engines.vllm.test_dying_servers import token
from tests.rephrase.spark.stages.test_pipeline import write_run
from tests.rephrase.spark.standalone import wait_for
from tests.tiny_model import ENGINE

TURNS = """\
family: mine
passage_tokens: 200
styles:
  turns:
    steps:
      - {name: plan, prompt: "Plan a text on this.\\n\\n{passage}"}
      - {name: write, prompt: "Write by this plan:\\n{plan}"}
"""


def answer_of(text: str) -> dict:
    return {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": text}}], "usage": {}}


class Judge:
    """Grades answers, and after some of them says nothing any more."""

    def __init__(self, pause_after: int | None) -> None:
        self.pause_after = pause_after
        self.asked: list[str] = []
        self.temperatures: set[float] = set()

    @property
    def paused(self) -> bool:
        return self.pause_after is not None and len(self.asked) > self.pause_after

    async def answer(self, body: dict, _call: int) -> dict:
        prompt = body["messages"][-1]["content"]
        self.asked.append(prompt)
        self.temperatures.add(body["temperature"])
        await asyncio.sleep(0.25)  # so that answers are kept one by one
        while self.paused:  # noqa: ASYNC110  # another thread ends it
            await asyncio.sleep(0.05)
        aspects = ("instruction_following", "truthfulness", "honesty", "helpfulness")
        warmth = float(re.search(r"Answer at ([\d.]+)", prompt)[1])
        return answer_of(json.dumps(dict.fromkeys(aspects, 5 if warmth > 1 else 2)))


@pytest.fixture
def config(tmp_path, tiny_model):
    """Writes a run.yaml whose engines are stand-ins. Capital letters are their environment."""

    def make(name: str = "out", *, documents: int = 12, **more) -> Path:
        environment = {key: str(more.pop(key)) for key in list(more) if key.isupper()}
        env = {"PYTHONPATH": str(STAND_IN), "STAND_IN_LOG": str(tmp_path / "log"), **environment}
        engine = {"kind": "vllm", "model": str(tiny_model), "env": env, "batch_size": 2, **more.pop("engine", {})}
        return write_run(tmp_path, str(tiny_model), engine, output=name, documents=documents, **more)

    return make


def generations(run: Run) -> list[dict]:
    return tables.read_folder(storage.join(run.output, "generations")).to_pylist()


def entries(tmp_path: Path) -> list[dict]:
    """What the servers of a test have noted: nothing where none has come so far."""
    log = tmp_path / "log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def requests(tmp_path: Path) -> int:
    return sum(entry.get("prompts", 0) for entry in entries(tmp_path))


def write_script(path: Path, addresses: list[str]) -> str:
    """A GPU discovery script as Spark wants it."""
    path.write_text(f"#!/bin/bash\necho '{json.dumps({'name': 'gpu', 'addresses': addresses})}'\n")
    path.chmod(0o755)
    return str(path)


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "rephrase.cli.main", *map(str, words)]


def test_error_rows_are_asked_again_and_good_rows_are_kept(config, tmp_path, spark, tiny_model):
    poison = token(tiny_model, "§")
    recipes = [{"use": f"wrap/{style}", "sampling": {"max_tokens": 24}} for style in ("easy", "qa")]
    path = config(STAND_IN_POISON=poison, rewrite={"max_engine_errors": 1.0}, documents=5, recipes=recipes)
    with open(tmp_path / "raw" / "notes.jsonl", "a") as file:
        file.write(json.dumps({"id": "poison", "text": "People have worked with § for years. " * 12}))
    broken = load_run(str(path))
    run_all(broken, spark)
    rows = {row["id"]: row for row in generations(broken)}
    assert sorted(rows) == expected_ids(broken)
    crashed = {row["id"] for row in rows.values() if row["error"]}
    assert {rows[id_]["error"] for id_ in crashed} == {"engine_crash"}
    assert len(crashed) == 2, "one in each style"
    made_again = [
        footer
        for footer in tables.footers(tables.objects(storage.join(broken.output, "generations")), GenerationsNote)
        if footer.note.errors
    ]
    assert all(footer.rows > 1 for footer in made_again), "with good rows beside the bad one"
    healed = load_run(str(path), {"engine.env.STAND_IN_POISON": "-1"})
    before = requests(tmp_path)
    run_all(healed, spark, retry_errors=True)
    again = {row["id"]: row for row in generations(healed)}
    assert requests(tmp_path) - before == len(crashed), "only rows with errors were asked for"
    assert again.keys() == rows.keys()
    assert not [row for row in again.values() if row["error"]]
    assert all(again[id_] == rows[id_] for id_ in rows.keys() - crashed)
    judged = tables.read_folder(storage.join(healed.output, "judged"))
    assert set(judged.filter(judged.column("verdict").to_numpy(zero_copy_only=False) == "keep")["id"].to_pylist()) >= crashed
    run_all(healed, spark, retry_errors=True)
    assert requests(tmp_path) - before == len(crashed), "and now there is nothing to ask"


def test_completions_of_an_earlier_run_are_reused(config, tmp_path, spark):
    first = load_run(str(config("first", recipes=[{"use": "wrap/easy", "sampling": {"max_tokens": 24}}])))
    run_all(first, spark)
    asked = requests(tmp_path)
    both = [{"use": f"wrap/{style}", "sampling": {"max_tokens": 24}} for style in ("easy", "hard")]
    second = load_run(str(config("second", recipes=both, rewrite={"reuse": f"{first.output}/generations"})))
    run_all(second, spark)
    assert requests(tmp_path) == 2 * asked, "only the added style was paid for"
    old = {row["id"]: row for row in generations(first)}
    new = {row["id"]: row for row in generations(second)}
    assert new.keys() > old.keys()
    assert all(new[id_] == old[id_] for id_ in old)
    notes = [footer.note for footer in tables.footers(tables.objects(storage.join(second.output, "generations")), GenerationsNote)]
    assert sum(note.reused for note in notes) == len(old)


@pytest.mark.long
def test_two_drivers_at_once_and_another_size_after_a_kill_give_the_same_table(config, tmp_path, spark):
    path = config(documents=18, STAND_IN_SECONDS=0.3)
    run = load_run(str(path))
    run_stage("shard", run, spark)
    spark.stop()
    folder = storage.join(run.output, "generations")
    killed = subprocess.Popen(command("rewrite", path, "--master", "local[1]"), start_new_session=True, stderr=subprocess.DEVNULL)
    wait_for(lambda: killed.poll() is not None or len(tables.objects(folder)) >= 3)
    assert killed.poll() is None
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    survived = {p: os.stat(p).st_mtime_ns for p in tables.objects(folder)}
    drivers = [
        subprocess.Popen(command("rewrite", path, "--master", master), stderr=subprocess.PIPE)
        for master in ("local[3]", "local-cluster[2,1,1024]")
    ]
    errors = [driver.communicate(timeout=300)[1] for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], errors
    assert check_table(run) == len(expected_ids(run)) > 60
    assert 3 <= len(survived) < len(tables.objects(folder))
    assert {p: os.stat(p).st_mtime_ns for p in survived} == survived
    left = [name for name in os.listdir(folder) if not name.endswith(".parquet")]
    assert left == ["_stage.json"], "what the killed driver left is gone, and each living one has taken only its own away"


def test_a_unit_that_a_twin_has_committed_meanwhile_is_not_asked_for(config, tmp_path, spark):
    run = load_run(str(config(documents=4)))
    run_stage("shard", run, spark)
    rewrite_stage(run, spark)
    folder = storage.join(run.output, "generations")
    recipes = recipes_of(run.recipes)
    steps = dict.fromkeys(range(len(recipes)), 0)
    planned = plan(recipes, steps, sources_of(run, recipes), folder, run.rewrite.prompts_per_unit)
    assert len(planned) > 2
    lost = tables.read(planned[0].output)
    os.unlink(planned[0].output)
    committed = {path: os.stat(path).st_mtime_ns for path in tables.objects(folder)}
    before = requests(tmp_path)
    settings = {"engines": run.all_engines, "tokenizer": run.tokenizer, "settings": run.rewrite, "output": run.output}
    work = functools.partial(rewrite_units, recipes=tuple(recipes), **settings)
    tasks = tasks_of(planned, recipes)  # as a driver planned them before its twin had done all but one
    run_units(spark.get(), tasks, work, folder)
    assert requests(tmp_path) - before == lost.num_rows > 0
    assert {path: os.stat(path).st_mtime_ns for path in committed} == committed
    assert tables.read(planned[0].output).equals(lost)


def copied(run: Run) -> str:
    """An output with the same documents."""
    shutil.copytree(storage.join(run.output, "documents"), storage.join(f"{run.output}-copy", "documents"))
    return f"{run.output}-copy"


def test_each_executor_has_one_engine_on_its_own_gpus_and_cpu_stages_hold_none(config, tmp_path, spark):
    spark.stop()  # a process has one Spark, and this test needs its own
    script = write_script(tmp_path / "gpus.sh", ["0", "1", "2", "3"])
    conf = {
        "spark.executor.memory": "512m",
        "spark.executor.cores": 2,
        "spark.executor.resource.gpu.amount": 2,
        "spark.executor.resource.gpu.discoveryScript": script,
        "spark.worker.resource.gpu.amount": 4,
        "spark.worker.resource.gpu.discoveryScript": script,
    }
    run = load_run(str(config(documents=14, STAND_IN_SECONDS=0.3)))
    session = LazySession(SparkConfig(conf=conf), "local-cluster[1,4,1024]")
    try:
        tracker = session.get().sparkContext._jsc.sc().statusTracker()
        wait_for(lambda: len(tracker.getExecutorInfos()) == 1 + 2)  # a late one would find the work done
        run_all(run, session)
        single = {"tensor_parallel": 1, "env": {**run.engine.env, "STAND_IN_LOG": str(tmp_path / "copies")}}
        rewrite_stage(run.model_copy(update={"output": copied(run), "engine": run.engine.model_copy(update=single)}), session)

        def gpus_of_a_task(batches):
            import pyarrow as pa
            from pyspark import TaskContext

            for _ in batches:
                yield pa.RecordBatch.from_pydict({"gpus": [str(sorted(TaskContext.get().resources()))]})

        probe = session.get().range(4).mapInArrow(gpus_of_a_task, "gpus string").distinct().collect()
        assert [row.gpus for row in probe] == ["[]"], "other stages ask for no GPU"
        screen = validate(Screen, {"checks": [{"encoder": {"model": "x", "min": 3}}]}, "screen")
        shared = encoder_profile(session.get(), run, screen)
        probe = session.get().range(4).mapInArrow(gpus_of_a_task, "gpus string", profile=shared).distinct().collect()
        assert [row.gpus for row in probe] == ["['gpu']"], "but where they name an encoder"
        own = write_script(tmp_path / "own.sh", ["GPU-4", "GPU-5"])
        wanted = run.rewrite.model_copy(update={"executor": ExecutorRequest(gpus=2, discovery_script=own)})
        found = discovery_script(session.get(), wanted)

        def gpus_without_a_file(batches):
            import pyarrow as pa

            from rephrase.spark.runtime import gpus

            gpus.standalone_gpus = lambda _: ()  # Kubernetes gives executors no file of their resources, as a standalone master does
            for _ in batches:
                yield pa.RecordBatch.from_pydict({"gpus": [",".join(gpus.executor_gpus(found))]})

        profile = rewrite_profile(session.get(), run.rewrite)
        rows = session.get().range(0, 1, 1, 1).mapInArrow(gpus_without_a_file, "gpus string", profile=profile).collect()
        assert [row.gpus for row in rows] == ["GPU-4,GPU-5"], "the script of the stage's own executors reaches its tasks"
    finally:
        session.stop()
    assert sorted(row["id"] for row in generations(run)) == expected_ids(run)
    starts = [entry for entry in entries(tmp_path) if "start" in entry]
    assert sorted(entry["devices"] for entry in starts) == ["0,1", "2,3"]
    assert all("--tensor-parallel-size" in entry["arguments"] for entry in starts)
    notes = [footer.note for footer in tables.footers(tables.objects(storage.join(run.output, "generations")), GenerationsNote)]
    copies = [json.loads(line) for line in (tmp_path / "copies").read_text().splitlines() if "start" in line]
    assert sorted(entry["devices"] for entry in copies) == ["0", "1", "2", "3"], "a server for each GPU, as it was told"
    assert not any("--tensor-parallel-size" in entry["arguments"] for entry in copies)
    for server in {note.engine.server for note in notes}:
        spans = sorted((note.started, note.ended) for note in notes if note.engine.server == server)
        overlaps = sum(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans))
        assert overlaps > len(spans) / 4, "several tasks share an engine"


def test_each_engine_of_our_own_starts_once_and_answers_its_own_steps(config, tmp_path, spark, tiny_model):
    path = config(documents=3)
    engine = yaml.safe_load(path.read_text())["engine"]
    (tmp_path / "mine.yaml").write_text(TURNS)
    recipes = [
        {"use": "mine.yaml", "steps": {"plan": {"engine": "judge"}}},
        {"use": "preference/grades", "steps": {"judge": {"engine": "judge"}}},
        "wrap/easy",
    ]
    several = {"engine": None, "engines": {name: {**engine, "name": name} for name in ("writer", "judge")}}
    run = load_run(str(path), {**several, "recipes": recipes})
    run_stage("shard", run, spark)
    rewrite_stage(run, spark)
    names = [entry["arguments"][entry["arguments"].index("--served-model-name") + 1] for entry in entries(tmp_path) if "start" in entry]
    assert names == ["writer", "judge", "writer"], "the fewest starts: the writer goes on where the judge has planned"
    models = {(row["recipe"], row["step"]): row["model"] for row in generations(run)}
    assert models == {
        ("mine/turns", "plan"): "judge",
        ("mine/turns", "write"): "writer",
        ("preference/grades", "answers"): "writer",
        ("preference/grades", "judge"): "judge",
        ("wrap/easy", "rewrite"): "writer",
    }
    before = requests(tmp_path)
    rewrite_stage(run, spark)
    assert requests(tmp_path) == before, "a run that is done asks nobody"


def test_a_run_with_a_judge_is_killed_resumed_and_tells_of_both(tmp_path, tokenizer_file, spark):
    judge = Judge(pause_after=14)
    writes: list[dict] = []

    def write(body: dict, _call: int) -> dict:
        writes.append(body)
        return answer_of(f"Answer at {body['temperature']} to this.")

    with serving_thread(write) as writer_url, serving_thread(judge.answer) as judge_url:
        endpoint = {"kind": "endpoint", "concurrency": 2}
        engines = {
            "writer": {**endpoint, "url": writer_url, "model": "the-writer"},
            "judge": {**endpoint, "url": judge_url, "model": "the-judge", "extra_body": {"user": "secret-name"}},
        }
        steps = {"judge": {"engine": "judge", "sampling": {"temperature": 0.5}}}
        path = write_run(
            tmp_path,
            tokenizer_file,
            None,
            engines=engines,
            recipes=[{"use": "preference/grades", "steps": steps}],
            mix={"components": [{"recipe": "preference/*", "share": 1.0}]},
        )
        run = load_run(str(path))
        run_stage("shard", run, spark)
        killed = subprocess.Popen(command("rewrite", path, "--master", "local[2]"), start_new_session=True, stderr=subprocess.DEVNULL)
        wait_for(lambda: killed.poll() is not None or judge.paused)
        assert killed.poll() is None
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        written, judged = len(writes), len(judge.asked)
        assert written == 4 * 8, "the judge's step comes after the writer's"
        judge.pause_after = None
        run_all(run, spark)
    assert len(writes) == written, "what the writer has written is not asked again"
    assert len(set(judge.asked)) == written
    assert len(judge.asked) < written + judged, "nor all that the judge has said"
    assert {body["model"] for body in writes} == {"the-writer"}
    assert judge.temperatures == {0.5}
    rows = generations(run)
    assert Counter((row["step"], row["model"]) for row in rows) == {("answers", "the-writer"): 32, ("judge", "the-judge"): 32}
    assert not [row["error"] for row in rows if row["error"]]
    mixture = tables.read_folder(storage.join(run.output, "mixture", "data"))
    assert set(mixture["model"].to_pylist()) == {"the-writer + the-judge"}, "the judge's rows hold what the writer wrote"
    manifest = (Path(run.output) / "mixture" / "_manifest.json").read_text()
    assert json.loads(manifest)["models"] == ["the-writer", "the-judge"]
    assert json.loads(manifest)["engines"]["preference/grades"]["judge"]["model"] == "the-judge"
    assert "secret-name" not in manifest
    card = (Path(run.output) / "mixture" / "README.md").read_text()
    assert "synthetic texts were written by `the-writer`, `the-judge`" in card
    assert re.search(r"\| preference/grades \| judge \| the-judge \|", card)
    units = tables.read(storage.join(run.output, "stats", "rewrite.parquet"))
    assert set(units["model"].to_pylist()) == {"the-writer", "the-judge"}
    print_summary(run, console := Console(width=200, file=io.StringIO()))
    summary = console.file.getvalue()
    assert re.search(r"by the-judge +│ +32", summary)
    assert "rejected by intermediate" not in summary, "what a judge was shown is not rejected"
    assert "preference/grades: 56 of its generations prepare others and are no texts" in summary
    other = load_run(str(path), {"engines.judge.model": "another-judge"})
    with pytest.raises(UserError, match=r"`engines.preference/grades.judge.model` was \"the-judge\", is \"another-judge\""):
        rewrite_stage(other, spark)


def test_an_engine_that_starts_nowhere_ends_the_run_with_one_line(config, tmp_path):
    path = config(STAND_IN_HANG="1", engine={"startup_timeout": 3})
    done = subprocess.run(command("run", path, "--master", "local[2]"), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("rephrase: ")
    assert "vLLM does not start: no answer within 3 s (startup_timeout)" in last
    assert "Traceback" not in done.stderr
    starts = entries(tmp_path)
    assert len(starts) <= 1, "it was not started again"
    assert not [entry for entry in starts if Process.of(entry["pid"]).alive]
    wait_for(lambda: list((tmp_path / "out" / "logs").glob("engine-*.log")))


@pytest.mark.long
def test_a_real_engine_says_itself_why_it_does_not_start(tmp_path, tiny_model):
    hollow = tmp_path / "hollow"
    shutil.copytree(tiny_model, hollow)
    (hollow / "model.safetensors").unlink()
    path = write_run(tmp_path, str(tiny_model), {**ENGINE, "model": str(hollow)}, documents=4)
    done = subprocess.run(command("run", path, "--master", "local[1]"), capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("rephrase: ")]
    assert "vLLM does not start" in line
    assert "weights" in line
    assert str(hollow) in line
    assert "Traceback" not in done.stderr


def test_status_tells_how_far_a_run_is_and_keeps_a_row_a_unit(config, tmp_path, spark, capsys):
    run = load_run(str(config(documents=6)))
    run_stage("shard", run, spark)
    print_status(run)
    assert "not begun" in capsys.readouterr().out
    rewrite_stage(run, spark)
    objects = tables.objects(storage.join(run.output, "generations"))
    os.unlink(objects[0])
    print_status(run)
    out = capsys.readouterr().out
    assert f"{len(objects) - 1} of {len(objects)}" in out
    assert "tokens/s" in out
    assert "of work left" in " ".join(out.replace("│", " ").split())
    units = tables.read(storage.join(run.output, "stats", "rewrite.parquet"))
    assert units.num_rows == len(objects)
    assert sum(units["generations"].to_pylist()) == len(expected_ids(run))
    assert Counter(units["attempt"].to_pylist()) == {0: len(objects)}
    assert all(end >= start for start, end in zip(units["started"].to_pylist(), units["ended"].to_pylist(), strict=True))
    assert yaml.safe_load((tmp_path / "out.yaml").read_text())["engine"]["kind"] == "vllm"
