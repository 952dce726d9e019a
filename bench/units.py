"""What the units of the input cost: one large file on more than one core, and many small files beside few large ones.

A file of JSON lines of `--megabytes` is sharded on one core and on `--cores`, cut to slices of `--unit-megabytes`; then the same documents
in `--files` files and in 50, on `--cores`. Documents are of 20 KB, distinct; each of our Spark sessions has run the stage on a few of them
before its clock starts. The whole stage is timed: reading, ids, token counts, exact deduplication, the final Parquet. Runs must give the
same documents. Beside the time stands what the processes that read, and the JVM, have computed for. The last lines are `cores ratio R`, of
which `--cores` is the limit, and `files ratio R`: the time of many files by that of few.

    python bench/units.py [--megabytes 1000] [--files 20000] [--cores 2] [--only cores|files]
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))

FEW = 50
DOCUMENT_BYTES = 20_000
TOKENIZER = str(ROOT / "examples" / "tokenizer.json")


def documents() -> Iterator[bytes]:
    """Lines of JSON, each with words drawn from the sample crawl."""
    words = [word for line in (ROOT / "examples" / "crawl" / "notes.jsonl").open() for word in json.loads(line)["text"].split()]
    draw = random.Random(0)
    number = 0
    while True:
        text = f"Document {number}. "
        while len(text) < DOCUMENT_BYTES:
            start = draw.randrange(len(words))
            text += " ".join(words[start : start + 200]) + " "
        yield json.dumps({"text": text[:DOCUMENT_BYTES]}).encode() + b"\n"
        number += 1


def write(folder: Path, megabytes: float, files: int) -> None:
    """`megabytes` of documents in so many files: the same documents whatever their number is, if it is not above that of the documents."""
    folder.mkdir(parents=True)
    source = documents()
    count = max(files, int(megabytes * 1e6 / DOCUMENT_BYTES))
    for number in range(files):
        with open(folder / f"{number:06d}.jsonl", "wb") as file:
            file.writelines(itertools.islice(source, count * (number + 1) // files - count * number // files))


class Result(NamedTuple):
    """What a run of the stage took, on the clock and of the processors, and which documents it made."""

    seconds: float
    computed: float
    documents: str

    def __str__(self) -> str:
        return f"{self.seconds:8.1f} s ({self.computed:.1f} s computed)"


def result_of(folder: Path, cores: int, unit_megabytes: float) -> Result:
    """The shard stage on these cores, in a process of its own."""
    command = [sys.executable, __file__, "--shard", str(folder), "--cores", str(cores), "--unit-megabytes", str(unit_megabytes)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    seconds, computed, made = answer.split()[-3:]
    return Result(float(seconds), float(computed), made)


def shard_here(folder: Path, cores: int, unit_megabytes: float) -> Result:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    from rephrase.config.run import Run, Spark
    from rephrase.engines.replay import ReplaySettings
    from rephrase.readers.settings import Input
    from rephrase.recipes.use import RecipeUse
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.run_tables import documents_of
    from rephrase.spark.stages.shard.stage import shard
    from rephrase.storage import tables

    with tempfile.TemporaryDirectory(prefix="bench-units-") as name:
        warm_up = Path(name) / "input"
        write(warm_up, 0.5 * cores, 2 * cores)
        session = LazySession(Spark(master=f"local[{cores}]", conf={"spark.sql.shuffle.partitions": cores}))

        def run_of(paths: Path, output: str) -> Run:
            engine = ReplaySettings(kind="replay", path="unused")
            recipes = [RecipeUse(use="wrap/easy")]
            taken = Input(paths=[str(paths)], unit_bytes=int(unit_megabytes * (1 << 20)))
            return Run(output=f"{name}/{output}", input=taken, tokenizer=TOKENIZER, engine=engine, recipes=recipes)

        shard(run_of(warm_up, "warm"), session)
        started, before = time.perf_counter(), computed()
        run = run_of(folder, "out")
        shard(run, session)
        seconds, after = time.perf_counter() - started, computed()
        session.stop()
        made = hashlib.sha256()
        for path in documents_of(run):
            for identity in tables.read(path, ["id"]).column("id").to_pylist():
                made.update(identity.encode())
    return Result(seconds, after - before, made.hexdigest())


def computed() -> float:
    """Seconds that this process and those below it have computed for so far, as `/proc` tells, those included that have ended."""
    ticks, below = 0, {os.getpid()}
    stats = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stats[int(entry.name)] = (entry / "stat").read_text().rpartition(")")[2].split()
    while grown := {process for process, fields in stats.items() if int(fields[1]) in below} - below:
        below |= grown
    for process in below:
        ticks += sum(int(value) for value in stats[process][11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--megabytes", type=float, default=1000, help="of JSON lines")
    parser.add_argument("--files", type=int, default=20_000, help="into which the same bytes go")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--unit-megabytes", type=float, default=128, help="`input.unit_bytes`; at least so many units as cores are needed")
    parser.add_argument("--only", choices=["cores", "files"], help="one of the two comparisons")
    parser.add_argument("--shard", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.shard:
        print(*shard_here(options.shard, options.cores, options.unit_megabytes))
        return
    with tempfile.TemporaryDirectory(prefix="bench-units-") as name:
        if os.getloadavg()[0] > 1.5:
            print(f"other work runs on this machine (load {os.getloadavg()[0]:.1f}): the runs do not meet the same conditions")

        def runs(pairs: list[tuple[int, int]]) -> list[Result]:
            for files in dict.fromkeys(files for files, _ in pairs):
                write(Path(name) / str(files), options.megabytes, files)
            results = [result_of(Path(name) / str(files), cores, options.unit_megabytes) for files, cores in pairs]
            if len({result.documents for result in results}) > 1:
                raise SystemExit("the runs do not give the same documents")
            return results

        ratios = []
        if options.only != "files":
            alone, beside = runs([(1, 1), (1, options.cores)])
            print(f"one file of {options.megabytes:,.0f} MB   {alone} on 1 core   {beside} on {options.cores} cores")
            ratios.append(f"cores ratio {alone.seconds / beside.seconds:.2f}")
        if options.only != "cores":
            few, many = runs([(FEW, options.cores), (options.files, options.cores)])
            print(f"the same bytes           {few} in {FEW} files  {many} in {options.files:,} files")
            ratios.append(f"files ratio {many.seconds / few.seconds:.2f}")
    print("\n".join(ratios))


if __name__ == "__main__":
    main()
