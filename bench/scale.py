"""What a unit of the rewrite stage costs as units become many: the driver's memory, seconds, and requests to the store.

    python bench/scale.py [--units 10000 100000 1000000] [--left 3000] [--cores 2] [--tasks 16] [--milliseconds 10] [--faults 0]

The scheduler, planner, listing and notes are the real ones; the engine answers at once, and a unit is one document. The store answers as
late as one elsewhere (`--milliseconds` a request), counts its requests and, with `--faults N`, breaks one of N off (which ends the run
at once where Spark does not try the task again).

Of each number of units all but `--left` are there when the run begins, so that planning, listing and what a driver keeps are those of all
units, and the work that of a few thousand: all documents are copies of one object, the objects of generations are listed by a rule and
have the content of one, with the note that a unit wrote, and the table of their notes is written beforehand. `--left 0` has all of them
made, which takes hours for a million.

Two rows for each number of units: what is left, of which all figures but memory are less those of the second row and a unit that is made;
and the same command again, which finds all there: a unit of all. Processor time is that of the driver, its JVM and all workers. The last
line is `slope S`: processor time of a unit that is made at the largest number of units by that at the smallest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))

from bench.overhead import tokenizer_file, write_documents  # noqa: E402  # the path comes first
from bench.remote_store import FAULTS, MILLISECONDS, THERE, VERBS, Alike, counted  # noqa: E402
from bench.remote_store import ROOT as STORE  # noqa: E402

GROUPS = 1000  # row groups, which are units, in one object of documents
PLACE = "wrap.medium.rewrite"

STAGE = """
import os, sys, time
sys.path.insert(0, {root!r})
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cores}])
from bench.memory import Peak
from rephrase.config.run import Run, Spark
from rephrase.settings.validation import validate
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.rewrite.stage import rewrite_stage
run = validate(Run, dict(output="remote://out", input=dict(paths="unused"), tokenizer={tokenizer!r}, engine=dict(kind="echo"),
                         recipes=["wrap/medium"]), "bench")
session = LazySession(Spark(), "local[{tasks}]")
session.get().range(8).count()
with Peak() as peak:
    started = time.perf_counter()
    rewrite_stage(run, session)
    seconds = time.perf_counter() - started
session.stop()
print("STAGE", seconds, peak.processor, *(round(peak.megabytes.get(kind, 0)) for kind in ("driver", "jvm")))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One command: seconds by the clock and of processors, MB of the driver and its JVM, and requests."""

    seconds: float
    processor: float
    driver: int
    jvm: int
    requests: Counter[str]

    def of_units(self, units: int, less: Measured | None = None) -> str:
        """Seconds a thousand units, memory, and requests a unit, as cells of a row; `less` those of another."""
        seconds, processor, requests = self.seconds, self.processor, dict(self.requests)
        if less:
            seconds, processor = seconds - less.seconds, processor - less.processor
            requests = {verb: requests.get(verb, 0) - less.requests[verb] for verb in VERBS}
        cells = "".join(f"{requests.get(verb, 0) / units:8.3f}" for verb in VERBS)
        return f"{1000 * seconds / units:10.3f} {1000 * processor / units:10.3f} {self.driver:8} {self.jvm:6}{cells}"


def measure(folder: Path, tokenizer: str, options: argparse.Namespace, there: Alike | None) -> Measured:
    """Run the stage, or go on with it, in a process of its own."""
    before = counted(folder)
    script = STAGE.format(root=str(ROOT), tokenizer=tokenizer, cores=options.cores, tasks=options.tasks)
    about = {STORE: str(folder), MILLISECONDS: str(options.milliseconds), FAULTS: str(options.faults)}
    about |= {THERE: json.dumps(asdict(there))} if there else {}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | about)
    line = next((line for line in result.stdout.splitlines() if line.startswith("STAGE")), None)
    if line is None:
        sys.exit(result.stderr[-3000:])
    _, seconds, processor, driver, jvm = line.split()
    return Measured(float(seconds), float(processor), int(driver), int(jvm), counted(folder) - before)


def register(folder: Path) -> None:
    """Let all processes know the store, as an installed package does: executors import nothing that a config names."""
    package = folder / "remote_store-0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: remote-store\nVersion: 0\n")
    (package / "entry_points.txt").write_text("[rephrase.plugins]\nremote = bench.remote_store\n")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])


def template_of(folder: Path, tokenizer: str, options: argparse.Namespace) -> str:
    """An object of generations that a unit wrote."""
    (folder / "out").mkdir(parents=True)
    write_documents(folder / "out", 4, 1)
    measure(folder, tokenizer, argparse.Namespace(**{**vars(options), "milliseconds": 0, "faults": 0}), None)
    return str(folder / "out" / "generations" / f"{PLACE}-00000-0000-0000.parquet")


def lay_out(folder: Path, units: int, left: int, template: str) -> Alike:
    """Documents of so many units, and all but those `left` made."""
    from rephrase.notes import GenerationsNote
    from rephrase.spark.stages.rewrite.stats import UNIT, UP_TO, units_of
    from rephrase.storage import tables

    output = folder / "out"
    output.mkdir(parents=True)
    write_documents(output, GROUPS, 1)
    for number in range(1, units // GROUPS):
        os.link(output / "documents" / "part-00000.parquet", output / "documents" / f"part-{number:05d}.parquet")
    there = Alike(f"remote://out/generations/{PLACE}", units - left if left else 0, GROUPS, template)
    footer = tables.footer(template, GenerationsNote)
    [row] = units_of([footer]).to_pylist()

    def rows() -> Iterator[pa.Table]:
        names = [name.rpartition("/")[2] for name in there.names()]
        for start in range(0, len(names), 1 << 16):
            some = names[start : start + (1 << 16)]
            yield pa.table([some if name == "object" else [row[name]] * len(some) for name in UNIT.names], schema=UNIT)

    writer = tables.Writer(UNIT)
    for part in rows():
        writer.add(part)
    (output / "stats").mkdir()
    (output / "stats" / "rewrite.parquet").write_bytes(writer.end({UP_TO.decode(): repr(os.stat(template).st_mtime + 1e-3)}))
    return there


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="in thousands")
    parser.add_argument("--left", type=int, default=3000, help="units that are made; 0 makes all of them")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--tasks", type=int, default=16, help="at a time: most of a task is waiting for the store")
    parser.add_argument("--milliseconds", type=float, default=10, help="of a request")
    parser.add_argument("--faults", type=int, default=0, help="of so many requests one breaks off")
    options = parser.parse_args()
    verbs = "".join(f"{verb:>8}" for verb in VERBS)
    print(f"{'':<30} {'s / 1,000':>10} {'processor':>10} {'driver':>8} {'JVM':>6}{verbs}   (MB; requests a unit)", flush=True)
    each = []
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        register(Path(name))
        tokenizer = tokenizer_file(Path(name))
        template = template_of(Path(name) / "template", tokenizer, options)
        for units in options.units:
            folder = Path(name) / str(units)
            there = lay_out(folder, units, min(options.left, units), template)
            made = units - there.number
            first, again = (measure(folder, tokenizer, options, there) for _ in range(2))
            print(f"{f'{made:,} left of {units:,} units':<30} {first.of_units(made, again)}", flush=True)
            print(f"{'  again, all there':<30} {again.of_units(units)}", flush=True)
            each.append((first.processor - again.processor) / made)
    print(f"slope {each[-1] / each[0]:.2f}")


if __name__ == "__main__":
    main()
