"""Near duplicates on a Spark cluster of this machine beside datatrove and rensa: documents a second, planted pairs, and memory.

    python bench/dedup.py [--documents 100000 1000000] [--cores 2] [--peer-documents 4000] [--by minhash]

Texts of a hundred words; one in twenty is another one with three words replaced. Peak memory is told of the driver (Python and
JVM), of the executor's JVM and of the largest Python worker; the driver's must not grow with the documents. `--by semantic` searches by
meaning too, with a static model of random vectors of 256 numbers; `--by bloom` searches by a filter. The peers search fewer of the same
documents by MinHash, on one core and without a cluster. The last line is
`dedup R documents/s a core, datatrove ratio X, rensa ratio Y`, where a ratio above 1 is in our favour.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

from bench import dedup_peers  # noqa: E402  # the path comes first
from bench.memory import Peak  # noqa: E402

WORDS, GROUP, OBJECT = 100, 2000, 20_000
PLANTED = 20  # one in so many
VOCABULARY = 20_000


def write_documents(output: Path, documents: int) -> list[tuple[str, str]]:
    """A documents table over several objects. Returns the ids of the planted pairs."""
    from rephrase.records import DOCUMENT, content_id
    from rephrase.spark.stages.base import Tables
    from rephrase.spark.stages.ledger import claim
    from rephrase.spark.stages.meaning import Meaning
    from rephrase.storage import tables

    dice = np.random.default_rng(0)
    vocabulary = np.array([f"w{number}" for number in range(VOCABULARY)])
    pairs = []
    for number in range(-(-documents // OBJECT)):
        writer = tables.Writer(DOCUMENT)
        for _ in range(0, min(OBJECT, documents - number * OBJECT), GROUP):
            words = vocabulary[(len(vocabulary) * dice.random((GROUP, WORDS)) ** 3).astype(np.int64)]
            twins = np.arange(0, GROUP, PLANTED)
            words[twins + 1] = words[twins]
            words[twins + 1, 50:53] = vocabulary[dice.integers(0, len(vocabulary), (len(twins), 3))]
            texts = [" ".join(row) for row in words]
            ids = [content_id(text) for text in texts]
            pairs += [(ids[at], ids[at + 1]) for at in twins]
            rows = {"id": ids, "text": texts, "source": ["bench"] * GROUP}
            writer.add(pa.table([pa.array(rows.get(f.name, [None] * GROUP), f.type) for f in DOCUMENT], schema=DOCUMENT))
        writer.commit(str(output / "documents" / f"part-{number:05d}.parquet"))
    claim(str(output / "documents"), Tables.DOCUMENTS, Meaning({"bench": documents}))
    return pairs


def write_model(folder: Path) -> str:
    """A static model that knows the words."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["[UNK]", *(f"w{number}" for number in range(VOCABULARY))]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106  # no password
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    vectors = np.random.default_rng(1).normal(size=(len(words), 256)).astype(np.float32)
    StaticModel(vectors, tokenizer, normalize=True).save_pretrained(str(folder))
    return str(folder)


def search(folder: Path, documents: int, cores: int, by: str) -> float:
    """Documents a second a core."""
    from rephrase.config.run import Run, Spark
    from rephrase.settings.validation import validate
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.base import Tables
    from rephrase.spark.stages.dedup.stage import find_duplicates
    from rephrase.storage import tables

    settings: dict[str, Any] = {
        "output": str(folder),
        "input": {"paths": "unused"},
        "tokenizer": "unused",
        "engine": {"kind": "echo"},
        "recipes": ["wrap/easy"],
        "dedup": {},
    }
    if by == "semantic":
        settings["dedup"] = {"semantic": {"model": write_model(folder / "model")}}
    elif by == "bloom":
        settings["dedup"] = {"bloom": {"expected": documents * WORDS}}
    run: Run = validate(Run, settings, "bench")
    pairs = write_documents(folder, documents)
    session = LazySession(Spark(conf={"spark.executor.memory": "2g"}), f"local-cluster[1,{cores},2048]")
    session.get().range(10).count()  # the cluster is up before the clock starts
    with Peak() as peak:
        started = time.perf_counter()
        find_duplicates(run, session, Tables.DOCUMENTS)
        seconds = time.perf_counter() - started
    session.stop()
    out = {row["id"] for path in tables.objects(str(folder / "duplicates" / "documents")) for row in tables.read(path).to_pylist()}
    count = sum(a in out or b in out for a, b in pairs)
    memory = ", ".join(f"{kind} {size:,.0f} MB" for kind, size in sorted(peak.megabytes.items()))
    found = f"{count:,} of {len(pairs):,} planted pairs, {len(out) - count:,} others"
    print(f"{by}: {documents:,} documents in {seconds:.1f} s; {found}; {memory}", flush=True)
    return documents / seconds / cores


def peers(documents: int) -> dict[str, float]:
    """Documents a second of each peer, on documents of the same kind."""
    from rephrase.storage import tables

    rates = {}
    with tempfile.TemporaryDirectory() as scratch:
        pairs = write_documents(Path(scratch), documents)
        rows = tables.read_folder(str(Path(scratch) / "documents"), ["id", "text"])
        numbers = {id_: number for number, id_ in enumerate(rows.column("id").to_pylist())}
        texts = rows.column("text").to_pylist()
        for name, (seconds, gone) in {
            "datatrove": dedup_peers.datatrove(texts, Path(scratch) / "peer"),
            "rensa": dedup_peers.rensa(texts),
        }.items():
            count = sum(numbers[a] in gone or numbers[b] in gone for a, b in pairs)
            rates[name] = documents / seconds
            print(f"{name}: {documents:,} documents in {seconds:.1f} s; {count:,} of {len(pairs):,} planted pairs")
    return rates


def main() -> None:
    """Search tables of each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, nargs="+", default=[100_000, 1_000_000], help=f"multiples of {GROUP:,}")
    parser.add_argument("--cores", type=int, default=2, help="Spark tasks at a time")
    parser.add_argument("--peer-documents", type=int, default=2 * GROUP, help=f"a multiple of {GROUP:,}")
    parser.add_argument("--by", choices=["minhash", "semantic", "bloom"], default="minhash", help="what finds them")
    options = parser.parse_args()
    theirs = peers(options.peer_documents)
    rate = 0.0
    for documents in options.documents:
        with tempfile.TemporaryDirectory() as scratch:
            rate = search(Path(scratch), documents, options.cores, options.by)
    ratios = ", ".join(f"{name} ratio {rate / peer:.2f}" for name, peer in theirs.items())
    print(f"dedup {rate:,.0f} documents/s a core, {ratios}")


if __name__ == "__main__":
    main()
