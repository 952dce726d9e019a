"""placeholder"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.mix_corpus import Corpus, settings_of, write_corpus  # noqa: E402  # the path comes first

REPEATS = 3
GROUP_ROWS = 1000
BYTES_A_ORIGINAL = 2500


def copy(task: tuple[str, str]) -> None:
    """Read a file row group by row group, all columns, and write it again."""
    source, target = task
    with pq.ParquetFile(source) as file, pq.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer:
        for group in range(file.num_row_groups):
            writer.write_table(file.read_row_group(group, use_threads=False), row_group_size=GROUP_ROWS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    from jobs.mix import mix
    from jobs.session import LazySession
    from rephrase import tables
    from rephrase.config import Run, Spark, validate

    with tempfile.TemporaryDirectory(prefix="bench-mix-") as name:
        folder = Path(name)
        t = time.perf_counter()
        rows = int(options.megabytes * 1e6 / 2.65 / 800)
        corpus = write_corpus(folder, rows, rows, 400)
        print(corpus, time.perf_counter() - t, flush=True)
        total = sum(corpus.tokens.values())
        share = round(corpus.tokens["original"] / total, 7)
        run: Run = validate(
            Run,
            settings_of(
                folder,
                {
                    "components": [{"origin": "original", "share": share}, {"origin": "synthetic", "share": 1 - share}],
                    "file_tokens": total // (4 * options.cores),
                    "row_group_rows": GROUP_ROWS,
                },
            ),
            "bench",
        )
        pool = multiprocessing.get_context("spawn").Pool(options.cores)
        session = LazySession(Spark(conf={"spark.executor.memory": "2g"}), f"local-cluster[1,{options.cores},2048]")
        t = time.perf_counter()
        session.get().range(10).count()
        print(f"Spark started in {time.perf_counter() - t:.1f} s", flush=True)
        ours, theirs = [], []
        for repeat in range(options.repeats + 1):
            shutil.rmtree(folder / "mixture", ignore_errors=True)
            t = time.perf_counter()
            mix(run, session)
            ours.append(time.perf_counter() - t)
            paths = tables.objects(str(folder / "mixture"))
            (folder / "copy").mkdir(exist_ok=True)
            t = time.perf_counter()
            pool.map(copy, [(p, str(folder / "copy" / f"{n}.parquet")) for n, p in enumerate(paths)], chunksize=1)
            theirs.append(time.perf_counter() - t)
            print(ours[-1], theirs[-1], os.getloadavg()[0], flush=True)
        pool.close()
        session.stop()
        print(f"mix ratio {statistics.median(theirs[1:]) / statistics.median(ours[1:]):.2f}")


if __name__ == "__main__":
    main()
