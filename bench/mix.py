"""The mix stage on a Spark cluster of this machine, beside the limit: pyarrow copying the same mixture, as many processes as cores.

    python bench/mix.py [--megabytes 2000] [--cores 2] [--growth] [--exact [1000000]]

Ours is the whole stage: two passes that decide what is taken, the global shuffle, files, checksums and manifest. The limit reads every
column of the files that we wrote, and writes them again with the same row groups and codec. Both take turns on the same processor cores,
to which this process, the JVMs and the Python workers are pinned; `--cores` is the number of Spark tasks at a time and of the limit's
processes. Spark's start is told apart, and so is the first run, which warms the JVMs up. The last line is `mix ratio R`, the limit's
seconds over ours, medians.

`--growth` tells the peak memory of each kind of process for a tenth of the corpus and for all of it, instead. `--exact` mixes so many rows
by random configs and checks shares, provenance, and the same files from 1, 2 and 4 executors, instead.
"""

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
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

from bench.memory import Peak  # noqa: E402  # the path comes first
from bench.mix_corpus import Corpus, settings_of, write_corpus  # noqa: E402
from bench.mix_runs import cluster, mix_again  # noqa: E402

REPEATS = 5
GROUP_ROWS = 1000
MEAN_WORDS = 500
BYTES_A_PAIR = 5000  # of an original and a rewrite, about
FILES_A_CORE = 4


def write_megabytes(folder: Path, megabytes: float) -> Corpus:
    rows = int(megabytes * 1e6 / BYTES_A_PAIR)
    return write_corpus(folder, rows, rows, MEAN_WORDS)


def run_of(folder: Path, corpus: Corpus, file_tokens: int) -> Any:
    """A config by which nearly all texts are taken once."""
    from rephrase.config.run import Run
    from rephrase.settings.validation import validate

    share = round(corpus.tokens["original"] / sum(corpus.tokens.values()), 7)
    components = [{"origin": "original", "share": share}, {"origin": "synthetic", "share": 1 - share}]
    return validate(Run, settings_of(folder, {"components": components, "file_tokens": file_tokens, "row_group_rows": GROUP_ROWS}), "bench")


def started(session: Any) -> float:
    """Seconds until the cluster is up."""
    start = time.perf_counter()
    session.get().range(10).count()
    return time.perf_counter() - start


def copy(task: tuple[str, str]) -> None:
    """Read a file row group by row group, all columns, and write it again."""
    source, target = task
    with pq.ParquetFile(source) as file, pq.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, use_threads=False)
            writer.write_table(table, row_group_size=max(1, table.num_rows))


def ratio(folder: Path, megabytes: float, cores: int) -> float:
    from rephrase.storage import tables

    corpus = write_megabytes(folder, megabytes)
    print(f"{corpus.text_bytes / 1e6:,.0f} MB of text: {corpus.rows['original']:,} originals, {corpus.rows['synthetic']:,} kept rewrites")
    run = run_of(folder, corpus, sum(corpus.tokens.values()) // (FILES_A_CORE * cores) + 1)
    session = cluster(1, cores)
    print(f"Spark starts in {started(session):.1f} s", flush=True)
    seconds: dict[str, list[float]] = {"ours": [], "limit": []}
    copies = folder / "copies"
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        for repeat in range(REPEATS + 1):
            os.sync()  # what the other has left to be written is not for the next one to wait for
            ours = mix_again(run, session)
            shutil.rmtree(copies, ignore_errors=True)
            copies.mkdir()
            tasks = [(path, str(copies / Path(path).name)) for path in tables.objects(str(folder / "mixture"))]
            os.sync()
            start = time.perf_counter()
            pool.map(copy, tasks, chunksize=1)
            limit = time.perf_counter() - start
            note = "the first, not counted" if repeat == 0 else f"{corpus.text_bytes / 1e6 / ours:,.0f} MB/s"
            print(f"ours {ours:6.1f} s, the limit {limit:6.1f} s ({note}); load {os.getloadavg()[0]:.1f}", flush=True)
            if repeat:
                seconds["ours"].append(ours)
                seconds["limit"].append(limit)
    session.stop()
    return statistics.median(seconds["limit"]) / statistics.median(seconds["ours"])


def growth(folder: Path, megabytes: float, cores: int) -> None:
    """Peak memory for a tenth, and for all."""
    for size in (megabytes / 10, megabytes):
        output = folder / f"{size:.0f}"
        corpus = write_megabytes(output, size)
        run = run_of(output, corpus, 2_000_000)
        session = cluster(1, cores)
        started(session)
        with Peak() as peak:
            seconds = mix_again(run, session)
        session.stop()
        memory = ", ".join(f"{kind} {size:,.0f} MB" for kind, size in sorted(peak.megabytes.items()))
        print(f"{sum(corpus.rows.values()):,} rows, {corpus.text_bytes / 1e6:,.0f} MB of text in {seconds:.1f} s: {memory}", flush=True)
        shutil.rmtree(output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=2000, help="of text, about; Spark's own second or two weighs more on less")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--growth", action="store_true", help="peak memory instead")
    parser.add_argument("--exact", type=int, nargs="?", const=1_000_000, metavar="ROWS", help="exactness instead")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    with tempfile.TemporaryDirectory(prefix="bench-mix-") as name:
        folder = Path(name)
        if options.exact:
            from bench.mix_exact import check

            check(folder, options.exact)
        elif options.growth:
            growth(folder, options.megabytes, options.cores)
        else:
            print(f"mix ratio {ratio(folder, options.megabytes, options.cores):.2f}")


if __name__ == "__main__":
    main()
