"""Kill engines, Python workers, executors and drivers of a run at random, and see whether its table is what it would have been.

    python -m tests.chaos --kills 20 --master 'local-cluster[2,1,1024]'

Real vLLM engines on a tiny random model rewrite some documents. The kinds of victims take turns in a random order, so that each is hit.
Exit code 0: no row is lost, none is there twice, finished units were left alone, and no engine outlived its executor by 10 seconds.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import yaml

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.engines.processes import Process
from rephrase.notes import EngineFigures
from rephrase.storage import tables

KINDS = ("engine", "worker", "executor", "driver")
_GRACE = 10.0  # seconds that an engine may outlive its executor


@dataclass
class Chaos:
    """One run under fire. `master` is a Spark master of the kind `local-cluster`."""

    folder: Path
    config: Path
    master: str
    seed: int = 0
    pause: tuple[float, float] = (2.0, 12.0)  # seconds between a kill and the next, once units go on being finished
    patience: float = 400.0  # seconds within which a unit must be finished
    killed: Counter[str] = field(default_factory=Counter)
    finished: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.run: Run = load_run(str(self.config))
        self.generations = storage.join(self.run.output, "generations")
        self.temporary = Path(tempfile.mkdtemp(prefix="c", dir="/tmp"))  # sockets need short paths
        self.driver: subprocess.Popen[bytes] | None = None

    def draw(self, kills: int) -> list[str]:
        """So many kinds of victims, in rounds that hold each kind once."""
        return [kind for _ in range(kills // len(KINDS) + 1) for kind in self.random.sample(KINDS, len(KINDS))][:kills]

    def go(self, kinds: Sequence[str], *, recover: bool = True) -> None:
        """Run the rewrite stage with these kills, and then in peace to its end. Raises AssertionError.

        `recover`: whether the run gets on by a unit before each kill, or only before the first.
        """
        subprocess.run(self._command("shard", "local[2]"), check=True, env=self._environment())
        for number, kind in enumerate(kinds):
            if recover or number == 0:
                self._await_progress()
            time.sleep(self.random.uniform(*self.pause))
            self._check_finished()
            if self.driver and self.driver.poll() is not None:
                break  # the work is done; too little of it for so many kills
            self._kill(kind)
            print(f"killed: {dict(self.killed)}; units finished: {len(self.finished)}", flush=True)
        self._await_end()
        self._check_finished()

    def _command(self, stage: str, master: str) -> list[str]:
        return [sys.executable, "-m", "rephrase.cli.main", stage, str(self.config), "--master", master]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.temporary)}

    def _start(self) -> None:
        with open(self.folder / "driver.log", "ab") as log:
            self.driver = subprocess.Popen(
                self._command("rewrite", self.master), stdout=log, stderr=log, start_new_session=True, env=self._environment()
            )

    def _await_progress(self) -> None:
        """Wait until an engine answers and a unit more than before is finished, or the driver has ended."""
        if self.driver is None:
            self._start()
        assert self.driver is not None
        before, deadline = len(tables.objects(self.generations)), time.monotonic() + self.patience
        while len(tables.objects(self.generations)) <= before:
            if self.driver.poll() is not None:
                return
            assert time.monotonic() < deadline, f"no unit within {self.patience:g} s\n{self._log()}"
            time.sleep(0.2)

    def _await_end(self) -> None:
        if self.driver is None:
            self._start()
        assert self.driver is not None
        before, changed = -1, time.monotonic()
        while self.driver.poll() is None:
            now = len(tables.objects(self.generations))
            if now != before:
                before, changed = now, time.monotonic()
            assert time.monotonic() - changed < self.patience, f"no unit within {self.patience:g} s\n{self._log()}"
            time.sleep(0.5)
        assert self.driver.returncode == 0, self._log()
        self._check_engines_gone()

    def _log(self) -> str:
        return (self.folder / "driver.log").read_text(errors="replace")[-3000:]

    def _kill(self, kind: str) -> None:
        assert self.driver is not None
        if kind == "driver":
            os.killpg(self.driver.pid, signal.SIGKILL)
            self.driver.wait()
            self.driver = None
        else:
            victims = self._victims(kind)
            if not victims:
                return
            victim = Process.of(self.random.choice(victims))
            os.kill(victim.pid, signal.SIGKILL)
        self.killed[kind] += 1
        if kind in ("driver", "executor"):
            self._check_engines_gone()

    def _victims(self, kind: str) -> list[int]:
        """Living processes of this run of a kind."""
        mine = [pid for pid in _pids() if f"TMPDIR={self.temporary}" in _read(pid, "environ")]
        patterns = {
            "engine": "vllm.entrypoints.openai.api_server",
            "worker": "rephrase.spark.runtime.worker_daemon",
            "executor": "CoarseGrainedExecutorBackend",
        }
        pids = [pid for pid in mine if patterns[kind] in _read(pid, "cmdline")]
        if kind == "worker":  # the daemon's children do the work
            return [pid for pid in pids if any(parent in pids for parent in [_parent(pid)])]
        if kind == "engine":  # also the server's own children, whose death it must notice
            return [pid for pid in mine if _session(pid) in {_session(server) for server in pids}]
        return pids

    def _check_engines_gone(self) -> None:
        """No process of an engine is left of an executor that died 10 seconds ago."""
        deadline = time.monotonic() + _GRACE
        while orphans := self._orphans():
            assert time.monotonic() < deadline, f"engines outlived their executors: {orphans}"
            time.sleep(0.2)

    def _orphans(self) -> list[str]:
        orphans = []
        for pid in self._victims("engine"):
            folder = next((word for word in _read(pid, "cmdline").split("\0") if word.endswith("/socket")), "")
            owner = Path(folder).parent.name.split("-")[:2] if folder else []
            if owner and not Process(int(owner[0]), int(owner[1])).alive:
                orphans.append(f"{pid} of {owner[0]}")
        return orphans

    def _check_finished(self) -> None:
        """What was finished is never made again."""
        now = {path: os.stat(path).st_mtime_ns for path in tables.objects(self.generations)}
        changed = [path for path, at in self.finished.items() if now.get(path) != at]
        assert not changed, f"finished units were made again: {changed}"
        self.finished = now


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def _fields(pid: int) -> list[str]:
    text = _read(pid, "stat")
    return text[text.rfind(")") + 2 :].split() or ["X", "0", "0", "0"]


def _parent(pid: int) -> int:
    return int(_fields(pid)[1])


def _session(pid: int) -> int:
    return int(_fields(pid)[3])


def write_config(
    folder: Path, model: Path, documents: int, executor_cores: int = 1, environment: Mapping[str, str] = MappingProxyType({})
) -> Path:
    """A run of four WRAP styles over so many documents, a unit for each few of them and style. `environment` is its engines'."""
    import json

    text = "The tide rises twice a day because the Moon pulls the sea. Sailors wait for it in the harbour of {n}. "
    lines = [json.dumps({"id": f"d{n}", "text": (text * 3).format(n=n)}) for n in range(documents)]
    (folder / "input.jsonl").write_text("\n".join(lines))
    config = {
        "output": str(folder / "out"),
        "input": {"paths": [str(folder / "input.jsonl")], "min_characters": 0, "tokens_per_unit": 400},
        "tokenizer": str(model),
        "engine": {
            "kind": "vllm",
            "model": str(model),
            "max_model_len": 1024,
            "args": ["--enforce-eager"],
            "env": {"VLLM_CPU_KVCACHE_SPACE": "1", **environment},
        },
        "recipes": [{"use": "wrap/*", "sampling": {"max_tokens": 64, "ignore_eos": True}}],
        "spark": {"conf": {"spark.executor.memory": "1g", "spark.executor.cores": executor_cores}},
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def expected_ids(run: Run) -> list[str]:
    """The ids of an undisturbed run: they depend on documents, recipes and the model's name alone."""
    import asyncio

    from rephrase.engines.base import Completion, Identity, Request
    from rephrase.generation.loop import generate
    from rephrase.generation.step_run import StepRun
    from rephrase.recipes.base import Row
    from rephrase.recipes.catalogue import recipes_of
    from rephrase.records import Document
    from rephrase.text.tokenizer import Tokenizer

    class Silent:
        model, identity, batch_size, concurrency = run.engine.model_name, Identity("none"), 64, 64

        async def complete(self, requests: Sequence[Request]) -> list[Completion]:
            return [Completion("x") for _ in requests]

        async def figures(self) -> EngineFigures:
            return EngineFigures()

        async def close(self) -> None:
            pass

    documents = tables.read_folder(storage.join(run.output, "documents")).drop_columns(["metadata"]).to_pylist()
    rows = [Row(Document(**values)) for values in documents]
    tokenizer = Tokenizer.load(run.tokenizer)
    generated_tables = [
        asyncio.run(generate(rows, StepRun(recipe, step, tokenizer, Silent.model), Silent()))[0]
        for recipe in recipes_of(run.recipes)
        for step in recipe.steps
    ]
    return sorted(row for table in generated_tables for row in table.column("id").to_pylist())


def check_table(run: Run) -> int:
    """The generations are those of an undisturbed run. Returns how many there are."""
    table = tables.read_folder(storage.join(run.output, "generations"))
    ids = sorted(table.column("id").to_pylist())
    assert len(ids) == len(set(ids)), "an id stands twice"
    assert ids == expected_ids(run), "rows are lost, or others are there"
    bad = Counter(error for error in table.column("error").to_pylist() if error and error.startswith("engine"))
    assert not bad, f"rows were lost to the engine: {bad}"
    return len(ids)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--documents", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--master", default="local-cluster[2,1,1024]")
    options = parser.parse_args()
    from tests.tiny_model import make_tiny_model

    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        folder = Path(name)
        config = write_config(folder, make_tiny_model(folder / "tiny"), options.documents)
        chaos = Chaos(folder, config, options.master, options.seed)
        started = time.monotonic()
        chaos.go(chaos.draw(options.kills))
        rows = check_table(chaos.run)
        total = sum(chaos.killed.values())
        print(f"{rows} rows as in an undisturbed run after {total} kills {dict(chaos.killed)} in {time.monotonic() - started:.0f} s")
        if total < options.kills:
            sys.exit("the work was done before all kills: give more --documents")


if __name__ == "__main__":
    main()
