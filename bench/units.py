"""What the units of the input cost: one large file on more than one core, and many small files beside few large ones.

A file of JSON lines of `--megabytes` is sharded on one core and on `--cores`; then the same bytes in `--files` files and in 50, on
`--cores`. Documents are of 20 KB, distinct; each of our Spark sessions has run the stage on a few of them before its clock starts. The
whole stage is timed: reading, ids, token counts, exact deduplication, and the final Parquet. The last lines are `cores ratio R`, of which
`--cores` is the limit, and `files ratio R`: the time of many files by that of few.

    python bench/units.py [--megabytes 1000] [--files 20000] [--cores 2]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

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
    """`megabytes` of documents in so many files."""
    folder.mkdir(parents=True)
    source = documents()
    size = megabytes * 1e6 / files
    for number in range(files):
        with open(folder / f"{number:06d}.jsonl", "wb") as file:
            while file.tell() < size:
                file.write(next(source))


def seconds_of(folder: Path, cores: int) -> float:
    """Of the shard stage on these cores, in a process of its own."""
    command = [sys.executable, __file__, "--shard", str(folder), "--cores", str(cores)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    return float(answer.split()[-1])


def shard_here(folder: Path, cores: int) -> float:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    from rephrase.config.run import Run, Spark
    from rephrase.engines.replay import ReplaySettings
    from rephrase.readers.settings import Input
    from rephrase.recipes.use import RecipeUse
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.shard.stage import shard

    with tempfile.TemporaryDirectory(prefix="bench-units-") as name:
        warm_up = Path(name) / "input"
        write(warm_up, 0.5 * cores, 2 * cores)
        session = LazySession(Spark(master=f"local[{cores}]", conf={"spark.sql.shuffle.partitions": cores}))

        def run_of(paths: Path, output: str) -> Run:
            engine = ReplaySettings(kind="replay", path="unused")
            recipes = [RecipeUse(use="wrap/easy")]
            return Run(output=f"{name}/{output}", input=Input(paths=[str(paths)]), tokenizer=TOKENIZER, engine=engine, recipes=recipes)

        shard(run_of(warm_up, "warm"), session)
        started = time.perf_counter()
        shard(run_of(folder, "out"), session)
        seconds = time.perf_counter() - started
        session.stop()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--megabytes", type=float, default=1000, help="of JSON lines")
    parser.add_argument("--files", type=int, default=20_000, help="into which the same bytes go")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--shard", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.shard:
        print(shard_here(options.shard, options.cores))
        return
    with tempfile.TemporaryDirectory(prefix="bench-units-") as name:
        if os.getloadavg()[0] > 1.5:
            print(f"other work runs on this machine (load {os.getloadavg()[0]:.1f}): the runs do not meet the same conditions")
        for files in (1, FEW, options.files):
            write(Path(name) / str(files), options.megabytes, files)
        alone, beside = (seconds_of(Path(name) / "1", cores) for cores in (1, options.cores))
        print(f"one file of {options.megabytes:,.0f} MB   {alone:8.1f} s on 1 core   {beside:8.1f} s on {options.cores} cores")
        few, many = (seconds_of(Path(name) / str(files), options.cores) for files in (FEW, options.files))
        print(f"the same bytes           {few:8.1f} s in {FEW} files  {many:8.1f} s in {options.files:,} files")
    print(f"cores ratio {alone / beside:.2f}")
    print(f"files ratio {many / few:.2f}")


if __name__ == "__main__":
    main()
