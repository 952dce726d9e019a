"""Reading a virtual mixture beside reading the same mixture from its files with pyarrow.

    python bench/virtual.py [--megabytes 300] [--window 8000000]

Both give all rows in the same order as Arrow tables, which is checked. The virtual mixture is read without a folder that keeps row groups,
with an empty one, and with the one that this has left. What it takes to make either is told too, and the bytes of the index beside those of
the mixture. The last line is `virtual ratio R`: rows a second of the virtual mixture with a full folder over those of the files; medians.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

from bench.mix_corpus import settings_of, write_corpus  # noqa: E402  # the path comes first

REPEATS = 3
MEAN_WORDS = 500
BYTES_A_PAIR = 5000  # of an original and a rewrite, about
SHARES = [{"origin": "original", "share": 0.6}, {"origin": "synthetic", "share": 0.4}]


def materialised(output: Path) -> Iterator[pa.Table]:
    for path in sorted((output / "mixture/data").glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)


def virtual(output: Path, window: int, keep_in: Path | None) -> Iterator[pa.Table]:
    from rephrase.loading import VirtualMixture

    mixture = VirtualMixture(str(output / "virtual"), window_tokens=window, keep_in=str(keep_in) if keep_in else None)
    for table, _ in mixture.tables():
        yield table


def rows_a_second(tables: Iterator[pa.Table]) -> tuple[float, list[str]]:
    start = time.perf_counter()
    ids = [table.column("id") for table in tables]
    seconds = time.perf_counter() - start
    all_ids = [value for column in ids for value in column.to_pylist()]
    return len(all_ids) / seconds, all_ids


def timed(what: str, work: Callable[[], Any]) -> None:
    start = time.perf_counter()
    work()
    print(f"{what}: {time.perf_counter() - start:.1f} s", flush=True)


def size_of(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet")) / 1e6


def main() -> None:
    from rephrase.config.run import Run, Spark
    from rephrase.settings.validation import validate
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.mix.stage import mix
    from rephrase.spark.stages.mix.virtual import virtual_mix

    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=300)
    parser.add_argument("--window", type=int, default=8_000_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="virtual-"))
    try:
        pairs = int(options.megabytes * 1e6 / BYTES_A_PAIR)
        corpus = write_corpus(folder, pairs, pairs, MEAN_WORDS)
        print(f"{corpus.text_bytes / 1e6:,.0f} MB of text in {sum(corpus.rows.values()):,} rows; windows of {options.window:,} tokens")
        run = validate(Run, settings_of(folder, {"components": SHARES, "file_tokens": 10_000_000}), "bench")
        session = LazySession(Spark(master="local[2]"))
        session.get().range(10).count()
        timed("mixture written", lambda: mix(run, session))
        timed("index and manifest", lambda: virtual_mix(run, session))
        timed("manifest alone", lambda: virtual_mix(run, session))
        session.stop()
        print(f"{size_of(folder / 'virtual'):,.1f} MB of index beside {size_of(folder / 'mixture'):,.1f} MB of mixture", flush=True)
        rates: dict[str, list[float]] = {}
        for _ in range(REPEATS):
            kept = folder / "kept"
            shutil.rmtree(kept, ignore_errors=True)
            readers: dict[str, Iterator[pa.Table]] = {
                "files": materialised(folder),
                "virtual": virtual(folder, options.window, None),
                "virtual, empty folder": virtual(folder, options.window, kept),
                "virtual, full folder": virtual(folder, options.window, kept),
            }
            order: list[str] = []
            for name, tables in readers.items():
                rate, ids = rows_a_second(tables)
                assert not order or ids == order
                order = ids
                rates.setdefault(name, []).append(rate)
        medians = {name: statistics.median(values) for name, values in rates.items()}
        for name, rate in medians.items():
            print(f"{name}: {rate:,.0f} rows/s, {rate / medians['files']:.3f} of the files'")
        print(f"virtual ratio {medians['virtual, full folder'] / medians['files']:.3f}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
