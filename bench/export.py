"""How fast one core writes tokens, in every format, beside datatrove's own writer of `.ds` files.

    python bench/export.py [--megabytes 25] [--tokenizer examples/tokenizer.json]

The texts are the sources of the standard library. Seconds are of the processor, without Spark, in this process alone; the bytes of both
writers must agree. The last line is `export R x datatrove`.
"""

from __future__ import annotations

import argparse
import os
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["TOKENIZERS_PARALLELISM"] = "false"


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


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=25)
    parser.add_argument("--tokenizer", default=str(ROOT / "examples" / "tokenizer.json"))
    options = parser.parse_args()

    from datatrove.data import Document
    from datatrove.pipeline.tokens import DocumentTokenizer

    from jobs.export import export_unit
    from jobs.units import Unit
    from rephrase import storage, tables
    from rephrase.exports import FORMATS
    from rephrase.exports.catalogue import find_vocabulary, make_format

    texts = read_texts(options.megabytes)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    vocabulary = find_vocabulary(options.tokenizer)
    print(f"{len(texts)} texts, {megabytes:.1f} MB, tokenizer {options.tokenizer}")
    with tempfile.TemporaryDirectory() as folder:
        tables.commit(f"{folder}/in/part.parquet", pa.table({"text": texts}), {})
        [file] = storage.list_files(f"{folder}/in")
        seconds: dict[str, float] = {}
        for name in sorted(FORMATS, key=lambda name: name != "datatrove"):  # first, while nothing is in a cache
            chosen = None if name == "jsonl" else vocabulary
            unit, form = Unit(f"{folder}/{name}/unit.parquet", file), make_format(name, chosen)
            started = time.process_time()
            export_unit(unit, to=f"{folder}/{name}", form=form, vocabulary=chosen)
            seconds[name] = time.process_time() - started
            tokens = tables.footer(unit.output).note["tokens"]
            print(f"{name:<10} {seconds[name]:6.2f} s {megabytes / seconds[name]:8.1f} MB/s {tokens / seconds[name] / 1e6:8.2f} M tokens/s")
        peer = DocumentTokenizer(f"{folder}/peer", options.tokenizer, eos_token=vocabulary.eod, shuffle_documents=False)
        started = time.process_time()
        peer.run(iter([Document(text=text, id="") for text in texts]), 0, 1)
        theirs = time.process_time() - started
        print(f"{'peer':<10} {theirs:6.2f} s {megabytes / theirs:8.1f} MB/s")
        ours = b"".join(path.read_bytes() for path in sorted(Path(f"{folder}/datatrove").glob("*.ds")))
        assert ours == next(Path(f"{folder}/peer").glob("*.ds")).read_bytes(), "the two do not write the same tokens"
    print(f"export {theirs / seconds['datatrove']:.1f} x datatrove")


if __name__ == "__main__":
    main()
