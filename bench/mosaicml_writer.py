"""mosaicml-streaming's own writer on the texts of a Parquet file: python bench/mosaicml_writer.py in.parquet folder [tokenizer eod].

Run by bench/export.py with .venv/readers on the path. Prints seconds of the processor. Without a tokenizer samples hold text, with one
tokens too, encoded in batches by `tokenizers`, whose encoding is what the writer's users have.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.remove(str(Path(__file__).resolve().parent))  # a library is called `catalogue`, too
import tests.no_images  # noqa: F401

# isort: split

from streaming import MDSWriter
from tokenizers import Tokenizer

_BATCH = 256


def samples(path: str, tokenizer: Tokenizer | None, eod: int) -> Iterator[dict[str, object]]:
    """The rows as the writer takes them."""
    for batch in pq.ParquetFile(path).iter_batches(_BATCH, columns=["text"]):
        texts = batch.column(0).to_pylist()
        if tokenizer is None:
            yield from ({"text": text} for text in texts)
        else:
            for text, encoding in zip(texts, tokenizer.encode_batch_fast(texts, add_special_tokens=False), strict=True):
                yield {"text": text, "tokens": np.array([*encoding.ids, eod], np.uint32)}


def main() -> None:
    """Write the shards."""
    path, folder, *vocabulary = sys.argv[1:]
    columns = {"text": "str"}
    tokenizer, eod = None, 0
    if vocabulary:
        columns["tokens"] = "ndarray:uint32"
        tokenizer = Tokenizer.from_file(vocabulary[0])
        tokenizer.encode_special_tokens = True
        eod = tokenizer.get_vocab()[vocabulary[1]]
    started = time.process_time()
    with MDSWriter(out=folder, columns=columns, hashes=["sha256"], exist_ok=True) as writer:
        for sample in samples(path, tokenizer, eod):
            writer.write(sample)
    print(time.process_time() - started)


if __name__ == "__main__":
    main()
