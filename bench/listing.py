"""What it costs the driver to know its input: listing files, and dealing them out to units, by the number of files.

A store of made-up names gives `--files` of them, each of `--bytes`, after a tenth as many; each time in a process of its own. The last line
tells the processor time and the highest memory of a file, by the difference of the two, in which Python and its packages are not.

    python bench/listing.py [--files 1000000] [--bytes 20000]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from typing_extensions import override

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))


def list_here(count: int, size: int) -> tuple[float, int, int]:
    """Seconds, bytes of memory at the peak, and units."""
    from rephrase.config.run import Run
    from rephrase.engines.replay import ReplaySettings
    from rephrase.readers.settings import Input
    from rephrase.recipes.use import RecipeUse
    from rephrase.spark.stages.shard.plan import input_files, units_of_input
    from rephrase.spark.stages.shard.stage import meaning_of
    from rephrase.storage.base import FileInfo, stores
    from rephrase.storage.read_only import ReadOnly

    @stores.register("names")
    class Names(ReadOnly):
        """Files as crawls name them."""

        @override
        def read_range(self, path: str, start: int, end: int) -> bytes:
            return b""

        @override
        def size_of(self, path: str) -> int | None:
            return None

        @override
        def list_files(self, folder: str) -> Iterator[FileInfo]:
            for number in range(count):
                yield FileInfo(f"{folder}/segments/{number // 1000:06d}/warc/part-{number:09d}.parquet", size, 1.7e9 + number)

    recipes = [RecipeUse(use="wrap/easy")]
    taken = Input(paths=["names://bucket/crawl"])
    run = Run(output="none", input=taken, tokenizer="none", engine=ReplaySettings(kind="replay", path="unused"), recipes=recipes)
    started = time.process_time()
    files = input_files(taken.paths, run.output)
    units = units_of_input(run, files)
    meaning_of(run, files, units)
    return time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, len(units)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--bytes", type=int, default=20_000, help="of each file")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(*list_here(options.files, options.bytes))
        return
    seconds, memory = [], []
    for count in (options.files // 10, options.files):
        command = [sys.executable, __file__, "--here", "--files", str(count), "--bytes", str(options.bytes)]
        took, held, units = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.split()[-3:]
        print(f"{count:>10,} files   {float(took):6.1f} s   {int(held) / 2**20:6.0f} MiB   {int(units):,} units")
        seconds.append(float(took))
        memory.append(int(held))
    more = options.files - options.files // 10
    print(f"listing {(seconds[1] - seconds[0]) / more * 1e6:.1f} us and {(memory[1] - memory[0]) / more:.0f} bytes a file")


if __name__ == "__main__":
    main()
