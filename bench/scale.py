"""What a unit of the rewrite stage costs as units become many: the driver's memory, seconds, and requests to the store.

    python bench/scale.py [--units 1000 10000] [--cores 2] [--tasks 16] [--milliseconds 30] [--faults 0]

The scheduler, planner, listing and notes are the real ones; the engine answers at once, and a unit is one document. The store is a folder
that answers as late as S3 does (`--milliseconds` a request), counts its requests and, with `--faults N`, breaks one of N off. Each number
of units is a process of its own, on `--cores` with `--tasks` at a time; processor time is that of the driver, its JVM and all workers.
Then the same command again, which lists and finds all there: what a resume costs. The last line is `slope S`: processor time of a unit at
the largest number by that at the smallest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))

from bench.overhead import tokenizer_file, write_documents  # noqa: E402  # the path comes first
from bench.remote_store import FAULTS, MILLISECONDS, VERBS, counted  # noqa: E402
from bench.remote_store import ROOT as STORE  # noqa: E402

UNITS_AN_OBJECT = 1000  # row groups in one object of documents

STAGE = """
import os, resource, sys, time
sys.path.insert(0, {root!r})
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cores}])
from bench.memory import Peak
from rephrase.config.run import Run, Spark
from rephrase.settings.validation import validate
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.rewrite.stage import rewrite_stage
run = validate(Run, dict(plugins=["bench.remote_store"], output="remote://out", input=dict(paths="unused"), tokenizer={tokenizer!r},
                         engine=dict(kind="echo"), recipes=["wrap/medium"]), "bench")
session = LazySession(Spark(), "local[{tasks}]")
session.get().range(8).count()
with Peak() as peak:
    started = time.perf_counter()
    rewrite_stage(run, session)
    seconds = time.perf_counter() - started
session.stop()
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
processor = sum(one.ru_utime + one.ru_stime for one in used)
print("STAGE", seconds, processor, *(round(peak.megabytes.get(kind, 0)) for kind in ("driver", "jvm")))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One command: seconds by the clock and of processors, MB of the driver and its JVM, and requests."""

    seconds: float
    processor: float
    driver: int
    jvm: int
    requests: Counter[str]


def measure(folder: Path, tokenizer: str, options: argparse.Namespace) -> Measured:
    """Run the stage, or go on with it, in a process of its own."""
    before = counted(folder)
    script = STAGE.format(root=str(ROOT), tokenizer=tokenizer, cores=options.cores, tasks=options.tasks)
    about = {STORE: str(folder), MILLISECONDS: str(options.milliseconds), FAULTS: str(options.faults)}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | about)
    line = next((line for line in result.stdout.splitlines() if line.startswith("STAGE")), None)
    if line is None:
        sys.exit(result.stderr[-3000:])
    _, seconds, processor, driver, jvm = line.split()
    return Measured(float(seconds), float(processor), int(driver), int(jvm), counted(folder) - before)


def row(name: str, units: int, measured: Measured) -> str:
    thousands = units / 1000
    requests = "".join(f"{measured.requests[verb] / units:8.2f}" for verb in VERBS)
    times = f"{measured.seconds / thousands:10.2f} {measured.processor / thousands:10.2f}"
    return f"{name:<22} {times} {measured.driver:8} {measured.jvm:6}{requests}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--tasks", type=int, default=16, help="at a time: most of a task is waiting for the store")
    parser.add_argument("--milliseconds", type=float, default=30, help="of a request")
    parser.add_argument("--faults", type=int, default=0, help="of so many requests one breaks off")
    options = parser.parse_args()
    verbs = "".join(f"{verb:>8}" for verb in VERBS)
    print(f"{'':<22} {'s / 1,000':>10} {'processor':>10} {'driver':>8} {'JVM':>6}{verbs}   (MB; requests a unit)", flush=True)
    each = []
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        tokenizer = tokenizer_file(Path(name))
        for units in options.units:
            folder = Path(name) / str(units)
            (folder / "out").mkdir(parents=True)
            write_documents(folder / "out", units, 1, max(1, units // UNITS_AN_OBJECT))
            first = measure(folder, tokenizer, options)
            print(row(f"{units:,} units", units, first), flush=True)
            print(row("  again, all there", units, measure(folder, tokenizer, options)), flush=True)
            each.append(first.processor / units)
    print(f"slope {each[-1] / each[0]:.2f}")


if __name__ == "__main__":
    main()
