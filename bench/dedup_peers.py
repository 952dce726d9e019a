"""The same search for near duplicates by datatrove and by a bare library, rensa: each on one core, with the bands and shingles of ours."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NGRAM, BANDS, ROWS, THRESHOLD = 5, 14, 8, 0.7


def datatrove(texts: Sequence[str], folder: Path) -> tuple[float, set[int]]:
    """Seconds of datatrove's four steps, and the numbers of the texts that go: its clusters are transitive, and nothing is verified."""
    os.environ["TQDM_DISABLE"] = "1"  # which is read when it is imported
    from datatrove.data import Document
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.logging import logger

    logger.disable("datatrove")
    config = MinhashConfig(n_grams=NGRAM, num_buckets=BANDS, hashes_per_bucket=ROWS)
    signatures, buckets, removed = (str(folder / name) for name in ("signatures", "buckets", "removed"))
    documents = [Document(text=text, id=str(number)) for number, text in enumerate(texts)]
    first = MinhashDedupSignature(signatures, config)
    first.get_signature(first.get_shingles("its word tokenizer loads before the clock starts"))
    started = time.perf_counter()
    first.run(iter(documents), 0, 1)
    for bucket in range(BANDS):
        MinhashDedupBuckets(signatures, buckets, config=config).run(None, bucket, BANDS)
    MinhashDedupCluster(buckets, removed, config).run(None, 0, 1)
    kept = {int(document.id) for document in MinhashDedupFilter(removed).run(iter(documents), 0, 1)}
    return time.perf_counter() - started, set(range(len(texts))) - kept


def rensa(texts: Sequence[str]) -> tuple[float, set[int]]:
    """Seconds of a loop in memory, and the numbers of the texts that go: those that are alike to one that stays, by the estimate."""
    from rensa import RMinHash, RMinHashLSH

    started = time.perf_counter()
    index = RMinHashLSH(THRESHOLD, BANDS * ROWS, BANDS)
    signatures: dict[int, Any] = {}
    gone: set[int] = set()
    for number, text in enumerate(texts):
        words = text.lower().split()
        signature = RMinHash(BANDS * ROWS, 1)
        signature.update([" ".join(words[at : at + NGRAM]) for at in range(max(1, len(words) - NGRAM + 1))])
        if any(signature.jaccard(signatures[other]) >= THRESHOLD for other in index.query(signature)):
            gone.add(number)
        else:
            index.insert(number, signature)
            signatures[number] = signature
    return time.perf_counter() - started, gone
