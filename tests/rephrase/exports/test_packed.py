"""How documents become packed sequences, whatever their lengths: the columns agree with each other and with the documents."""

from __future__ import annotations

import io
import math
from collections import Counter
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rephrase.exports.base import Row
from rephrase.exports.catalogue import make_format
from rephrase.exports.vocabulary import Vocabulary

EOD = 200_000


def pack(lengths: list[int], length: int, strategy: str) -> tuple[list[list[int]], list[dict[str, Any]], dict[str, int]]:
    """Documents of these lengths, their sequences, and what is counted."""
    documents = [[*range(1000 * number + 1, 1000 * number + size), EOD] for number, size in enumerate(lengths)]
    rows = [Row(str(number), b"", np.array(tokens, np.uint32), {}, 0.0) for number, tokens in enumerate(documents)]
    settings = {"sequence_length": length, "packing": strategy}
    shard = make_format("packed", Vocabulary("t", EOD + 1, "</s>", EOD), settings).shard("a", rows)
    [(name, data)] = shard.objects
    assert name == "data/a.parquet"
    return documents, pq.read_table(io.BytesIO(data)).to_pylist(), dict(shard.counts)


@pytest.mark.parametrize("strategy", ["concatenate", "best-fit"])
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=30), length=st.integers(2, 20))
def test_sequences_hold_all_tokens_and_tell_whose_they_are(strategy: str, lengths: list[int], length: int) -> None:
    documents, rows, counts = pack(lengths, length, strategy)
    found: dict[str, list[list[int]]] = {}
    padding = 0
    for row in rows:
        sizes = row["seq_lengths"]
        assert sum(sizes) == len(row["input_ids"]) == length
        assert row["seq_start_id"] == [0, *accumulate(sizes)][:-1]
        assert row["position_ids"] == [position for size in sizes for position in range(size)]
        assert row["loss_mask"] == [int(name is not None) for name, size in zip(row["ids"], sizes, strict=True) for _ in range(size)]
        for name, size, start in zip(row["ids"], sizes, row["seq_start_id"], strict=True):
            tokens = row["input_ids"][start : start + size]
            if name is None:
                assert tokens == [EOD] * size
                padding += size
            else:
                found.setdefault(name, []).append(tokens)
    assert counts == {"sequences": len(rows), "padding": padding}
    for number, document in enumerate(documents):
        pieces = sorted(found[str(number)], key=lambda piece: piece[0])
        assert [token for piece in pieces for token in piece] == document
        if strategy == "best-fit":
            assert len(pieces) == math.ceil(len(document) / length)
    if strategy == "concatenate":
        assert padding < length
        assert [token for row in rows for token in row["input_ids"]][: sum(lengths)] == [token for tokens in documents for token in tokens]


def test_best_fit_packs_the_example_of_its_paper() -> None:
    _, rows, counts = pack([14, 7, 5, 2, 3], 8, "best-fit")
    assert [row["ids"] for row in rows] == [["0"], ["0", "3"], ["1", None], ["2", "4"]]
    assert counts == {"sequences": 4, "padding": 1}


def test_best_fit_needs_few_more_sequences_than_there_are_tokens_for() -> None:
    lengths = (np.random.default_rng(0).lognormal(4, 1, 3000).astype(int) + 1).clip(max=999).tolist()
    _, rows, _ = pack(lengths, 512, "best-fit")
    assert len(rows) <= 1.01 * sum(lengths) / 512
    firsts = [int(row["ids"][0]) for row in rows]
    assert Counter(first // 1500 for first in firsts[: len(rows) // 4]) == {0: len(rows) // 4}, "in the order of the documents"
