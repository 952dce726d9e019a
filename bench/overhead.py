"""What our own path can push, with an engine that answers at once, and what memory it takes.

    python bench/overhead.py [--requests 10000 100000] [--units 100000] [--cores 2]

First `generate` alone, in this process: passages to prompts to parsed rows to Parquet bytes. Then the whole rewrite stage on Spark,
for each number of requests, with the peak memory of the driver (Python and JVM) and of the largest Python worker, which must not grow with
the number of requests. Last, a run of `--units` units of one request each. The last line is `overhead R requests/s a core`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

WORDS = "the tide of sea and moon rises falls slowly under a clear northern sky while boats wait in harbour for water to return".split()  # noqa: SIM905  # a sentence is easier to read than a list
ROWS_A_UNIT = 2000


def write_documents(output: Path, requests: int, rows_a_unit: int, objects: int = 1) -> None:
    """A documents table of one-passage documents, row group by row group, so that this process stays small."""
    from rephrase.names import DocumentsName
    from rephrase.notes import DocumentsNote
    from rephrase.records import DOCUMENT, content_id
    from rephrase.spark.stages.base import Tables
    from rephrase.spark.stages.ledger import claim
    from rephrase.spark.stages.meaning import Meaning
    from rephrase.storage import tables

    shuffle = random.Random(0)
    tails = [" ".join(shuffle.choices(WORDS, k=95)).capitalize() + "." for _ in range(1000)]
    number = 0
    for index in range(objects):
        writer, groups = tables.Writer(DOCUMENT), []
        last = requests * (index + 1) // objects
        while number < last:
            size = min(rows_a_unit, last - number)
            texts = [f"Note {n}. {tails[n % 1000]}" for n in range(number, number + size)]
            rows = [{"id": content_id(text), "text": text, "source": "bench", "n_tokens": 100, "synthetic_depth": 0} for text in texts]
            writer.add(pa.Table.from_pylist(rows, schema=DOCUMENT))
            groups.append(100 * size)
            number += size
        writer.commit(
            str(output / "documents" / str(DocumentsName(index))),
            DocumentsNote(documents=sum(groups) // 100, row_group_tokens=tuple(groups)),
        )
    claim(str(output / "documents"), Tables.DOCUMENTS, Meaning({"bench": requests}))


def tokenizer_file(folder: Path) -> str:
    """A small tokenizer, trained on the spot; with all bytes in its alphabet, as those of models have them."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator([" ".join(WORDS)] * 10, trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False))
    inner.save(str(folder / "tokenizer.json"))
    return str(folder / "tokenizer.json")


def generate_alone(folder: Path, tokenizer: str, requests: int) -> float:
    """Requests a second of one process, without Spark."""
    from rephrase.engines.echo import Echo
    from rephrase.generation.loop import generate
    from rephrase.generation.rows import rows_of
    from rephrase.generation.step_run import StepRun
    from rephrase.recipes.catalogue import recipes_of
    from rephrase.recipes.use import RecipeUse
    from rephrase.storage import tables
    from rephrase.text.tokenizer import Tokenizer

    write_documents(folder / "alone", requests, ROWS_A_UNIT)
    [path] = tables.objects(str(folder / "alone" / "documents"))
    [recipe] = recipes_of([RecipeUse(use="wrap/medium")])
    step_run = StepRun(recipe, recipe.steps[0], Tokenizer.load(tokenizer), "echo")
    rows = 0
    started = time.perf_counter()
    for group in tables.read_row_groups(path):
        table, tally = asyncio.run(generate(rows_of(group, {}), step_run, Echo()))
        tables.encode(table, tally.note())
        rows += table.num_rows
    return rows / (time.perf_counter() - started)


STAGE = """
import sys, time
sys.path.insert(0, {root!r})
from bench.memory import Peak
from rephrase.spark.stages.rewrite.stage import rewrite_stage
from rephrase.spark.runtime.session import LazySession
from rephrase.config.run import Run, Spark
from rephrase.settings.validation import validate
run = validate(Run, dict(output={output!r}, input=dict(paths="unused"), tokenizer={tokenizer!r}, engine=dict(kind="echo"),
                         recipes=["wrap/medium"]), "bench")
session = LazySession(Spark(), "local[{cores}]")
session.get().range(8).count()
with Peak() as peak:
    started = time.perf_counter()
    rewrite_stage(run, session)
    seconds = time.perf_counter() - started
session.stop()
print("STAGE", seconds, *(round(peak.megabytes.get(kind, 0)) for kind in ("driver", "jvm", "worker")))
"""


def stage(folder: Path, tokenizer: str, requests: int, rows_a_unit: int, cores: int, objects: int = 1) -> tuple[float, list[int]]:
    """Seconds of the whole stage in a process of its own, and its peak memory in MB: driver, JVM, largest worker."""
    output = folder / f"stage-{requests}-{rows_a_unit}"
    write_documents(output, requests, rows_a_unit, objects)
    script = STAGE.format(root=str(ROOT), output=str(output), tokenizer=tokenizer, cores=cores)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    line = next((line for line in result.stdout.splitlines() if line.startswith("STAGE")), None)
    if line is None:
        sys.exit(result.stderr[-3000:])
    _, seconds, *memory = line.split()
    from rephrase.notes import GenerationsNote
    from rephrase.storage import tables

    rows = sum(footer.rows for footer in tables.footers(tables.objects(str(output / "generations")), GenerationsNote))
    if rows != requests:
        sys.exit(f"{rows} rows for {requests} requests")
    return float(seconds), [int(value) for value in memory]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--units", type=int, default=0, help="also a run of so many units of one request each")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="overhead-") as name:
        folder = Path(name)
        tokenizer = tokenizer_file(folder)
        alone = generate_alone(folder, tokenizer, 20_000)
        print(f"generate alone, one process: {alone:,.0f} requests/s")
        print("peak memory in MB:      seconds  requests/s a core   driver   jvm   worker", flush=True)
        runs = [(requests, ROWS_A_UNIT, 1) for requests in options.requests]
        runs += [(options.units, 1, max(1, options.units // 1000))] if options.units else []
        last = 0.0
        for requests, rows_a_unit, objects in runs:
            seconds, memory = stage(folder, tokenizer, requests, rows_a_unit, options.cores, objects)
            rate = requests / seconds / options.cores
            label = f"{requests:,} requests" if rows_a_unit > 1 else f"{requests:,} units"
            print(f"{label:<22} {seconds:8.1f} {rate:18,.0f} {memory[0]:8} {memory[1]:5} {memory[2]:8}", flush=True)
            last = rate if rows_a_unit > 1 else last
    print(f"overhead {last:.0f} requests/s a core")


if __name__ == "__main__":
    main()
