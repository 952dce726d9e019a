"""How fast one core writes an export, in every format, beside the writers that the loaders bring: mosaicml-streaming's and datatrove's.

    python bench/export.py [--megabytes 25] [--tokenizer examples/tokenizer.json]

The texts are the sources of the standard library in one Parquet file. Each writer has a process of its own, without Spark; seconds are of
the processor, without imports and loading the tokenizer. What both sides write must agree, and both take a SHA-256 of each file where the
peer can. datatrove tokenises and shuffles documents; against it stands our export and, before it, a shuffle of the Parquet file, since a
mixture comes shuffled. The last line is `export ratio R`, the geometric mean over both peers.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
READERS = Path(sys.prefix) / "readers"  # see infra/readers.txt
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from rephrase import storage  # noqa: E402
from rephrase.exports.base import formats  # noqa: E402
from rephrase.exports.catalogue import make_format  # noqa: E402
from rephrase.exports.vocabulary import Vocabulary, find_vocabulary  # noqa: E402
from rephrase.records import content_id  # noqa: E402
from rephrase.storage import tables  # noqa: E402


def read_texts(megabytes: float) -> list[str]:
    """Files of the standard library, in order, up to so many megabytes."""
    texts, size = [], 0
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if "site-packages" in path.parts or size > megabytes * 1e6:
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        if text:
            texts.append(text)
            size += len(text.encode())
    return texts


def alone(function: Callable[..., float], *arguments: object) -> float:
    """The value of a function in a new process, where no tokenizer has any text in its cache."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def ours(source: str, to: str, name: str, vocabulary: Vocabulary | None) -> float:
    """Seconds of one task of the export stage."""
    from rephrase.spark.runtime.units import Unit
    from rephrase.spark.stages.export import export_unit

    form = make_format(name, vocabulary, {"sequence_length": 4096} if name == "packed" else None)
    for part in ("/tiny", ""):  # at the first all is loaded that is only loaded on use
        [file] = storage.expand(f"{source}{part}/part.parquet")
        started = time.process_time()
        export_unit(Unit(f"{to}{part}/unit.parquet", file), to=f"{to}{part}", form=form)
    return time.process_time() - started


def shuffle(source: str, to: str) -> float:
    """Seconds to read a Parquet file and store its rows in another order."""
    for part in ("/tiny", ""):
        started = time.process_time()
        table = tables.read(f"{source}{part}/part.parquet")
        order = np.random.default_rng(0).permutation(table.num_rows)
        tables.commit(f"{to}{part}/part.parquet", table.take(pa.array(order)))
    return time.process_time() - started


def datatrove(texts: list[str], to: str, vocabulary: Vocabulary) -> float:
    """Seconds of datatrove's tokenizer with its shuffle of documents; reading is left out."""
    from datatrove.data import Document
    from datatrove.pipeline.tokens import DocumentTokenizer

    documents = [Document(text=text, id="") for text in texts]
    peer = DocumentTokenizer(to, vocabulary.tokenizer, eos_token=vocabulary.eod, shuffle_documents=True, local_working_dir=f"{to}-working")
    assert peer.tokenizer  # loaded on first use
    started = time.process_time()
    peer.run(iter(documents), 0, 1)
    return time.process_time() - started


def mosaicml(path: str, to: str, *vocabulary: str) -> float | None:
    """Seconds of mosaicml-streaming's writer, in a process of its own; None where it is not installed."""
    if not (READERS / "streaming").is_dir():
        return None
    command = [sys.executable, str(ROOT / "bench" / "mosaicml_writer.py"), path, to, *vocabulary]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(READERS)})
    return float(result.stdout.splitlines()[-1])


def token_documents(folder: str) -> list[bytes]:
    """The documents of `.ds` files, sorted."""
    documents = []
    for path in sorted(Path(folder).glob("*.ds")):
        tokens = np.fromfile(path, np.uint16)
        ends = np.fromfile(f"{path}.index", np.uint64).astype(np.int64)
        documents += [part.tobytes() for part in np.split(tokens, ends[:-1])]
    return sorted(documents)


def mds_samples(folder: str, columns: int) -> Iterator[list[bytes]]:
    """The values of each sample; of arrays without the head, in which the writers choose other widths for the length."""
    for path in sorted(Path(folder).glob("*.mds")):
        data = path.read_bytes()
        for start in np.frombuffer(data, "<u4", int.from_bytes(data[:4], "little"), offset=4):
            sizes = np.frombuffer(data, "<u4", columns, offset=start)
            ends = start + 4 * columns + np.cumsum(sizes)
            text, *arrays = (data[end - size : end] for size, end in zip(sizes, ends, strict=True))
            yield [text, *(array[1 + (1 << (array[0] & 3)) :] for array in arrays)]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=25)
    parser.add_argument("--tokenizer", default=str(ROOT / "examples" / "tokenizer.json"))
    options = parser.parse_args()

    texts = read_texts(options.megabytes)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    vocabulary = find_vocabulary(options.tokenizer)
    print(f"{len(texts)} texts, {megabytes:.1f} MB, tokenizer {options.tokenizer}")

    def print_rate(name: str, seconds: float) -> float:
        print(f"{name:<36} {seconds:6.2f} s {megabytes / seconds:8.1f} MB/s", flush=True)
        return seconds

    with tempfile.TemporaryDirectory() as folder:
        source, parquet = f"{folder}/in", f"{folder}/in/part.parquet"
        table = pa.table({"text": texts, "id": [content_id(text) for text in texts]})
        tables.commit(parquet, table)
        tables.commit(f"{source}/tiny/part.parquet", table.slice(0, 1))
        seconds = {"shuffle": print_rate("shuffle of the Parquet file", alone(shuffle, source, f"{folder}/shuffled"))}
        for name, kind in formats.items():
            format_vocabulary = None if kind.takes_vocabulary == "no" else vocabulary
            at = f"{folder}/shuffled" if name == "datatrove" else source
            seconds[name] = print_rate(name, alone(ours, at, f"{folder}/{name}", name, format_vocabulary))
        seconds["mds of text"] = print_rate("mds of text", alone(ours, source, f"{folder}/mds of text", "mds", None))

        theirs = print_rate("datatrove's tokenizer and shuffle", alone(datatrove, texts, f"{folder}/peer", vocabulary))
        assert token_documents(f"{folder}/peer") == token_documents(f"{folder}/datatrove"), "the two do not write the same tokens"
        ratios = [theirs / (seconds["shuffle"] + seconds["datatrove"])]
        peers = {"mds of text": mosaicml(parquet, f"{folder}/their text")}
        peers["mds"] = mosaicml(parquet, f"{folder}/their tokens", vocabulary.tokenizer, vocabulary.eod)
        lines = [f"datatrove ratio {ratios[0]:.2f}"]
        peer_seconds = {name: amount for name, amount in peers.items() if amount is not None}
        if len(peer_seconds) < len(peers):
            lines.append("mosaicml-streaming is not there and left out: `make .venv/.installed-readers` installs it")
        else:
            mosaicml_ratios = []
            for columns, name, place in ((1, "mds of text", "their text"), (2, "mds", "their tokens")):
                print_rate(f"mosaicml-streaming's {name}", peer_seconds[name])
                their_samples, our_samples = (list(mds_samples(f"{folder}/{part}", columns)) for part in (place, name))
                assert their_samples == our_samples, "the samples differ"
                mosaicml_ratios.append(peer_seconds[name] / seconds[name])
            ratios.append(math.sqrt(math.prod(mosaicml_ratios)))
            lines.append(
                f"mosaicml-streaming ratio {ratios[1]:.2f}: {mosaicml_ratios[0]:.2f} of text, {mosaicml_ratios[1]:.2f} of text and tokens"
            )
    print("\n".join(lines))
    print(f"export ratio {math.prod(ratios) ** (1 / len(ratios)):.2f}")


if __name__ == "__main__":
    main()
